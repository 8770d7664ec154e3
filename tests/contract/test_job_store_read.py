"""Lists, pages, events and cursors; and forgetting."""

import pytest

from tests.builders import T0, a_new_job, delta, running, submit, succeeded
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import InvalidInputError, NotFoundError


async def ids_of_all_pages(store: JobStore, limit: int, status: JobStatus | None = None) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await store.list_jobs(limit=limit, cursor=cursor, status=status)
        assert len(page.jobs) <= limit
        found += [job.id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def ended(store: JobStore, job_id: str, *, now: float) -> None:
    lease = await running(store, job_id, now=now)
    await store.finish(lease, seq=3, rest=Piece(text="Yes."), outcome=succeeded(), now=now)


async def test_an_empty_list(job_store: JobStore) -> None:
    page = await job_store.list_jobs(limit=10)
    assert (page.jobs, page.next_cursor) == ((), None)


async def test_jobs_are_listed_newest_first_as_get_gives_them(job_store: JobStore) -> None:
    await running(job_store, "job_1")
    await submit(job_store, "job_2", now=T0 + 1)
    page = await job_store.list_jobs(limit=10)
    assert page.jobs == (await job_store.get("job_2"), await job_store.get("job_1"))
    assert page.next_cursor is None


@pytest.mark.requirement("2.1.4")
@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
async def test_pages_cover_all_jobs_once_though_accepted_at_one_moment(job_store: JobStore, limit: int) -> None:
    await submit(job_store, "job_c", "job_a", "job_e", "job_b", "job_d")
    assert await ids_of_all_pages(job_store, limit) == ["job_d", "job_b", "job_e", "job_a", "job_c"]


async def test_a_job_accepted_meanwhile_does_not_shift_a_page(job_store: JobStore) -> None:
    await submit(job_store, "job_1", "job_2", "job_3")
    first = await job_store.list_jobs(limit=2)
    await submit(job_store, "job_4", "job_5")
    second = await job_store.list_jobs(limit=2, cursor=first.next_cursor)
    assert [j.id for j in (*first.jobs, *second.jobs)] == ["job_3", "job_2", "job_1"]


async def test_a_clock_that_went_back_does_not_disorder_the_list(job_store: JobStore) -> None:
    await submit(job_store, "job_1", now=T0)
    await submit(job_store, "job_2", now=T0 - 3600)
    assert await ids_of_all_pages(job_store, 1) == ["job_2", "job_1"]


async def test_the_list_of_one_status(job_store: JobStore) -> None:
    await ended(job_store, "job_1", now=T0)
    await ended(job_store, "job_2", now=T0)
    await ended(job_store, "job_3", now=T0)
    await submit(job_store, "job_4")
    assert await ids_of_all_pages(job_store, 2, JobStatus.SUCCEEDED) == ["job_3", "job_2", "job_1"]
    assert await ids_of_all_pages(job_store, 2, JobStatus.QUEUED) == ["job_4"]
    assert await ids_of_all_pages(job_store, 2, JobStatus.FAILED) == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "before-", "before-0", "before--1", "before-1 ", "before-٣", "before-" + "9" * 40, "1"]
)
async def test_a_foreign_cursor_is_refused(job_store: JobStore, cursor: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await job_store.list_jobs(limit=10, cursor=cursor)
    assert refused.value.code == "cursor_invalid"


async def test_events_after_a_cursor(job_store: JobStore) -> None:
    lease = await running(job_store)
    await job_store.append([delta(lease, n, str(n)) for n in range(3, 9)], now=T0)
    assert [e.seq for e in await job_store.events("job_1", after=3, limit=3)] == [4, 5, 6]
    assert [e.seq for e in await job_store.events("job_1", after=6, limit=10)] == [7, 8]
    assert [e.seq for e in await job_store.events("job_1", after=0, limit=1)] == [1]


async def test_no_events_after_the_newest(job_store: JobStore) -> None:
    await submit(job_store)
    assert await job_store.events("job_1", after=1, limit=10) == []


@pytest.mark.parametrize("after", [2, 10**30])
async def test_a_cursor_past_the_end_is_refused(job_store: JobStore, after: int) -> None:
    await submit(job_store)
    with pytest.raises(InvalidInputError) as refused:
        await job_store.events("job_1", after=after, limit=10)
    assert refused.value.code == "cursor_past_end"
    assert refused.value.details["last_seq"] == 1


async def test_events_of_an_unknown_job(job_store: JobStore) -> None:
    with pytest.raises(NotFoundError) as refused:
        await job_store.events("job_none", after=0, limit=10)
    assert refused.value.code == "job_not_found"


async def test_a_page_without_room_is_a_mistake_of_the_program(job_store: JobStore) -> None:
    await submit(job_store)
    with pytest.raises(ValueError, match="at least one"):
        await job_store.list_jobs(limit=0)
    with pytest.raises(ValueError, match="at least one"):
        await job_store.events("job_1", after=0, limit=0)


@pytest.mark.requirement("4.2.7")
async def test_purging_forgets_what_ended_before(job_store: JobStore) -> None:
    await ended(job_store, "job_1", now=T0)
    await ended(job_store, "job_2", now=T0 + 10)
    assert await job_store.purge(finished_before=T0 + 10, limit=100) == 1
    with pytest.raises(NotFoundError):
        await job_store.get("job_1")
    with pytest.raises(NotFoundError):
        await job_store.events("job_1", after=0, limit=10)
    assert (await job_store.get("job_2")).status is JobStatus.SUCCEEDED
    assert len(await job_store.events("job_2", after=0, limit=10)) == 4


@pytest.mark.requirement("4.2.7")
async def test_purging_spares_what_has_not_ended(job_store: JobStore) -> None:
    await running(job_store, "job_1")
    await submit(job_store, "job_2")
    assert await job_store.purge(finished_before=T0 + 10**9, limit=100) == 0
    assert (await job_store.counts()).queued == 1


async def test_purging_takes_the_longest_ended_first_and_not_more_than_asked(job_store: JobStore) -> None:
    for n, now in enumerate([T0 + 2, T0 + 1, T0 + 3], start=1):
        await ended(job_store, f"job_{n}", now=now)
    assert await job_store.purge(finished_before=T0 + 100, limit=2) == 2
    assert await ids_of_all_pages(job_store, 10) == ["job_3"]
    assert await job_store.purge(finished_before=T0 + 100, limit=0) == 0


async def test_a_cursor_survives_the_purge_of_its_job(job_store: JobStore) -> None:
    for n in (1, 2, 3):
        await ended(job_store, f"job_{n}", now=T0 + n)
    page = await job_store.list_jobs(limit=1)
    await job_store.purge(finished_before=T0 + 100, limit=100)
    await submit(job_store, "job_4")
    assert (await job_store.list_jobs(limit=10, cursor=page.next_cursor)).jobs == ()


async def test_a_purged_key_is_free_again(job_store: JobStore) -> None:
    await job_store.submit(a_new_job("job_1", key="k", prompt="One"), now=T0, max_queued=10)
    await job_store.request_cancel("job_1", reason="by hand", now=T0)
    await job_store.purge(finished_before=T0 + 1, limit=10)
    assert (await job_store.submit(a_new_job("job_2", key="k", prompt="Two"), now=T0, max_queued=10)).created
