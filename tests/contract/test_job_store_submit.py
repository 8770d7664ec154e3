"""Accepting jobs: durability's first promise, idempotency, the limit of the queue."""

import asyncio
from dataclasses import replace

import pytest

from tests.builders import MODEL, T0, a_new_job, claim, running, submit, succeeded
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import Job, JobStatus, QueueCounts
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import BusyError, IdempotencyConflictError, NotFoundError


@pytest.mark.requirement("4.1.3", "4.2.2")
async def test_a_submitted_job_waits_with_its_request_and_first_event(job_store: JobStore) -> None:
    new = a_new_job("job_1", key="key_1", prompt="Grüße aus Zürich, 你好 🙂 \x00 end")
    result = await job_store.submit(new, now=T0, max_queued=10)
    assert result.created
    assert result.job == Job(
        id="job_1",
        status=JobStatus.QUEUED,
        request=new.request,
        idempotency_key="key_1",
        created_at=T0,
        expires_at=new.expires_at,
        last_seq=1,
    )
    assert await job_store.get("job_1") == result.job
    assert await job_store.events("job_1", after=0, limit=10) == [Event(seq=1, kind=EventKind.QUEUED, at=T0, data={})]


async def test_the_same_key_and_request_give_the_stored_job(job_store: JobStore) -> None:
    first = await job_store.submit(a_new_job("job_1", key="k"), now=T0, max_queued=10)
    again = await job_store.submit(a_new_job("job_2", key="k", now=T0 + 5), now=T0 + 5, max_queued=10)
    assert not again.created
    assert again.job == first.job
    assert (await job_store.counts()).queued == 1
    with pytest.raises(NotFoundError):
        await job_store.get("job_2")


async def test_a_known_key_gives_the_job_as_it_is_by_now(job_store: JobStore) -> None:
    await job_store.submit(a_new_job("job_1", key="k"), now=T0, max_queued=10)
    (claimed,) = await claim(job_store)
    await job_store.finish(claimed.lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=T0 + 1)
    again = await job_store.submit(a_new_job("job_2", key="k"), now=T0 + 2, max_queued=10)
    assert (again.created, again.job.id, again.job.status) == (False, "job_1", JobStatus.SUCCEEDED)


@pytest.mark.requirement("2.1.3")
async def test_the_same_key_with_another_request_is_refused(job_store: JobStore) -> None:
    await job_store.submit(a_new_job("job_1", key="k", prompt="One"), now=T0, max_queued=10)
    with pytest.raises(IdempotencyConflictError) as refused:
        await job_store.submit(a_new_job("job_2", key="k", prompt="Two"), now=T0, max_queued=10)
    assert refused.value.code == "idempotency_conflict"
    assert (await job_store.counts()).queued == 1


async def test_jobs_without_a_key_are_all_new(job_store: JobStore) -> None:
    for job_id in ("job_1", "job_2"):
        assert (await job_store.submit(a_new_job(job_id), now=T0, max_queued=10)).created
    assert (await job_store.counts()).queued == 2


@pytest.mark.requirement("2.1.3")
async def test_of_many_submits_at_once_with_one_key_one_is_stored(job_store: JobStore) -> None:
    results = await asyncio.gather(
        *(job_store.submit(a_new_job(f"job_{n}", key="k"), now=T0, max_queued=10) for n in range(8))
    )
    assert [r.created for r in results].count(True) == 1
    assert len({r.job.id for r in results}) == 1
    assert (await job_store.counts()).queued == 1


@pytest.mark.requirement("4.2.6")
async def test_the_queue_takes_exactly_its_limit(job_store: JobStore) -> None:
    await job_store.submit(a_new_job("job_1"), now=T0, max_queued=2)
    await job_store.submit(a_new_job("job_2"), now=T0, max_queued=2)
    with pytest.raises(BusyError) as refused:
        await job_store.submit(a_new_job("job_3", key="k"), now=T0, max_queued=2)
    assert refused.value.code == "queue_full"
    with pytest.raises(NotFoundError):
        await job_store.get("job_3")


@pytest.mark.requirement("2.1.3")
async def test_a_refused_key_is_free_again(job_store: JobStore) -> None:
    with pytest.raises(BusyError):
        await job_store.submit(a_new_job("job_1", key="k", prompt="One"), now=T0, max_queued=0)
    assert (await job_store.submit(a_new_job("job_2", key="k", prompt="Two"), now=T0, max_queued=1)).created


async def test_only_waiting_jobs_count_against_the_limit(job_store: JobStore) -> None:
    await running(job_store, "job_1")
    assert (await job_store.submit(a_new_job("job_2"), now=T0, max_queued=1)).created


@pytest.mark.requirement("4.2.6")
async def test_a_known_key_is_answered_though_the_queue_is_full(job_store: JobStore) -> None:
    await job_store.submit(a_new_job("job_1", key="k"), now=T0, max_queued=1)
    again = await job_store.submit(a_new_job("job_2", key="k"), now=T0, max_queued=1)
    assert not again.created


async def test_counts_of_an_empty_store(job_store: JobStore) -> None:
    assert await job_store.counts() == QueueCounts()


async def test_counts_name_the_oldest_waiting_job(job_store: JobStore) -> None:
    await running(job_store, "job_1", now=T0)
    await submit(job_store, "job_2", now=T0 + 1, model="other")
    await submit(job_store, "job_3", now=T0 + 2)
    assert await job_store.counts() == QueueCounts(
        queued=2, running=1, oldest_queued_at=T0 + 1, oldest_queued_model="other"
    )


async def test_a_personal_models_job_is_for_the_machine_of_its_base(job_store: JobStore) -> None:
    personal = [a_new_job(f"job_{number}", model="anna-poems", base=MODEL) for number in (1, 2)]
    for job in personal:
        await job_store.submit(job, now=T0, max_queued=10)
    assert (await job_store.counts()).oldest_queued_model == MODEL
    assert await claim(job_store, model="anna-poems") == []
    (claimed,) = await claim(job_store, limit=1)
    assert claimed.job.request.model == "anna-poems"
    assert await job_store.fail_queued(model="anna-poems", code="c", message="m", now=T0) == []
    assert await job_store.fail_queued(model=MODEL, code="c", message="m", now=T0) == ["job_2"]


async def test_an_ended_job_is_not_counted(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    assert await job_store.counts() == QueueCounts()


async def test_an_unknown_job_is_not_found(job_store: JobStore) -> None:
    with pytest.raises(NotFoundError) as refused:
        await job_store.get("job_none")
    assert refused.value.code == "job_not_found"


async def test_what_a_caller_got_does_not_change_under_it(job_store: JobStore) -> None:
    (before,) = await submit(job_store)
    copy = replace(before)
    await claim(job_store)
    assert before == copy
    assert before.request.model == MODEL
