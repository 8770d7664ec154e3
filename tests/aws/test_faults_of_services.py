"""Two routers, wrong clocks, doubled messages, a table that fails and false sign-ins: one prompt's way through them."""

import base64
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import count
from typing import Any

import pytest

from tests.aws.aws_line import Asked, Fault, Twice
from tests.aws.ec2_cloud import LostAnswer, NoConnection, Refuse, always
from tests.aws.function_home import ASK, FunctionHome
from tlfif.jobs.jobs import JobStatus

THROTTLED = Refuse("ThrottlingException", "Rate exceeded")
TEN_MINUTES = 600.0


def test_two_routers_at_every_look(house: FunctionHome) -> None:
    house.submit()
    house.settle(routers=2)
    (job,) = house.afterwards()
    assert job.status is JobStatus.SUCCEEDED
    assert len(house.instances()) == 1


@pytest.mark.parametrize("off", [-TEN_MINUTES, TEN_MINUTES])
def test_a_routers_clock_is_ten_minutes_off(house: FunctionHome, off: float) -> None:
    house.submit()
    house.settle(clock_off=off)
    (job,) = house.afterwards()
    assert job.status is JobStatus.SUCCEEDED
    assert len(house.instances()) == 1


def test_a_machines_clock_is_ten_minutes_slow(house: FunctionHome) -> None:
    """Its heartbeats are old when they come, and no reason to end it."""
    house.submit()
    assert house.tick()
    house.ahead -= TEN_MINUTES
    house.machine.beat()
    house.ahead += TEN_MINUTES
    assert house.tick()
    assert house.machine.record() is not None
    house.settle()
    (job,) = house.afterwards()
    assert job.status is JobStatus.SUCCEEDED
    assert len(house.instances()) == 1


@pytest.mark.requirement("4.2.4")
@pytest.mark.parametrize(("machine", "router"), [(-299.0, 0.0), (-299.0, 299.0), (299.0, -299.0)])
def test_clocks_that_aws_still_takes_keep_the_lease(house: FunctionHome, machine: float, router: float) -> None:
    """Neither router nor machine can be more than five minutes off: AWS refuses what they sign."""
    job_id = house.submit()
    assert house.tick()
    house.machine.beat()
    house.ahead += machine
    (lease,) = house.machine.claim()
    house.machine.write(lease, house.machine.last_event(job_id) + 1)
    house.ahead += router - machine
    assert house.tick()
    house.ahead -= router
    (job,) = house.jobs()
    assert (job.status, job.attempt) == (JobStatus.RUNNING, 1), "its worker is alive"
    house.settle()
    assert house.afterwards()[0].status is JobStatus.SUCCEEDED


def test_sqs_delivers_twice_and_in_another_order(house: FunctionHome) -> None:
    house.line.faults["SendMessageBatch"] = always(Twice())
    jobs = [house.submit() for _ in range(3)]
    house.reverse_the_queue()
    assert house.tick()
    house.machine.beat()
    answered: list[str] = []
    for _ in jobs:
        house.machine.wait_for_work()
        answered += house.machine.answer(limit=1)
    assert answered == jobs
    house.machine.wait_for_work()
    assert house.machine.claim() == []
    house.machine.switch_off()
    house.settle()
    assert [job.status for job in house.afterwards()] == [JobStatus.SUCCEEDED] * 3


def throttles() -> Callable[[Asked], Fault]:
    """Every third request is refused."""
    number = count(1)
    return lambda _: THROTTLED if next(number) % 3 == 0 else None


def times_out() -> Callable[[Asked], Fault]:
    """Every second write is carried out, and its answer lost."""
    number = count(1)
    return lambda asked: LostAnswer() if asked.changes and next(number) % 2 else None


@pytest.mark.requirement("10.8.1")
@pytest.mark.parametrize("fault", [throttles, times_out])
def test_a_table_that_fails(house: FunctionHome, fault: Callable[[], Callable[[Asked], Fault]]) -> None:
    choose = fault()
    for operation in DYNAMODB:
        house.line.faults[operation] = choose
    job_id = house.submit(key="k")
    assert house.submit(key="k") == job_id
    house.settle()
    (job,) = house.afterwards()
    assert job.status is JobStatus.SUCCEEDED
    assert len(house.instances()) == 1


DYNAMODB = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


def unsigned(token: str) -> str:
    """The same claims, signed by nobody."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "test"}).encode()).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


FALSE = {
    "expired": ({"exp": int(time.time()) - 120}, "token_expired"),
    "wrong audience": ({"client_id": "another"}, "token_wrong"),
    "wrong issuer": ({"iss": "https://elsewhere"}, "token_wrong"),
    "alg none": (None, "token_wrong"),
}


@pytest.mark.requirement("2.2.1")
@pytest.mark.parametrize(("claims", "code"), FALSE.values(), ids=FALSE)
def test_a_false_sign_in_stores_nothing(house: FunctionHome, claims: dict[str, Any] | None, code: str) -> None:
    token = unsigned(house.token()) if claims is None else house.token(**claims)
    told = house.api("POST", "/v1/infer", ASK, token=token)
    assert told is not None
    assert (told.status, told.body["code"]) == (401, code)
    assert house.line.heard == [], "AWS is not even asked"
    assert house.jobs() == []


@pytest.mark.requirement("2.2.4", "11.5.1")
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/cancel"), ("DELETE", ""), ("GET", "/events")])
def test_another_persons_job_is_none(house: FunctionHome, method: str, path: str) -> None:
    job_id = house.stored()
    told = house.api(method, f"/v1/jobs/{job_id}{path}", token=house.token("ben"))
    assert told is not None
    assert (told.status, told.body["code"]) == (404, "job_not_found")
    assert [job.status for job in house.jobs()] == [JobStatus.QUEUED], "untouched"


ORDERS = {
    "carried out": (LostAnswer(), 202, "launching"),
    "lost": (NoConnection(), 503, "router_silent"),
    "refused": (Refuse("TooManyRequestsException", "Rate Exceeded.", status=429), 503, "router_unreachable"),
}


@pytest.mark.parametrize(("fault", "status", "said"), ORDERS.values(), ids=ORDERS)
def test_a_persons_start_that_nobody_answers(house: FunctionHome, fault: Fault, status: int, said: str) -> None:
    """What the record says is true; where it says nothing, nobody knows; only a refused order started nothing."""
    house.line.faults["Invoke"] = always(fault)
    with house.router_within_reach() if status == 202 else nullcontext():
        told = house.api("POST", "/v1/machine/start", {})
    assert told is not None
    assert (told.status, told.body.get("state") or told.body["code"]) == (status, said)
    assert len(house.instances()) == (1 if status == 202 else 0)
    if status == 503:
        assert ("Nothing was started" in told.body["detail"]) == isinstance(fault, Refuse)
