"""Reads of the job table that concern more than one job or its events."""

import asyncio
import math

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.jobs.dynamo_job_items import (
    ALL_JOBS,
    ENDED_JOBS,
    QUEUE,
    RECORD,
    RUNNING,
    ended_mark,
    event_sk,
    events_from,
    is_event,
    job_id_of,
    job_pk,
    listing_mark,
)
from tlfif.adapters.aws.jobs.dynamo_job_table import JobTable
from tlfif.jobs.cursors import list_position, next_cursor
from tlfif.jobs.events import Event
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.jobs import AnswerTime, JobPage, JobStatus, QueueCounts
from tlfif.jobs.refusals import cursor_past_end, no_such_job

CLOCKS_AGREE_SECONDS = 86_400.0
"""Clocks of hosts differ by less than this: the search for jobs accepted since a time ends this long before it."""
_PAGE = 100
_TIMES = ("worker_id", "created_at", "started_at", "finished_at")
_WAITING = 10
"""How many of the newest jobs may still wait so that one page is enough."""


async def counts(table: JobTable) -> QueueCounts:
    """How many jobs wait and run, from small items under one key each."""
    (queued, oldest), running = await asyncio.gather(_waiting(table), table.count(RUNNING))
    return QueueCounts(
        queued=queued,
        running=running,
        oldest_queued_at=float(oldest["created_at"]) if oldest else None,
        oldest_queued_model=oldest["model"] if oldest else None,
    )


async def _waiting(table: JobTable) -> tuple[int, Item | None]:
    """How many, and the oldest."""
    queued, oldest = 0, None
    async for page in table.pages(QUEUE, size=1000):
        queued += len(page)
        oldest = oldest or (page[0] if page else None)
    return queued, oldest


async def listed(
    table: JobTable, *, limit: int, cursor: str | None, status: JobStatus | None, owner: str | None
) -> JobPage:
    """A page of jobs: the index says which there are, the table what became of them."""
    below = None if cursor is None else listing_mark(list_position(cursor))
    found: list[JobRecord] = []
    async for page in table.by_time(ALL_JOBS, below=below, newest_first=True, size=limit + 1):
        records = await table.records(job_id_of(item) for item in page if owner in (None, item["owner"]))
        found += [record for record in records if status in (None, record.status)]
        if len(found) > limit:
            break
    shown = found[:limit]
    requests = await table.requests(record.id for record in shown)
    return JobPage(
        jobs=tuple(record.job(requests[record.id]) for record in shown if record.id in requests),
        next_cursor=next_cursor(found, limit),
    )


async def answer_times(table: JobTable, *, limit: int, machine_id: str | None, since: float | None) -> list[AnswerTime]:
    """The newest answers, oldest first."""
    found: list[AnswerTime] = []
    if limit < 1:
        return found
    async for page in table.by_time(ALL_JOBS, below=None, newest_first=True, size=min(_PAGE, limit + _WAITING)):
        late = [item for item in page if since is None or item["created_at"] >= since]
        keys = [(job_pk(job_id_of(item)), RECORD) for item in late]
        records = await table.get_all(keys, only=_TIMES)
        for record in (records[key] for key in keys if key in records):
            time = _answer_time(record)
            if time is not None and machine_id in (None, time.machine_id):
                found.append(time)
        if len(found) >= limit or (
            since is not None and all(item["created_at"] < since - CLOCKS_AGREE_SECONDS for item in page)
        ):
            break
    return found[:limit][::-1]


async def longest_ended(
    table: JobTable, *, limit: int, before: float = math.inf, owner: str | None = None
) -> list[JobRecord]:
    """Jobs that ended before ``before``, the first to end first; where an ``owner`` is given, only theirs."""
    found: list[JobRecord] = []
    if limit < 1:
        return found
    below = None if before == math.inf else ended_mark(before)
    async for page in table.by_time(ENDED_JOBS, below=below, newest_first=False, size=limit):
        records = await table.records(job_id_of(item) for item in page)
        found += [
            record
            for record in records
            if record.finished_at is not None and record.finished_at < before and owner in (None, record.owner)
        ]
        if len(found) >= limit:
            break
    return found[:limit]


async def events_after(table: JobTable, job_id: str, *, after: int, limit: int) -> list[Event]:
    """Events beyond ``after``, in one read: the job's record sorts behind its events, and tells the last number if
    there is no event to show."""
    after = max(0, after)
    items = await table.query(
        "pk = :pk AND sk BETWEEN :from AND :to",
        {":pk": job_pk(job_id), ":from": event_sk(after + 1), ":to": RECORD},
        limit=limit,
    )
    if not items:
        raise no_such_job(job_id)
    if not is_event(items[0]):
        last_seq = int(items[0]["last_seq"])
        if after > last_seq:
            raise cursor_past_end(after=after, last_seq=last_seq)
    found: list[Event] = []
    for item in filter(is_event, items):
        body = await table.texts.of(item)
        if body is None:
            raise no_such_job(job_id)
        for event in events_from(body):
            # A read of many items is not of one moment: what comes behind a gap is shown next time.
            if event.seq == after + 1 and len(found) < limit:
                found.append(event)
                after += 1
    return found


def _answer_time(record: Item) -> AnswerTime | None:
    if "worker_id" not in record or "started_at" not in record:
        return None
    finished_at = record.get("finished_at")
    return AnswerTime(
        job_id=job_id_of(record),
        machine_id=record["worker_id"],
        created_at=float(record["created_at"]),
        started_at=float(record["started_at"]),
        finished_at=None if finished_at is None else float(finished_at),
    )
