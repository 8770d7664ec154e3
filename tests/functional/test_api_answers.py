"""Each answer of a real server is, member for member, what the client's method says that it returns."""

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter

from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer
from tests.functional.test_api_images import COMMIT, Start, tick
from tests.functional.test_api_reading import DONE
from tlfif.api.schemas import InferRequest
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.events import Event
from tlfif.wire.jobs import Accepted, Asking, DeletedJobs, EventList, JobAccepted, MachineUpdate, ReceiptView
from tlfif.wire.machines import NO_MACHINE, MachineView
from tlfif.wire.models import ModelList
from tlfif.wire.server import Health

ASKING: Asking = {"messages": [{"role": "user", "content": "Hello"}], "model": READY_MODEL, "seed": 7}


def check(kind: Any, answer: Any) -> None:
    """``answer`` has every member of ``kind``, no other, and each of its very type."""
    TypeAdapter(kind).validate_json(json.dumps(answer), strict=True, extra="forbid")


def client_of(api: ApiServer, *, streams: bool = True) -> TlfifClient:
    """The client of window and command line, at this server."""
    return TlfifClient(FixedEndpoint(endpoint=Endpoint(base_url=api.url, token=TOKEN, streams=streams)))


@pytest.fixture(scope="module")
def ended_job(api: ApiServer) -> str:
    """A job with an answer and a receipt."""
    job_id = api.submit(model=READY_MODEL)
    api.finish(api.claim(), 3, DONE, text="Hello yourself")
    return job_id


ANSWERS: dict[str, Callable[[TlfifClient, str], Awaitable[Any]]] = {
    "infer": lambda client, job_id: client.infer(ASKING),
    "job": lambda client, job_id: client.job(job_id),
    "jobs": lambda client, job_id: client.jobs(),
    "cancel": lambda client, job_id: client.cancel(job_id),
    "machine": lambda client, job_id: client.machine(),
    "start_machine": lambda client, job_id: client.start_machine(model=READY_MODEL),
    "machine_history": lambda client, job_id: client.machine_history(),
    "set_idle_timeout": lambda client, job_id: client.set_idle_timeout(5),
    "stop_machine": lambda client, job_id: client.stop_machine(),
    "models": lambda client, job_id: client.models(),
    "all_models": lambda client, job_id: client.all_models(),
    "start_pull": lambda client, job_id: client.start_pull(READY_MODEL),
    "verify": lambda client, job_id: client.verify(READY_MODEL),
    "cost": lambda client, job_id: client.cost(),
    "standing_cost": lambda client, job_id: client.standing_cost(),
    "idle_advice": lambda client, job_id: client.idle_advice(),
    "refresh_prices": lambda client, job_id: client.refresh_prices(),
    "set_budget": lambda client, job_id: client.set_budget(20),
    "release_budget": lambda client, job_id: client.release_budget(),
    "server": lambda client, job_id: client.server(),
    "delete_jobs": lambda client, job_id: client.delete_jobs(),
}
"""In this order: a machine that was started is in the history, and what was asked is deleted last."""


PERSONAL_ANSWERS = {"add_model", "move_model"}
"""Called in ``test_personal_models.py``, which has adapters."""

IMAGE_ANSWERS: dict[str, Callable[[TlfifClient], Awaitable[Any]]] = {
    "build_image": lambda client: client.build_image(repository="/src", commit=COMMIT),
    "follow_repository": lambda client: client.follow_repository("/src"),
    "images": lambda client: client.images(),
    "leave_repository": lambda client: client.leave_repository(),
    "image": lambda client: client.image("v2"),
    "image_log": lambda client: client.image_log("v2"),
    "decide_on_image": lambda client: client.decide_on_image("v2", "approve"),
    "promote_image": lambda client: client.promote_image("v2"),
    "roll_back_image": lambda client: client.roll_back_image(),
}
"""In this order, where v1 is promoted already; each call goes on until nothing is under way."""


async def test_every_answer_about_images_is_what_the_client_says(start_api: Start) -> None:
    api = start_api()
    async with client_of(api) as client:
        await client.build_image(repository="/src")
        tick(api)
        await client.decide_on_image("v1", "approve")
        await client.promote_image("v1")
        for name, call in IMAGE_ANSWERS.items():
            answer = await call(client)
            check(get_type_hints(getattr(TlfifClient, name))["return"], answer)
            tick(api)


@pytest.mark.requirement("2.1.7", "6.4.1")
async def test_every_answer_is_what_the_client_says(api: ApiServer, ended_job: str) -> None:
    async with client_of(api) as client:
        for name, call in ANSWERS.items():
            answer = await call(client, ended_job)
            check(get_type_hints(getattr(TlfifClient, name))["return"], answer)
            if name in {"jobs", "machine_history", "models", "standing_cost"}:
                assert answer, name


def test_every_method_that_brings_an_answer_is_called() -> None:
    bring = {
        name
        for name, method in vars(TlfifClient).items()
        if inspect.iscoroutinefunction(method)
        and not name.startswith("_")
        and get_type_hints(method)["return"] not in (type(None), Any, list[Event])
    }
    assert bring == set(ANSWERS) | set(IMAGE_ANSWERS) | PERSONAL_ANSWERS


@pytest.mark.parametrize("streams", [True, False])
async def test_what_a_follower_is_told_is_what_it_says(api: ApiServer, streams: bool) -> None:
    api.empty_queue()
    kinds = []
    async with client_of(api, streams=streams) as client:
        async for item in client.ask(ASKING):
            kinds.append(type(item))
            if isinstance(item, JobAccepted):
                check(Accepted, item.accepted)
            elif isinstance(item, MachineUpdate):
                check(MachineView, item.machine)
                api.finish(api.claim(), 3, DONE, text="Hello yourself")
            elif item.kind.is_terminal:
                check(ReceiptView, item.data["receipt"])
    assert kinds[0] is JobAccepted
    assert MachineUpdate in kinds
    assert kinds[-1] is Event


def test_what_only_other_programs_read_is_what_it_says(api: ApiServer) -> None:
    api.empty_queue()
    with api.client() as http:
        check(Health, http.get("/healthz").json())
        check(ModelList, http.get("/v1/models").json())
        job_id = api.submit(model=READY_MODEL)
        waiting = http.get(f"/v1/jobs/{job_id}/events").json()
        assert waiting["machine"]
        check(EventList, waiting)
        api.finish(api.claim(), 3, DONE)
        check(EventList, http.get(f"/v1/jobs/{job_id}/events").json())
        check(DeletedJobs, http.delete(f"/v1/jobs/{job_id}").json())


def test_the_machine_without_a_server_is_a_machine() -> None:
    check(MachineView, NO_MACHINE)


def test_what_the_client_asks_is_what_the_server_takes() -> None:
    asked, taken = TypeAdapter(Asking).json_schema(), InferRequest.model_json_schema()

    def kinds(schema: dict[str, Any], kind: dict[str, Any]) -> list[dict[str, Any]]:
        """What a member may be, but for null."""
        if "$ref" in kind:
            kind = schema["$defs"][kind["$ref"].rpartition("/")[2]]
        found = [one for each in kind["anyOf"] for one in kinds(schema, each)] if "anyOf" in kind else [kind]
        return [one for one in found if one.get("type") != "null"]

    def fits(sent: dict[str, Any], known: dict[str, Any]) -> bool:
        """Names and types of the members, without what only one side says of them: titles, ranges, examples."""
        return all(any(matches(one, other) for other in kinds(taken, known)) for one in kinds(asked, sent))

    def matches(sent: dict[str, Any], known: dict[str, Any]) -> bool:
        if "properties" in sent:
            members = known.get("properties", {})
            needed = set(known.get("required", ())) <= set(sent.get("required", ()))
            return needed and all(
                name in members and fits(one, members[name]) for name, one in sent["properties"].items()
            )
        same = (sent["type"], sent.get("enum")) == (known["type"], known.get("enum"))
        return same and ("items" not in sent or fits(sent["items"], known["items"]))

    assert set(asked["required"]) == {"messages"}
    for name, kind in asked["properties"].items():
        assert fits(kind, taken["properties"][name]), name
