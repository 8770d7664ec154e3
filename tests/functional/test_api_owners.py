"""Several people on one home: who may do what."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.api_server import READY_MODEL, ApiServer, assert_problem

Start = Callable[..., ApiServer]

OWNERS_ALONE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "end the machine": ("POST", "/v1/machine/stop", {"jobs": "cancel"}),
    "set the time-out": ("PUT", "/v1/machine/idle-timeout", {"minutes": 60}),
    "set the time-out with a prompt": (
        "POST",
        "/v1/infer",
        {"prompt": "Hello", "model": READY_MODEL, "idle_timeout_minutes": 60},
    ),
    "set the budget": ("PUT", "/v1/budget", {"limit_eur": "500"}),
    "lift a lock": ("POST", "/v1/budget/release", {}),
}


@pytest.mark.requirement("2.2.3")
@pytest.mark.parametrize("act", OWNERS_ALONE)
def test_what_concerns_everybodys_machine_and_money_is_the_owners(start_api: Start, act: str) -> None:
    api = start_api()
    api.user_header, api.owners = "x-user", frozenset({"anna"})
    method, path, body = OWNERS_ALONE[act]
    with api.client(headers={"X-User": "ben"}) as ben, api.client(headers={"X-User": "anna"}) as anna:
        waiting = anna.post("/v1/infer", json={"prompt": "Hello", "model": READY_MODEL}).json()["job_id"]
        before = ben.get("/v1/machine").json()["idle_timeout_minutes"]
        answer = ben.request(method, path, json=body)
        assert_problem(answer, 403, "owner_only")
        assert waiting not in answer.text
        assert ben.get("/v1/jobs").json()["jobs"] == [], "nothing was accepted"
        assert ben.get("/v1/machine").json()["idle_timeout_minutes"] == before
        assert anna.get(f"/v1/jobs/{waiting}").json()["status"] == "queued"
        assert anna.request(method, path, json=body).status_code in {200, 202}


def test_who_holds_the_token_of_this_computer_is_its_owner(start_api: Start) -> None:
    with start_api().client() as http:
        for method, path, body in OWNERS_ALONE.values():
            assert http.request(method, path, json=body).status_code in {200, 202}


def test_a_name_and_a_key_together_are_nobody_elses(start_api: Start) -> None:
    api = start_api()
    api.user_header = "x-user"
    body = {"prompt": "Hello", "model": READY_MODEL}
    with api.client(headers={"X-User": "alice"}) as one, api.client(headers={"X-User": "alice/x"}) as other:
        first = one.post("/v1/infer", json=body, headers={"Idempotency-Key": "x/k1"}).json()
        second = other.post("/v1/infer", json=body, headers={"Idempotency-Key": "k1"}).json()
    assert (first["created"], second["created"]) == (True, True)
    assert first["job_id"] != second["job_id"]
