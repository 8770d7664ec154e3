"""Cancelling in every state."""

import pytest

from tests.builders import LEASE_SECONDS, T0, a_receipt, delta, running, submit, succeeded
from tlfif.jobs.events import EventKind, answer_text
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import JobStatus, Outcome
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import NotFoundError


async def test_a_waiting_job_ends_at_once(job_store: JobStore) -> None:
    await submit(job_store)
    job = await job_store.request_cancel("job_1", reason="by hand", now=T0 + 1)
    assert (job.status, job.finished_at, job.cancel_reason) == (JobStatus.CANCELLED, T0 + 1, "by hand")
    assert job == await job_store.get("job_1")
    (last,) = await job_store.events("job_1", after=1, limit=10)
    assert last.kind is EventKind.CANCELLED


async def test_a_running_job_is_marked_and_its_worker_told(job_store: JobStore) -> None:
    lease = await running(job_store)
    job = await job_store.request_cancel("job_1", reason="by hand", now=T0 + 1)
    assert (job.status, job.cancel_requested, job.cancel_reason) == (JobStatus.RUNNING, True, "by hand")
    assert job.last_seq == 2
    (state,) = await job_store.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=T0 + 2)
    assert state.cancel_requested


async def test_the_worker_ends_a_marked_job_with_its_partial_answer(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append([delta(lease, 3, "half")], now=T0)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    outcome = Outcome(status=JobStatus.CANCELLED, receipt=a_receipt())
    await job_store.finish(lease, seq=4, outcome=outcome, now=T0 + 1)
    job = await job_store.get("job_1")
    assert (job.status, job.cancel_reason) == (JobStatus.CANCELLED, "by hand")
    assert answer_text(await job_store.events("job_1", after=0, limit=10)) == "half"


async def test_an_answer_that_was_whole_before_the_worker_knew_counts(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    await job_store.finish(lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=T0)
    assert (await job_store.get("job_1")).status is JobStatus.SUCCEEDED


async def test_an_ended_job_is_returned_unchanged(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    before = await job_store.get("job_1")
    assert await job_store.request_cancel("job_1", reason="late", now=T0 + 9) == before
    assert await job_store.get("job_1") == before


async def test_cancelling_a_waiting_job_twice_ends_it_once(job_store: JobStore) -> None:
    await submit(job_store)
    first = await job_store.request_cancel("job_1", reason="one", now=T0 + 1)
    assert await job_store.request_cancel("job_1", reason="two", now=T0 + 2) == first
    assert first.last_seq == 2


async def test_cancelling_a_running_job_twice_keeps_the_first_reason(job_store: JobStore) -> None:
    await running(job_store)
    first = await job_store.request_cancel("job_1", reason="one", now=T0 + 1)
    assert await job_store.request_cancel("job_1", reason="two", now=T0 + 2) == first


async def test_a_marked_job_that_is_given_back_ends_cancelled(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    status = await job_store.release(lease, reason="drained", count_attempt=False, now=T0 + 1)
    job = await job_store.get("job_1")
    assert status is job.status is JobStatus.CANCELLED
    assert (await job_store.events("job_1", after=2, limit=10))[0].kind is EventKind.CANCELLED


async def test_a_marked_job_whose_lease_is_reaped_ends_cancelled(job_store: JobStore) -> None:
    await running(job_store)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    assert await job_store.reap(now=T0 + LEASE_SECONDS + 1) == ["job_1"]
    assert (await job_store.get("job_1")).status is JobStatus.CANCELLED
    assert await job_store.reap(now=T0 + 10_000) == []


async def test_a_marked_job_of_a_lost_worker_ends_cancelled(job_store: JobStore) -> None:
    await running(job_store)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    await job_store.abandon("worker_1", reason="gone", now=T0)
    assert (await job_store.get("job_1")).status is JobStatus.CANCELLED


async def test_a_cancelled_wait_does_not_expire(job_store: JobStore) -> None:
    await submit(job_store)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    assert await job_store.reap(now=T0 + 100_000) == []


async def test_an_unknown_job_cannot_be_cancelled(job_store: JobStore) -> None:
    with pytest.raises(NotFoundError) as refused:
        await job_store.request_cancel("job_none", reason="?", now=T0)
    assert refused.value.code == "job_not_found"
