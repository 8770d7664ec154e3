"""What the job store reads beyond what a transaction changes."""

import sqlite3
from typing import Any, NamedTuple

from tlfif.adapters.sqlite.file.storage_errors import as_written
from tlfif.adapters.sqlite.job_rows import event_from, job_where, records_with_requests
from tlfif.jobs.cursors import list_position, next_cursor
from tlfif.jobs.events import Event
from tlfif.jobs.jobs import AnswerTime, Job, JobPage, JobStatus, QueueCounts
from tlfif.jobs.refusals import cursor_past_end, no_such_job

_NEWEST = 2**62
"""Beyond every position."""
_PLACE = (
    "SELECT position, status, (SELECT MAX(seq) FROM events e WHERE e.position = j.position) FROM jobs j WHERE j.id = ?"
)


class _Place(NamedTuple):
    """What a reader of a job's events must know of the job."""

    position: int
    status: JobStatus
    last_seq: int


def stored_job(connection: sqlite3.Connection, job_id: str) -> Job:
    """The job. Raises NotFoundError."""
    job = job_where(connection, "j.id = ?", job_id)
    if job is None:
        raise no_such_job(job_id)
    return job


def exists(connection: sqlite3.Connection, where: str, parameters: tuple[object, ...]) -> bool:
    """Whether there is a job that ``where`` (a constant of this package) chooses."""
    row = connection.execute(f"SELECT 1 FROM jobs j WHERE {where} LIMIT 1", parameters).fetchone()  # noqa: S608  # see above
    return row is not None


def page(
    connection: sqlite3.Connection, limit: int, cursor: str | None, status: JobStatus | None, owner: str | None
) -> JobPage:
    """Jobs newest first, with the next page's cursor. Raises InvalidInputError (code ``cursor_invalid``)."""
    before = _NEWEST if cursor is None else list_position(cursor)
    chosen = ("" if status is None else "j.status = :status AND ") + ("" if owner is None else "j.owner = :owner AND ")
    found = records_with_requests(
        connection,
        f"WHERE {chosen} j.position < :before ORDER BY j.position DESC LIMIT :most",
        {"status": status, "owner": owner, "before": before, "most": limit + 1},
    )
    return JobPage(
        jobs=tuple(record.job(request) for record, request in found[:limit]),
        next_cursor=next_cursor([record for record, _ in found], limit),
    )


def answer_times(
    connection: sqlite3.Connection, limit: int, machine_id: str | None, since: float | None
) -> list[AnswerTime]:
    """The newest ``limit`` jobs that are or were answered, oldest first."""
    whose = "worker_id IS NOT NULL" if machine_id is None else "worker_id = :machine"
    when = "" if since is None else "AND created_at >= :since"
    rows = connection.execute(
        "SELECT id, worker_id, created_at, started_at, finished_at FROM jobs "  # noqa: S608  # constants
        f"WHERE started_at IS NOT NULL AND {whose} {when} ORDER BY position DESC LIMIT :limit",
        {"machine": machine_id, "since": since, "limit": limit},
    ).fetchall()
    return [
        AnswerTime(job_id=row[0], machine_id=row[1], created_at=row[2], started_at=row[3], finished_at=row[4])
        for row in reversed(rows)
    ]


def counts(connection: sqlite3.Connection) -> QueueCounts:
    """How many jobs wait and run, and which waits longest."""
    queued, running = connection.execute(
        "SELECT (SELECT COUNT(*) FROM jobs WHERE status = 'queued'),"
        " (SELECT COUNT(*) FROM jobs WHERE status = 'running')"
    ).fetchone()
    oldest = connection.execute(
        "SELECT created_at, base FROM jobs WHERE status = 'queued' ORDER BY position LIMIT 1"
    ).fetchone() or (None, None)
    return QueueCounts(queued=queued, running=running, oldest_queued_at=oldest[0], oldest_queued_model=oldest[1])


def events(connection: sqlite3.Connection, job_id: str, after: int, limit: int) -> list[Event]:
    """Events beyond ``after``. Raises NotFoundError; InvalidInputError (code ``cursor_past_end``)."""
    place = _place(connection, job_id)
    if place is None:
        raise no_such_job(job_id)
    if after > place.last_seq:
        raise cursor_past_end(after=after, last_seq=place.last_seq)
    rows = connection.execute(
        "SELECT seq, kind, at, data FROM events WHERE position = ? AND seq > ? ORDER BY seq LIMIT ?",
        (place.position, after, limit),
    ).fetchall()
    return [event_from(row) for row in rows]


def may_grow(connection: sqlite3.Connection, job_id: str, after: int) -> bool:
    """Whether a reader who has seen event ``after`` must wait for the next one."""
    place = _place(connection, job_id)
    return place is not None and not place.status.is_terminal and place.last_seq <= after


def _place(connection: sqlite3.Connection, job_id: str) -> _Place | None:
    """Readers ask for it twenty times a second, so it is three columns instead of the record."""
    row = connection.execute(_PLACE, (job_id,)).fetchone()
    return None if row is None else _place_from(row)


@as_written
def _place_from(row: tuple[Any, ...]) -> _Place:
    return _Place(position=row[0], status=JobStatus(row[1]), last_seq=int(row[2]))
