"""What a prompt costs in DynamoDB, as docs/reference/aws-store.md says it."""

import re
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from tests.aws.dynamo_jobs import JobHome, a_job_home
from tests.aws.dynamo_units import Units
from tests.aws.emulator import NO_RETRIES, Emulator
from tests.builders import LEASE_SECONDS, T0, a_new_job, claim, delta, succeeded
from tests.fakes.clock import FakeClock
from tlfif.adapters.aws.jobs.dynamo_job_store import DynamoJobStore
from tlfif.jobs.jobs import Lease
from tlfif.jobs.pieces import Piece

PAGE = Path(__file__).parents[2] / "docs/reference/aws-store.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| (\d+) \| ([\d.]+) \| (\d+) \|", re.MULTILINE)

Figures = tuple[int, float, int]


@pytest.fixture
def said() -> dict[str, Figures]:
    """Requests, units read and units written for each method, from the page."""
    rows = ROW.findall(PAGE.read_text("utf-8"))
    return {name: (int(requests), float(read), int(written)) for name, requests, read, written in rows}


@pytest.fixture
async def measured(emulator: Emulator) -> AsyncIterator[tuple[DynamoJobStore, Units]]:
    home: JobHome = a_job_home(emulator)
    client = emulator.session.client("dynamodb", endpoint_url=emulator.endpoint, config=NO_RETRIES)
    store = home.open(dynamodb=client, clock=FakeClock(auto_advance=True))
    yield store, Units(client.meta.events)
    await store.close()


@pytest.mark.requirement("4.2.8")
async def test_each_step_of_a_prompt_costs_what_the_page_says(
    measured: tuple[DynamoJobStore, Units], said: dict[str, Figures]
) -> None:
    store, units = measured
    found: dict[str, Figures] = {}

    async def cost(name: str, call: Awaitable[object]) -> None:
        units.reset()
        await call
        found[name] = (units.requests, units.read, units.written)

    await cost("submit", store.submit(a_new_job("job_1", key="k"), now=T0, max_queued=10))
    await cost("counts", store.counts())
    units.reset()
    (claimed,) = await claim(store)
    found["claim"] = (units.requests, units.read, units.written)
    lease: Lease = claimed.lease
    await cost("append", store.append([delta(lease, 3, "Hello")], now=T0))
    await cost("heartbeat", store.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=T0))
    await cost("reap", store.reap(now=T0))
    await cost("events", store.events("job_1", after=2, limit=100))
    await cost("wait_events", store.wait_events("job_1", after=3, timeout=0.25))
    await cost("finish", store.finish(lease, seq=4, rest=Piece(text="!"), outcome=succeeded(), now=T0))
    await cost("get", store.get("job_1"))
    await cost("list_jobs", store.list_jobs(limit=20))
    await cost("answer_times", store.answer_times(limit=20))
    await cost("purge", store.purge(finished_before=T0 + 1, limit=20))
    assert found == said


async def test_a_batch_for_many_jobs_is_one_request(measured: tuple[DynamoJobStore, Units]) -> None:
    store, units = measured
    for number in range(4):
        await store.submit(a_new_job(f"job_{number}"), now=T0, max_queued=10)
    leases = [each.lease for each in await claim(store)]
    units.reset()
    await store.append([delta(lease, 3, "x") for lease in leases], now=T0)
    assert (units.requests, units.read, units.written) == (1, 0.0, 16)
