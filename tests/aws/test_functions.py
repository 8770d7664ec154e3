"""The API and the router as functions of their own: real processes, real wire formats, the emulated AWS behind them."""

import asyncio
import json
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx2
import pytest

from tests.aws.emulator import Emulator
from tests.aws.function_home import FunctionHome
from tests.aws.home import MODEL, AwsHome, a_home
from tests.builders import a_beat, succeeded
from tests.functional.api_server import assert_problem
from tlfif.adapters.aws.calls.clients import AwsClients
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.bootstrap.aws import AwsStores, open_aws_stores
from tlfif.jobs.jobs import DeltaWrite, JobStatus, Outcome
from tlfif.jobs.pieces import Piece
from tlfif.machines.machine import MachineState

ASK = {"prompt": "Hello", "model": MODEL, "max_tokens": 8}


@pytest.fixture(scope="module")
def home(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsHome]:
    with a_home(emulator, tmp_path_factory.mktemp("functions")) as one:
        yield one


class PaperWorker:
    """What a machine does to the stores, done by the test."""

    def __init__(self, home: AwsHome) -> None:
        self._home = home
        self._stores: AwsStores | None = None

    async def answers(self, text: str) -> str:
        """Report as ready, claim one job and answer it; returns its id."""
        return await self._ends(text, succeeded())

    async def fails(self, why: str) -> str:
        """The same, without an answer."""
        return await self._ends("", Outcome(status=JobStatus.FAILED, error_code="engine_broken", error_message=why))

    async def _ends(self, text: str, outcome: Outcome) -> str:
        stores = self._open()
        record = await stores.machines.active()
        assert record is not None
        for state, phase in ((MachineState.LOADING, "engine_start"), (MachineState.READY, None)):
            beat = a_beat(record.id, state=state, phase=phase)
            await stores.machines.heartbeat(beat, now=time.time())
        (claimed,) = await stores.jobs.claim(
            worker_id=record.id, model=MODEL, limit=1, lease_seconds=60, now=time.time()
        )
        if text:
            await stores.jobs.append([DeltaWrite(lease=claimed.lease, seq=3, piece=Piece(text=text))], now=time.time())
        await stores.jobs.finish(claimed.lease, seq=4 if text else 3, outcome=outcome, now=time.time())
        await stores.close()
        return claimed.job.id

    def _open(self) -> AwsStores:
        settings = self._home.settings
        return open_aws_stores(
            settings,
            clients=AwsClients(
                region=settings.region, endpoint_url=self._home.emulator.endpoint, session=self._home.emulator.session
            ),
            clock=SystemClock(),
            ids=SystemIds(),
            rng=Random(1),
        )


def wait_for(look: Any, what: str, seconds: float = 30.0) -> Any:
    """What ``look`` finds, once it finds something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)  # another process is at work; there is nothing to be told by
    raise AssertionError(f"not within {seconds} s: {what}")


@pytest.mark.requirement("2.1.1", "2.3.2")
def test_a_prompt_through_both_functions(home: AwsHome) -> None:
    with home.client() as http:
        answer = http.post("/v1/infer", json=ASK, headers={"Accept": "text/event-stream", "Idempotency-Key": "k1"})
        assert answer.status_code == 202, answer.text
        accepted = answer.json()
        job_id, machine = accepted["job_id"], accepted["machine"]
        assert (machine["state"], machine["place"]) == ("off", "AWS eu-central-1")
        assert machine["eta_seconds"] > 60
        # The nudge, not the minute, starts the machine.
        (instance,) = wait_for(home.instances, "an instance")
        wait_for(home.schedules, "its schedule")
        asyncio.run(PaperWorker(home).answers("Hello, Anna."))
        events = http.get(f"/v1/jobs/{job_id}/events", params={"after": 0, "wait": 20}).json()
        assert [e["kind"] for e in events["events"]] == ["queued", "started", "delta", "succeeded"]
        job = http.get(f"/v1/jobs/{job_id}").json()
        assert (job["answer"], job["status"]) == ("Hello, Anna.", "succeeded")
        assert job["cost"]["usd"] > 0
        assert http.get("/v1/cost").json()["running_usd_per_hour"] > 0.5
        with home.client("ben") as other:
            assert_problem(other.get(f"/v1/jobs/{job_id}"), 404, "job_not_found")
            assert other.get("/v1/jobs").json()["jobs"] == []
        stopped = http.post("/v1/machine/stop").json()
        assert stopped["was_running"]
        wait_for(lambda: home.instances()[instance] == "terminated", "the instance is gone")
        wait_for(lambda: http.get("/v1/machine").json()["state"] == "off", "the end is confirmed")
        cost = http.get("/v1/cost").json()
        assert cost["running_usd_per_hour"] == 0
        assert home.schedules() == []
    assert "Hello" not in home.log()


def test_a_person_starts_a_machine_and_only_once(home: AwsHome) -> None:
    with home.client() as http:
        before = set(home.instances())
        for _ in range(2):
            assert http.post("/v1/machine/start").status_code == 202
        new = set(home.instances()) - before
        assert len(new) == 1
        assert_problem(http.post("/v1/machine/start", json={"model": "gpt-5"}), 422, "unknown_model")
        http.post("/v1/machine/stop")
        wait_for(lambda: http.get("/v1/machine").json()["state"] == "off", "the end is confirmed")


def test_the_minute_finds_nothing_and_says_so(home: AwsHome) -> None:
    assert home.tick() == {"pace": "rest"}
    line = next(each for each in reversed(home.functions["router"].log.read_text().splitlines()) if "_aws" in each)
    told = json.loads(line)
    assert (told["MachinesOverAge"], told["BudgetLocked"], told["Home"]) == (0, 0, home.name)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"exp": 1}, "token_expired"),
        ({"iss": "https://elsewhere"}, "token_wrong"),
        ({"client_id": "other"}, "token_wrong"),
        ({"scope": "openid"}, "token_wrong"),
    ],
)
def test_a_token_that_is_not_good_enough(home: AwsHome, changed: dict[str, Any], code: str) -> None:
    with home.client(**changed) as http:
        assert_problem(http.get("/v1/jobs"), 401, code)


def test_health_needs_no_token_and_the_server_routes_are_not_there(home: AwsHome) -> None:
    with httpx2.Client(base_url=home.front.url, trust_env=False, verify=False) as http:
        assert http.get("/healthz").json()["status"] == "ok"
        assert_problem(http.get("/v1/jobs"), 401, "token_wrong")
    with home.client() as http:
        assert http.post("/v1/server/stop").status_code == 404


def test_a_router_that_dies_is_called_again(home: AwsHome) -> None:
    home.functions["router"].kill_all()
    assert home.tick() == {"pace": "rest"}


@pytest.mark.requirement("3.1.3")
def test_the_minute_in_which_nothing_happens_costs_fourteen_requests(house: FunctionHome) -> None:
    """By a router that knows nothing yet, housekeeping included: 43,800 times a month."""
    assert house.tick()
    house.line.heard.clear()
    assert house.tick()
    assert (len(house.line.heard), house.line.heard.count("DescribeInstances")) == (14, 1), house.line.heard
