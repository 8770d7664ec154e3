"""Attempts that come to nothing: given back, abandoned, reaped, exhausted, expired."""

import asyncio

import pytest

from tests.builders import LEASE_SECONDS, MODEL, T0, WAIT_SECONDS, claim, delta, running, submit, succeeded
from tlfif.jobs.events import EventKind, answer_text
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import JobStatus, Lease


async def lose_attempts(store: JobStore, lease: Lease, times: int) -> Lease:
    """Let the lease and its followers run out; the lease after that."""
    now = T0
    for _ in range(times):
        now += LEASE_SECONDS + 1
        assert await store.reap(now=now) == [lease.job_id]
        (claimed,) = await claim(store, now=now)
        lease = claimed.lease
    return lease


async def test_a_job_given_back_waits_again_and_says_start_over(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append([delta(lease, 3, "half")], now=T0 + 1)
    status = await job_store.release(lease, reason="drained", count_attempt=True, now=T0 + 2)
    job = await job_store.get("job_1")
    events = await job_store.events("job_1", after=3, limit=10)
    assert status is job.status is JobStatus.QUEUED
    assert [(e.seq, e.kind, e.data) for e in events] == [(4, EventKind.RESTARTED, {"reason": "drained", "attempt": 1})]
    assert answer_text(await job_store.events("job_1", after=0, limit=10)) == ""
    assert (job.worker_id, job.lease_expires_at, job.started_at) == (None, None, None)


async def test_a_counted_attempt_stays_counted(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.release(lease, reason="engine died", count_attempt=True, now=T0)
    (again,) = await claim(job_store)
    assert again.lease.attempt == 2


async def test_an_attempt_that_is_not_counted_is_had_again(job_store: JobStore) -> None:
    lease = await running(job_store)
    for _ in range(4):
        await job_store.release(lease, reason="drained", count_attempt=False, now=T0)
        (claimed,) = await claim(job_store)
        lease = claimed.lease
    assert lease.attempt == 1


async def test_giving_back_starts_the_wait_anew(job_store: JobStore) -> None:
    lease = await running(job_store)
    late = T0 + WAIT_SECONDS + 50
    await job_store.release(lease, reason="drained", count_attempt=True, now=late)
    assert (await job_store.get("job_1")).expires_at == late + WAIT_SECONDS
    assert await job_store.reap(now=late + WAIT_SECONDS) == []


async def test_the_third_lost_attempt_fails_the_job(job_store: JobStore) -> None:
    lease = await lose_attempts(job_store, await running(job_store), 2)
    assert lease.attempt == 3
    assert await job_store.release(lease, reason="engine died", count_attempt=True, now=T0) is JobStatus.FAILED
    job = await job_store.get("job_1")
    assert (job.status, job.error_code, job.lease_expires_at) == (JobStatus.FAILED, "attempts_exhausted", None)
    assert "engine died" in (job.error_message or "")
    last = (await job_store.events("job_1", after=0, limit=100))[-1]
    assert (last.kind, last.data["error_code"]) == (EventKind.FAILED, "attempts_exhausted")


async def test_the_third_attempt_is_not_the_last_if_it_does_not_count(job_store: JobStore) -> None:
    lease = await lose_attempts(job_store, await running(job_store), 2)
    assert await job_store.release(lease, reason="drained", count_attempt=False, now=T0) is JobStatus.QUEUED


@pytest.mark.requirement("4.2.5")
async def test_the_third_reaped_lease_fails_the_job(job_store: JobStore) -> None:
    await lose_attempts(job_store, await running(job_store), 2)
    assert await job_store.reap(now=T0 + 1000) == ["job_1"]
    assert (await job_store.get("job_1")).error_code == "attempts_exhausted"


async def test_a_lost_worker_gives_all_its_jobs_back_at_once(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2", "job_3")
    await claim(job_store, limit=2, worker_id="worker_1")
    await claim(job_store, worker_id="worker_2")
    assert sorted(await job_store.abandon("worker_1", reason="its process ended", now=T0)) == ["job_1", "job_2"]
    assert (await job_store.get("job_1")).status is JobStatus.QUEUED
    assert (await job_store.get("job_3")).status is JobStatus.RUNNING
    last = (await job_store.events("job_1", after=0, limit=10))[-1]
    assert last.data == {"reason": "its process ended", "attempt": 1}


async def test_a_worker_without_jobs_is_abandoned_without_effect(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    assert await job_store.abandon("worker_1", reason="gone", now=T0) == []


async def test_abandoning_counts_the_attempt(job_store: JobStore) -> None:
    await lose_attempts(job_store, await running(job_store), 2)
    await job_store.abandon("worker_1", reason="gone", now=T0)
    assert (await job_store.get("job_1")).error_code == "attempts_exhausted"


@pytest.mark.requirement("3.3.2")
async def test_a_wait_is_over_only_after_its_end(job_store: JobStore) -> None:
    await submit(job_store)
    assert await job_store.reap(now=T0 + WAIT_SECONDS) == []
    assert await job_store.reap(now=T0 + WAIT_SECONDS + 0.001) == ["job_1"]
    job = await job_store.get("job_1")
    assert (job.status, job.error_code, job.last_seq) == (JobStatus.EXPIRED, "expired", 2)
    assert (await job_store.events("job_1", after=1, limit=10))[0].kind is EventKind.EXPIRED


async def test_a_running_job_does_not_expire(job_store: JobStore) -> None:
    lease = await running(job_store)
    late = T0 + WAIT_SECONDS + 1
    await job_store.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=late)
    assert await job_store.reap(now=late) == []


async def test_a_job_is_not_given_back_and_expired_in_one_go(job_store: JobStore) -> None:
    await running(job_store)
    assert await job_store.reap(now=T0 + WAIT_SECONDS + 1) == ["job_1"]
    assert (await job_store.get("job_1")).status is JobStatus.QUEUED


async def test_reaping_takes_what_is_due_and_nothing_that_is_due_only_next(job_store: JobStore) -> None:
    late = T0 + WAIT_SECONDS + 1
    await submit(job_store, "job_1", now=T0)
    await submit(job_store, "job_2", now=T0 + 1)
    await submit(job_store, "job_3", "job_4", now=T0 + 500, model="other")
    await claim(job_store, now=late - LEASE_SECONDS - 1, limit=1, model="other")
    await claim(job_store, now=late - LEASE_SECONDS, limit=1, model="other")
    assert sorted(await job_store.reap(now=late)) == ["job_1", "job_3"]
    assert (await job_store.get("job_2")).status is JobStatus.QUEUED
    assert (await job_store.get("job_4")).status is JobStatus.RUNNING


async def test_readers_are_told_which_attempt_was_lost(job_store: JobStore) -> None:
    await lose_attempts(job_store, await running(job_store), 2)
    events = await job_store.events("job_1", after=0, limit=100)
    lost = [event.data["attempt"] for event in events if event.kind is EventKind.RESTARTED]
    assert lost == [1, 2]
    assert [event.data["attempt"] for event in events if event.kind is EventKind.STARTED] == [1, 2, 3]


async def test_reaping_twice_changes_once(job_store: JobStore) -> None:
    await running(job_store, "job_1")
    await submit(job_store, "job_2")
    late = T0 + WAIT_SECONDS + 1
    assert sorted(await job_store.reap(now=late)) == ["job_1", "job_2"]
    assert await job_store.reap(now=late) == []


async def test_reaping_in_parallel_changes_once(job_store: JobStore) -> None:
    await running(job_store)
    reaped = await asyncio.gather(*(job_store.reap(now=T0 + 1000) for _ in range(5)))
    assert sorted(reaped, key=len) == [[], [], [], [], ["job_1"]]
    assert (await job_store.get("job_1")).last_seq == 3


async def test_all_that_waits_for_a_model_fails_together(job_store: JobStore) -> None:
    await running(job_store, "job_1")
    await submit(job_store, "job_2", "job_3")
    await submit(job_store, "job_4", model="other")
    failed = await job_store.fail_queued(model=MODEL, code="machine_failed", message="It does not start.", now=T0)
    assert failed == ["job_2", "job_3"]
    job = await job_store.get("job_2")
    assert (job.status, job.error_code, job.error_message) == (
        JobStatus.FAILED,
        "machine_failed",
        "It does not start.",
    )
    assert (await job_store.events("job_2", after=1, limit=10))[0].kind is EventKind.FAILED
    assert (await job_store.get("job_1")).status is JobStatus.RUNNING
    assert (await job_store.get("job_4")).status is JobStatus.QUEUED


async def test_failing_an_empty_queue_is_nothing(job_store: JobStore) -> None:
    assert await job_store.fail_queued(model=MODEL, code="c", message="m", now=T0) == []


@pytest.mark.parametrize("count_attempt", [True, False])
async def test_the_number_of_attempts_never_falls_below_zero(job_store: JobStore, count_attempt: bool) -> None:
    lease = await running(job_store)
    await job_store.release(lease, reason="drained", count_attempt=count_attempt, now=T0)
    assert (await job_store.get("job_1")).attempt == int(count_attempt)
