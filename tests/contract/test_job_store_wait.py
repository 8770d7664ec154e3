"""Waiting for news. A wait that is not woken fails by its time-out; nothing here measures speed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.builders import T0, a_new_job, claim, delta, running, submit, succeeded
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import Lease

LONG = 60.0
"""A time-out that no test lives to see."""

Change = Callable[[JobStore, Lease], Awaitable[object]]


async def settled(store: JobStore) -> None:
    """Consume news of before and whatever a first wait brings with it."""
    await store.wait_events("job_of_nobody", after=0, timeout=0.01)
    for _ in range(3):
        await store.wait_work(timeout=0.01)


async def woken(waiting: asyncio.Task[None]) -> None:
    async with asyncio.timeout(10):
        await waiting


CHANGES: dict[str, Change] = {
    "text": lambda store, lease: store.append([delta(lease, 3, "x")], now=T0),
    "end": lambda store, lease: store.finish(lease, seq=3, outcome=succeeded(), now=T0),
    "given back": lambda store, lease: store.release(lease, reason="?", count_attempt=False, now=T0),
    "abandoned": lambda store, lease: store.abandon(lease.worker_id, reason="?", now=T0),
    "reaped": lambda store, lease: store.reap(now=T0 + 1000),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_of_a_running_job_wakes_its_readers(job_store: JobStore, change: Change) -> None:
    lease = await running(job_store)
    await settled(job_store)
    waiting = [asyncio.create_task(job_store.wait_events("job_1", after=2, timeout=LONG)) for _ in range(2)]
    await job_store.counts()  # let the waits begin
    await change(job_store, lease)
    for task in waiting:
        await woken(task)
    assert await job_store.events("job_1", after=2, limit=10)


async def test_a_claim_wakes_the_readers(job_store: JobStore) -> None:
    await submit(job_store)
    await settled(job_store)
    waiting = asyncio.create_task(job_store.wait_events("job_1", after=1, timeout=LONG))
    await job_store.counts()
    await claim(job_store)
    await woken(waiting)


async def test_a_cancelled_or_failed_wait_wakes_the_readers(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2")
    await settled(job_store)
    waiting = [asyncio.create_task(job_store.wait_events(i, after=1, timeout=LONG)) for i in ("job_1", "job_2")]
    await job_store.counts()
    await job_store.request_cancel("job_1", reason="?", now=T0)
    await woken(waiting[0])
    await job_store.fail_queued(model="smollm2-135m", code="c", message="m", now=T0)
    await woken(waiting[1])


async def test_news_of_before_the_wait_end_it_at_once(job_store: JobStore) -> None:
    await running(job_store)
    async with asyncio.timeout(10):
        await job_store.wait_events("job_1", after=1, timeout=LONG)


async def test_nobody_waits_for_a_job_that_ended_or_never_was(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    async with asyncio.timeout(10):
        await job_store.wait_events("job_1", after=3, timeout=LONG)
        await job_store.wait_events("job_none", after=0, timeout=LONG)


async def test_another_jobs_news_end_no_wait(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2")
    await settled(job_store)
    waiting = asyncio.create_task(job_store.wait_events("job_1", after=1, timeout=LONG))
    await job_store.counts()
    await job_store.request_cancel("job_2", reason="?", now=T0)
    await job_store.counts()
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


WORK: dict[str, Change] = {
    "submitted": lambda store, _: store.submit(a_new_job("job_2"), now=T0, max_queued=10),
    "given back": lambda store, lease: store.release(lease, reason="?", count_attempt=False, now=T0),
    "abandoned": lambda store, lease: store.abandon(lease.worker_id, reason="?", now=T0),
    "reaped": lambda store, lease: store.reap(now=T0 + 1000),
    "to be cancelled": lambda store, lease: store.request_cancel(lease.job_id, reason="?", now=T0),
}


@pytest.mark.parametrize("change", WORK.values(), ids=WORK.keys())
async def test_work_wakes_the_worker(job_store: JobStore, change: Change) -> None:
    lease = await running(job_store)
    await settled(job_store)
    waiting = asyncio.create_task(job_store.wait_work(timeout=LONG))
    await job_store.counts()
    await change(job_store, lease)
    await woken(waiting)


@pytest.mark.parametrize("change", WORK.values(), ids=WORK.keys())
async def test_work_that_came_between_two_waits_is_not_missed(job_store: JobStore, change: Change) -> None:
    lease = await running(job_store)
    await settled(job_store)
    await change(job_store, lease)
    async with asyncio.timeout(10):
        await job_store.wait_work(timeout=LONG)


async def test_a_wait_without_news_lasts_its_time(job_store: JobStore) -> None:
    await submit(job_store)
    await settled(job_store)
    loop = asyncio.get_running_loop()
    for wait in (
        lambda: job_store.wait_work(timeout=0.1),
        lambda: job_store.wait_events("job_1", after=1, timeout=0.1),
    ):
        began = loop.time()
        async with asyncio.timeout(10):
            await wait()
        assert loop.time() - began > 0.05


@pytest.mark.parametrize("timeout", [0.0, -1.0])
async def test_no_time_is_no_wait(job_store: JobStore, timeout: float) -> None:
    await submit(job_store)
    async with asyncio.timeout(10):
        await job_store.wait_work(timeout=timeout)
        await job_store.wait_events("job_1", after=1, timeout=timeout)


async def test_closing_ends_all_waits(job_store: JobStore) -> None:
    await submit(job_store)
    await settled(job_store)
    waiting = asyncio.create_task(job_store.wait_work(timeout=LONG))
    await job_store.counts()
    await job_store.close()
    await woken(waiting)
