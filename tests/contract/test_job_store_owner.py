"""Whose a job is, and forgetting it at once."""

import pytest

from tests.builders import T0, a_new_job, claim, running, submit, succeeded
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import ConflictError, NotFoundError


async def two_owners(store: JobStore) -> None:
    for number, owner in enumerate(("anna", "ben", "anna", ""), 1):
        await store.submit(a_new_job(f"job_{number}", owner=owner), now=T0 + number, max_queued=10)


async def test_a_job_keeps_its_owner(job_store: JobStore) -> None:
    await two_owners(job_store)
    assert [(await job_store.get(f"job_{n}")).owner for n in (1, 2, 3, 4)] == ["anna", "ben", "anna", ""]


@pytest.mark.requirement("11.5.1")
async def test_one_owners_jobs_are_listed_apart_and_in_pages(job_store: JobStore) -> None:
    await two_owners(job_store)
    first = await job_store.list_jobs(limit=1, owner="anna")
    assert ([j.id for j in first.jobs], first.next_cursor is not None) == (["job_3"], True)
    rest = await job_store.list_jobs(limit=1, owner="anna", cursor=first.next_cursor)
    assert ([j.id for j in rest.jobs], rest.next_cursor) == (["job_1"], None)
    assert [j.id for j in (await job_store.list_jobs(limit=9, owner="")).jobs] == ["job_4"]
    assert (await job_store.list_jobs(limit=9, owner="nobody")).jobs == ()
    assert len((await job_store.list_jobs(limit=9)).jobs) == 4


async def test_one_owners_jobs_of_one_status(job_store: JobStore) -> None:
    await two_owners(job_store)
    await job_store.request_cancel("job_3", reason="x", now=T0 + 9)
    page = await job_store.list_jobs(limit=9, owner="anna", status=JobStatus.CANCELLED)
    assert [j.id for j in page.jobs] == ["job_3"]
    page = await job_store.list_jobs(limit=9, owner="anna", status=JobStatus.QUEUED)
    assert [j.id for j in page.jobs] == ["job_1"]


async def test_a_deleted_job_is_gone_with_its_events_and_its_key(job_store: JobStore) -> None:
    await job_store.submit(a_new_job("job_1", key="k1"), now=T0, max_queued=10)
    (claimed,) = await claim(job_store)
    lease = claimed.lease
    await job_store.finish(lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=T0 + 1)
    await submit(job_store, "job_2", now=T0 + 2)
    await job_store.delete("job_1")
    for ask in (job_store.get("job_1"), job_store.events("job_1", after=0, limit=9), job_store.delete("job_1")):
        with pytest.raises(NotFoundError) as error:
            await ask
        assert error.value.code == "job_not_found"
    assert [j.id for j in (await job_store.list_jobs(limit=9)).jobs] == ["job_2"]
    again = await job_store.submit(a_new_job("job_3", key="k1", prompt="Another"), now=T0 + 3, max_queued=10)
    assert again.created


async def test_what_has_not_ended_is_not_deleted(job_store: JobStore) -> None:
    lease = await running(job_store, "job_1")
    await submit(job_store, "job_2", now=T0 + 1)
    for job_id in ("job_1", "job_2"):
        with pytest.raises(ConflictError) as error:
            await job_store.delete(job_id)
        assert error.value.code == "job_not_ended"
    await job_store.finish(lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=T0 + 2)
    assert (await job_store.counts()).queued == 1


async def test_one_owners_ended_jobs_are_deleted_the_first_to_end_first(job_store: JobStore) -> None:
    await two_owners(job_store)
    for job_id, at in (("job_3", T0 + 7), ("job_1", T0 + 8), ("job_2", T0 + 9)):
        await job_store.request_cancel(job_id, reason="x", now=at)
    assert await job_store.delete_ended(owner="anna", limit=0) == 0
    assert await job_store.delete_ended(owner="anna", limit=1) == 1
    assert [j.id for j in (await job_store.list_jobs(limit=9)).jobs] == ["job_4", "job_2", "job_1"]
    assert await job_store.delete_ended(owner="anna", limit=9) == 1
    assert await job_store.delete_ended(owner="anna", limit=9) == 0
    assert [j.id for j in (await job_store.list_jobs(limit=9)).jobs] == ["job_4", "job_2"]


async def test_who_has_no_name_deletes_everybodys(job_store: JobStore) -> None:
    await two_owners(job_store)
    for job_id in ("job_1", "job_2", "job_3"):
        await job_store.request_cancel(job_id, reason="x", now=T0 + 7)
    assert await job_store.delete_ended(owner="", limit=9) == 3
    assert [j.id for j in (await job_store.list_jobs(limit=9)).jobs] == ["job_4"]
