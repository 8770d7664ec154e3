"""Rows to jobs and events, and the changes of which every transaction on a job is made."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from tlfif.adapters.local.wakeups import WORK, job_topic
from tlfif.jobs.endings import after_attempt, receipt_data, receipt_from, terminal_data
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import GenerationRequest, Job, JobStatus, Lease, Outcome

SELECT_JOB = """
    SELECT j.id, j.status, r.body, j.idempotency_key, j.created_at, j.expires_at, j.attempt,
           (SELECT MAX(seq) FROM events e WHERE e.position = j.position),
           j.worker_id, j.lease_expires_at, j.started_at, j.finished_at, j.cancel_requested, j.cancel_reason,
           j.error_code, j.error_message, j.receipt, j.owner, j.position
    FROM jobs j JOIN requests r ON r.position = j.position
"""
"""To be followed by a WHERE clause; each row is for :func:`job_from`, its last field is the position."""

_SELECT_OPEN = """
    SELECT j.position, j.id, j.attempt, j.cancel_requested, j.wait_seconds,
           (SELECT MAX(seq) FROM events e WHERE e.position = j.position)
    FROM jobs j
"""


@dataclass(frozen=True, slots=True)
class OpenJob:
    """What a transaction must know of a job that has not ended."""

    position: int
    id: str
    attempt: int
    cancel_requested: int
    wait_seconds: float
    last_seq: int


def job_from(row: tuple[Any, ...]) -> Job:
    """The job of a row of :data:`SELECT_JOB`."""
    return Job(
        id=row[0],
        status=JobStatus(row[1]),
        request=GenerationRequest.from_json(row[2]),
        idempotency_key=row[3],
        created_at=row[4],
        expires_at=row[5],
        attempt=row[6],
        last_seq=row[7],
        worker_id=row[8],
        lease_expires_at=row[9],
        started_at=row[10],
        finished_at=row[11],
        cancel_requested=bool(row[12]),
        cancel_reason=row[13],
        error_code=row[14],
        error_message=row[15],
        receipt=None if row[16] is None else receipt_from(json.loads(row[16])),
        owner=row[17],
    )


def event_from(row: tuple[Any, ...]) -> Event:
    """The event of a row ``seq, kind, at, data``."""
    return Event(seq=row[0], kind=EventKind(row[1]), at=row[2], data=json.loads(row[3]))


def log(
    connection: sqlite3.Connection,
    position: int,
    *,
    seq: int,
    kind: EventKind,
    now: float,
    data: dict[str, object] | None = None,
) -> None:
    """Add an event. Plain ASCII JSON: half a surrogate pair from an engine must not break the store."""
    connection.execute(
        "INSERT INTO events (position, seq, kind, at, data) VALUES (?, ?, ?, ?, ?)",
        (position, seq, kind.value, now, json.dumps(data or {})),
    )


def leased_job(connection: sqlite3.Connection, lease: Lease) -> OpenJob | None:
    """The job if ``lease`` is its current one."""
    row = connection.execute(
        _SELECT_OPEN + "WHERE j.id = ? AND j.status = 'running' AND j.lease_token = ?",
        (lease.job_id, lease.token),
    ).fetchone()
    return None if row is None else OpenJob(*row)


def open_jobs(connection: sqlite3.Connection, where: str, parameters: tuple[object, ...]) -> list[OpenJob]:
    """Jobs that ``where`` (a constant of this package) chooses, in order of acceptance."""
    rows = connection.execute(f"{_SELECT_OPEN} WHERE {where} ORDER BY j.position", parameters).fetchall()
    return [OpenJob(*row) for row in rows]


def end(
    connection: sqlite3.Connection,
    topics: set[str],
    job: OpenJob,
    outcome: Outcome,
    *,
    now: float,
    last_seq: int | None = None,
    keep_token: bool = False,
) -> None:
    """End the job and log it.

    ``last_seq`` where more was logged since the job was read; ``keep_token`` so that the lease's holder may say
    the same again.
    """
    receipt = None if outcome.receipt is None else json.dumps(receipt_data(outcome.receipt))
    connection.execute(
        "UPDATE jobs SET status = ?, finished_at = ?, lease_expires_at = NULL, error_code = ?, "
        "error_message = ?, receipt = ?, lease_token = CASE WHEN ? THEN lease_token END WHERE position = ?",
        (
            outcome.status.value,
            now,
            outcome.error_code,
            outcome.error_message,
            receipt,
            keep_token,
            job.position,
        ),
    )
    seq = (job.last_seq if last_seq is None else last_seq) + 1
    kind = EventKind(outcome.status.value)
    log(connection, job.position, seq=seq, kind=kind, now=now, data=terminal_data(outcome))
    topics.add(job_topic(job.id))


def end_attempt(
    connection: sqlite3.Connection,
    topics: set[str],
    job: OpenJob,
    *,
    reason: str,
    count_attempt: bool,
    now: float,
) -> JobStatus:
    """The attempt came to nothing: the job waits again, or ends where it may not."""
    outcome = after_attempt(
        attempt=job.attempt,
        count_attempt=count_attempt,
        cancel_requested=bool(job.cancel_requested),
        reason=reason,
    )
    if outcome is not None:
        end(connection, topics, job, outcome, now=now)
        return outcome.status
    connection.execute(
        "UPDATE jobs SET status = 'queued', attempt = ?, worker_id = NULL, lease_token = NULL, "
        "lease_expires_at = NULL, started_at = NULL, expires_at = ? WHERE position = ?",
        (job.attempt if count_attempt else job.attempt - 1, now + job.wait_seconds, job.position),
    )
    data: dict[str, object] = {"reason": reason, "attempt": job.attempt}
    log(connection, job.position, seq=job.last_seq + 1, kind=EventKind.RESTARTED, now=now, data=data)
    topics.update((job_topic(job.id), WORK))
    return JobStatus.QUEUED
