"""Notifications of the AWS home's job store: whatever happens to them, jobs are found and handed out once."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from tests.aws.dynamo_faults import FaultyLine, refused, unreachable
from tests.aws.dynamo_jobs import JobHome, a_job_home
from tests.aws.emulator import Emulator
from tests.aws.sqs_faults import FaultyQueueLine, left, notification, redeliver_at_once, send
from tests.builders import LEASE_SECONDS, T0, a_new_job, claim, delta, running, submit, succeeded
from tests.fakes.clock import FakeClock
from tests.waiting import wait_until
from tlfif.adapters.aws.jobs.dynamo_job_notifier import MOST_RECEIVES
from tlfif.adapters.aws.jobs.dynamo_job_store import POLL_SECONDS, DynamoJobStore
from tlfif.jobs.jobs import JobStatus

MOMENT = 0.3
LONG = 60.0
"""A time-out that no test lives to see."""
SECRET = "The owner's most private thought"  # a prompt, not a password


@pytest.fixture
def home(emulator: Emulator) -> JobHome:
    return a_job_home(emulator)


@pytest.fixture
async def api(home: JobHome) -> AsyncIterator[DynamoJobStore]:
    """The process that accepts prompts."""
    opened = home.open()
    yield opened
    await opened.close()


@pytest.fixture
async def worker(home: JobHome) -> AsyncIterator[DynamoJobStore]:
    """Another process, which learns of them by the queue alone."""
    opened = home.open()
    yield opened
    await opened.close()


async def notified(store: DynamoJobStore, times: int) -> None:
    """Wait for work so many ``times``; each must come."""
    async with asyncio.timeout(10):
        for _ in range(times):
            await store.wait_work(timeout=LONG)


async def all_notifications(store: DynamoJobStore) -> None:
    """Until nothing more comes for a moment: two notifications may arrive as one."""
    loop = asyncio.get_running_loop()
    silent_since = loop.time()
    while loop.time() - silent_since < MOMENT:
        silent_since = loop.time()
        await store.wait_work(timeout=MOMENT)


async def silent(home: JobHome) -> None:
    await wait_until(lambda: left(home.emulator, home.places.queue_url) == 0, "the queue is empty")


async def test_a_prompt_accepted_elsewhere_wakes_the_worker(
    home: JobHome, api: DynamoJobStore, worker: DynamoJobStore
) -> None:
    waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
    await submit(api)
    async with asyncio.timeout(10):
        await waiting
    assert [each.job.id for each in await claim(worker)] == ["job_1"]
    await silent(home)


async def test_a_cancel_or_a_job_given_back_elsewhere_wakes_the_worker(
    home: JobHome, api: DynamoJobStore, worker: DynamoJobStore
) -> None:
    lease = await running(worker)
    await all_notifications(worker)
    await api.request_cancel("job_1", reason="by hand", now=T0)
    await notified(worker, 1)
    (state,) = await worker.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=T0)
    assert state.cancel_requested
    await submit(worker, "job_2")
    await claim(worker)
    await all_notifications(worker)
    assert sorted(await api.reap(now=T0 + 100)) == ["job_1", "job_2"]
    await notified(worker, 1)
    assert [each.job.id for each in await claim(worker)] == ["job_2"]


@pytest.mark.requirement("4.2.9")
async def test_messages_doubled_and_in_any_order_change_nothing(
    home: JobHome, api: DynamoJobStore, worker: DynamoJobStore
) -> None:
    await submit(api, "job_1", "job_2")
    send(
        home.emulator,
        home.places.queue_url,
        notification("job_2"),
        notification("job_1"),
        notification("job_2", "released"),
    )
    await notified(worker, 1)
    assert [each.job.id for each in await claim(worker)] == ["job_1", "job_2"]
    assert await claim(worker) == []
    await silent(home)


async def test_a_message_that_comes_after_its_job_was_taken_goes_away(
    home: JobHome, api: DynamoJobStore, worker: DynamoJobStore
) -> None:
    await running(api)
    redeliver_at_once(home.emulator, home.places.queue_url)
    for _ in range(3):
        await worker.wait_work(timeout=0.1)
    await silent(home)


async def test_a_job_that_nobody_takes_does_not_make_dead_letters(
    home: JobHome, api: DynamoJobStore, worker: DynamoJobStore
) -> None:
    """Its message is deleted before the queue gives it up; the job waits on."""
    await submit(api)
    redeliver_at_once(home.emulator, home.places.queue_url)
    await notified(worker, MOST_RECEIVES)
    await silent(home)
    assert [each.job.id for each in await claim(worker)] == ["job_1"]


@pytest.mark.requirement("4.2.9")
@pytest.mark.parametrize(
    "body",
    [
        SECRET,
        json.dumps({"job": SECRET, "kind": "submitted"}),
        json.dumps({"job": "job_1", "kind": ["submitted"], "prompt": SECRET}),
        json.dumps({"job": 7, "kind": "submitted", "prompt": SECRET}),
        json.dumps([SECRET]),
        "[" * 100_000,
        "null",
    ],
)
async def test_a_message_that_cannot_be_read_is_deleted_and_not_told(
    home: JobHome, worker: DynamoJobStore, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    caplog.set_level(logging.INFO, logger="tlfif")
    send(home.emulator, home.places.queue_url, body)
    waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
    await silent(home)
    assert not waiting.done()
    waiting.cancel()
    assert "could not be read" in caplog.text
    assert SECRET not in caplog.text


async def test_a_queue_that_takes_no_message_loses_no_job(
    home: JobHome, emulator: Emulator, worker: DynamoJobStore, caplog: pytest.LogCaptureFixture
) -> None:
    for number, fault in enumerate((unreachable, refused("AccessDenied"), refused("QueueDoesNotExist")), 1):
        line = FaultyQueueLine(emulator, [fault] * 9)
        api = home.open(sqs=line.client, clock=FakeClock(auto_advance=True))
        result = await api.submit(a_new_job(f"job_{number}", prompt=SECRET), now=T0, max_queued=10)
        assert result.created
        assert "SendMessageBatch" in line.sent
        await api.close()
    assert "the queue took no message" in caplog.text
    assert SECRET not in caplog.text
    assert len(await claim(worker)) == 3


async def test_a_queue_that_gives_no_message_is_not_asked_again_and_again(home: JobHome, emulator: Emulator) -> None:
    line = FaultyQueueLine(emulator, [unreachable] * 99)
    worker = home.open(sqs=line.client)
    waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
    await wait_until(lambda: line.sent, "the queue was asked")
    for _ in range(3):
        await worker.counts()
    assert line.sent == ["ReceiveMessage"]
    assert not waiting.done()
    await worker.close()
    async with asyncio.timeout(10):
        await waiting


async def test_a_message_whose_deletion_failed_comes_again(home: JobHome, emulator: Emulator) -> None:
    line = FaultyQueueLine(emulator)
    worker = home.open(sqs=line.client)
    await submit(worker)
    await notified(worker, 2)
    line.faults.extend([unreachable] * 2)
    await claim(worker)
    await worker.close()
    assert line.sent.count("DeleteMessageBatch") == 2
    assert left(emulator, home.places.queue_url) == 1


async def test_a_wait_for_a_message_survives_the_waiter(
    home: JobHome, api: DynamoJobStore, worker: DynamoJobStore
) -> None:
    """A worker that is interrupted while it waits is told at its next wait what came meanwhile."""
    waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
    await worker.counts()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await submit(api)
    await notified(worker, 1)


async def test_text_written_elsewhere_wakes_the_reader(api: DynamoJobStore, worker: DynamoJobStore) -> None:
    lease = await running(worker)
    waiting = asyncio.create_task(api.wait_events("job_1", after=2, timeout=LONG))
    await api.counts()
    await worker.append([delta(lease, 3, "x")], now=T0)
    async with asyncio.timeout(10):
        await waiting
    assert [event.seq for event in await api.events("job_1", after=2, limit=9)] == [3]
    await worker.finish(lease, seq=4, outcome=succeeded(), now=T0)
    assert (await api.get("job_1")).status is JobStatus.SUCCEEDED


async def test_a_reader_looks_four_times_a_second_and_no_more(home: JobHome, emulator: Emulator) -> None:
    line = FaultyLine(emulator)
    clock = FakeClock(auto_advance=True)
    store = home.open(dynamodb=line.client, clock=clock)
    await submit(store)
    line.reset()
    begun = clock.monotonic()
    await store.wait_events("job_1", after=1, timeout=5.0)
    assert clock.monotonic() - begun == pytest.approx(5.0)
    assert line.sent == ["GetItem"] * round(5.0 / POLL_SECONDS)
    await store.close()
