"""When jobs were answered, and where: what the meter shares costs by."""

import pytest

from tests.builders import MODEL, T0, a_new_job, succeeded
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import AnswerTime, ClaimedJob


async def answered(store: JobStore, number: int, machine: str, *, finish: bool = True) -> str:
    """A job that came at ``T0 + 10 n``, was begun 1 s later and ended 2 s after that."""
    job, at = a_new_job(f"job_{number}"), T0 + 10 * number
    await store.submit(job, now=at, max_queued=10)
    claimed = await claim(store, machine, at + 1)
    if finish:
        await store.finish(claimed.lease, seq=3, outcome=succeeded(), now=at + 3)
    return job.id


async def claim(store: JobStore, machine: str, now: float) -> ClaimedJob:
    (claimed,) = await store.claim(worker_id=machine, model=MODEL, limit=1, lease_seconds=30, now=now)
    return claimed


def time(number: int, machine: str, *, finished: bool = True) -> AnswerTime:
    at = T0 + 10 * number
    ended = at + 3 if finished else None
    return AnswerTime(job_id=f"job_{number}", machine_id=machine, created_at=at, started_at=at + 1, finished_at=ended)


async def test_times_come_oldest_first_and_include_what_runs(job_store: JobStore) -> None:
    await answered(job_store, 1, "m1")
    await answered(job_store, 2, "m2")
    await answered(job_store, 3, "m2", finish=False)
    assert await job_store.answer_times(limit=10) == [
        time(1, "m1"),
        time(2, "m2"),
        time(3, "m2", finished=False),
    ]


async def test_times_of_one_machine_or_of_late_jobs_only(job_store: JobStore) -> None:
    for number, machine in ((1, "m1"), (2, "m2"), (3, "m1")):
        await answered(job_store, number, machine)
    assert await job_store.answer_times(limit=10, machine_id="m1") == [time(1, "m1"), time(3, "m1")]
    assert await job_store.answer_times(limit=10, machine_id="m3") == []
    assert await job_store.answer_times(limit=10, since=T0 + 20) == [time(2, "m2"), time(3, "m1")]
    assert await job_store.answer_times(limit=10, machine_id="m1", since=T0 + 11) == [time(3, "m1")]


@pytest.mark.parametrize(("limit", "expected"), [(0, []), (-1, []), (1, [3]), (2, [2, 3])])
async def test_a_limit_leaves_the_newest(job_store: JobStore, limit: int, expected: list[int]) -> None:
    for number in (1, 2, 3):
        await answered(job_store, number, "m")
    assert await job_store.answer_times(limit=limit) == [time(number, "m") for number in expected]


async def test_who_waits_has_no_time(job_store: JobStore) -> None:
    await job_store.submit(a_new_job("job_1"), now=T0, max_queued=10)
    assert await job_store.answer_times(limit=10) == []
    claimed = await claim(job_store, "m", T0 + 1)
    await job_store.release(claimed.lease, reason="r", count_attempt=True, now=T0 + 2)
    assert await job_store.answer_times(limit=10) == []
