"""Every method of the client meets a route of the API that exists."""

from collections.abc import Awaitable, Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI

from tlfif.api.routes.cost import cost_routes
from tlfif.api.routes.images import image_routes
from tlfif.api.routes.infer import infer_routes
from tlfif.api.routes.jobs import job_routes
from tlfif.api.routes.machine import machine_routes
from tlfif.api.routes.models import model_routes
from tlfif.api.routes.server import ServerFacts, server_routes
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.tlfif_client import TlfifClient

Call = Callable[[TlfifClient], Awaitable[object]]
CALLS: dict[str, tuple[Call, tuple[str, str], dict[str, Any]]] = {
    "infer": (lambda c: c.infer({"messages": []}), ("POST", "/v1/infer"), {"body": {"messages": []}}),
    "job": (lambda c: c.job("job_1"), ("GET", "/v1/jobs/{job_id}"), {}),
    "jobs": (lambda c: c.jobs(limit=5), ("GET", "/v1/jobs"), {"params": {"limit": 5}}),
    "cancel": (lambda c: c.cancel("job_1"), ("POST", "/v1/jobs/{job_id}/cancel"), {}),
    "delete": (lambda c: c.delete_job("job_1"), ("DELETE", "/v1/jobs/{job_id}"), {}),
    "machine": (lambda c: c.machine(), ("GET", "/v1/machine"), {}),
    "history": (lambda c: c.machine_history(limit=3), ("GET", "/v1/machine/history"), {"params": {"limit": 3}}),
    "start": (lambda c: c.start_machine(), ("POST", "/v1/machine/start"), {"body": {"model": None}}),
    "stop": (lambda c: c.stop_machine(jobs="requeue"), ("POST", "/v1/machine/stop"), {"body": {"jobs": "requeue"}}),
    "idle": (lambda c: c.set_idle_timeout(2), ("PUT", "/v1/machine/idle-timeout"), {"body": {"minutes": 2}}),
    "models": (lambda c: c.models(), ("GET", "/v1/models"), {}),
    "pull": (lambda c: c.start_pull("m", force=True), ("POST", "/v1/models/{name}/pull"), {"body": {"force": True}}),
    "verify": (lambda c: c.verify("m"), ("POST", "/v1/models/{name}/verify"), {}),
    "server": (lambda c: c.server(), ("GET", "/v1/server"), {}),
    "cost": (
        lambda c: c.cost(region="us-east-1", instance_type="g6.xlarge"),
        ("GET", "/v1/cost"),
        {"params": {"region": "us-east-1", "instance_type": "g6.xlarge"}},
    ),
    "cost as set": (lambda c: c.cost(), ("GET", "/v1/cost"), {"params": {}}),
    "standing": (
        lambda c: c.standing_cost(region="eu-west-1"),
        ("GET", "/v1/cost/standing"),
        {"params": {"region": "eu-west-1"}},
    ),
    "advice": (
        lambda c: c.idle_advice(instance_type="g5.xlarge"),
        ("GET", "/v1/cost/advice"),
        {"params": {"instance_type": "g5.xlarge"}},
    ),
    "refresh": (
        lambda c: c.refresh_prices(),
        ("POST", "/v1/cost/prices/refresh"),
        {"answer_seconds": 1500.0, "tries": 1},
    ),
    "limit": (
        lambda c: c.set_budget("0.05", simulated_aws=True),
        ("PUT", "/v1/budget"),
        {"body": {"limit_eur": "0.05", "simulated_aws": True}},
    ),
    "no limit": (
        lambda c: c.set_budget(None),
        ("PUT", "/v1/budget"),
        {"body": {"limit_eur": None, "simulated_aws": False}},
    ),
    "release": (lambda c: c.release_budget(), ("POST", "/v1/budget/release"), {}),
    "images": (lambda c: c.images(limit=3), ("GET", "/v1/images"), {"params": {"limit": 3}}),
    "image": (lambda c: c.image("v1"), ("GET", "/v1/images/{version}"), {}),
    "image log": (
        lambda c: c.image_log("v1", after=3, wait=1),
        ("GET", "/v1/images/{version}/log"),
        {"params": {"after": 3, "wait": 1}},
    ),
    "build": (lambda c: c.build_image(repository="/r"), ("POST", "/v1/images/build"), {"body": {"repository": "/r"}}),
    "approve": (lambda c: c.decide_on_image("v1", "approve"), ("POST", "/v1/images/{version}/approve"), {}),
    "reject": (lambda c: c.decide_on_image("v1", "reject"), ("POST", "/v1/images/{version}/reject"), {}),
    "retire": (lambda c: c.decide_on_image("v1", "retire"), ("POST", "/v1/images/{version}/retire"), {}),
    "promote": (lambda c: c.promote_image("v1"), ("POST", "/v1/images/{version}/promote"), {}),
    "roll back": (lambda c: c.roll_back_image(), ("POST", "/v1/images/rollback"), {"body": {}, "tries": 1}),
    "watch": (
        lambda c: c.follow_repository("/r", branch="main"),
        ("PUT", "/v1/images/watch"),
        {"body": {"repository": "/r", "promotes": False, "branch": "main"}},
    ),
    "leave": (lambda c: c.leave_repository(), ("DELETE", "/v1/images/watch"), {}),
    "other": (lambda c: c.request("GET", "/metrics"), ("GET", "/metrics"), {}),
}


@cache
def routes() -> set[tuple[str, str]]:
    container = cast(Any, SimpleNamespace(models=None))
    facts = ServerFacts(port=1, uptime=lambda: 0.0, exits_in=lambda: None, stop=lambda: None)
    routers = [
        infer_routes(container),
        job_routes(container),
        machine_routes(container),
        model_routes(container, container),
    ]
    routers += [server_routes(container, facts), cost_routes(container), image_routes(container)]
    app = FastAPI()
    for router in routers:
        app.router.routes.extend(router.routes)
    return {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}


@pytest.mark.requirement("1.2.1", "2.1.7")
@pytest.mark.parametrize("name", CALLS)
async def test_a_method_asks_a_route_that_exists(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call, (method, pattern), options = CALLS[name]
    seen: list[tuple[str, str, dict[str, Any]]] = []

    async def request(method: str, path: str, **given: Any) -> dict[str, Any]:
        seen.append((method, path, given))
        return {"models": []}

    client = TlfifClient(FixedEndpoint(endpoint=Endpoint(base_url="http://127.0.0.1:9", token="t")))
    monkeypatch.setattr(client._connection, "request", request)
    await call(client)
    path = pattern.replace("{job_id}", "job_1").replace("{name}", "m").replace("{version}", "v1")
    assert [(m, p) for m, p, _ in seen] == [(method, path)]
    assert options.items() <= seen[0][2].items()
    assert (method, pattern) in routes()
