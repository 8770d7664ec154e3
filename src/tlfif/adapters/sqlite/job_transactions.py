"""What each write of the job store does inside its one transaction.

The rules are those of :mod:`tlfif.jobs.transitions`. ``topics`` collects who is to be woken once the transaction is
committed.
"""

import sqlite3
from collections.abc import Sequence
from functools import partial

from tlfif.adapters.local.wakeups import WORK, job_topic
from tlfif.adapters.sqlite import job_rows as rows
from tlfif.adapters.sqlite.file.wiper import mark_deleted
from tlfif.jobs import transitions
from tlfif.jobs.job_record import JobRecord, first_event, new_record
from tlfif.jobs.jobs import ClaimedJob, DeltaWrite, Lease, LeaseState, NewJob, SubmitResult
from tlfif.jobs.transitions import Change, Transition
from tlfif.kernel.clock import Ids

CLAIMABLE = "j.status = 'queued' AND j.base = ? AND j.expires_at >= ?"
DUE = "j.status = 'queued' AND j.expires_at < ? OR j.status = 'running' AND j.lease_expires_at < ?"
"""Which jobs a claim and a reap look at; what becomes of them is up to the transitions."""
PURGE = (
    "DELETE FROM jobs WHERE position IN (SELECT position FROM jobs WHERE finished_at < ? ORDER BY finished_at LIMIT ?)"
)
DELETE_ENDED = (
    "DELETE FROM jobs WHERE position IN "
    "(SELECT position FROM jobs WHERE finished_at IS NOT NULL AND ? IN ('', owner) ORDER BY finished_at LIMIT ?)"
)
"""Requests and events go with the job."""


def submit(connection: sqlite3.Connection, topics: set[str], job: NewJob, now: float, max_queued: int) -> SubmitResult:
    """Accept ``job``, or find it accepted under its key."""
    key = job.idempotency_key
    known = None if key is None else rows.job_where(connection, "j.idempotency_key = ?", key)
    (queued,) = connection.execute("SELECT COUNT(*) FROM jobs WHERE status = 'queued'").fetchone()
    repeated = transitions.admit(job, known=known, queued=queued, max_queued=max_queued)
    if repeated is not None:
        return repeated
    record = new_record(job, position=0, now=now)  # the table numbers the job
    position = rows.insert(connection, record, job.request)
    rows.insert_events(connection, position, [first_event(record)])
    topics.add(WORK)
    return SubmitResult(job=record.job(job.request), created=True)


def claim(
    connection: sqlite3.Connection,
    *,
    worker_id: str,
    model: str,
    limit: int,
    lease_seconds: float,
    now: float,
    ids: Ids,
) -> list[ClaimedJob]:
    """Lease the oldest jobs that may be claimed. Readers are not woken for that just when the engine reads the prompt:
    they find it by polling, or together with the first words."""
    waiting = rows.records_with_requests(
        connection, f"WHERE {CLAIMABLE} ORDER BY j.position LIMIT ?", (model, now, limit)
    )
    claimed: list[ClaimedJob] = []
    for record, request in waiting:
        start = partial(
            transitions.start, worker_id=worker_id, token=ids.new_id("lease"), lease_seconds=lease_seconds, now=now
        )
        claimed += [change.after.claimed(request) for change in _apply(connection, set(), [record], start)]
    return claimed


def heartbeat(
    connection: sqlite3.Connection, topics: set[str], leases: Sequence[Lease], until: float
) -> list[LeaseState]:
    """Extend what is held."""
    states: list[LeaseState] = []
    for lease in leases:
        change = change_one(connection, topics, lease.job_id, partial(transitions.extend, lease=lease, until=until))
        states.append(transitions.lease_state(lease, change.after if change else None))
    return states


def append(
    connection: sqlite3.Connection, topics: set[str], writes: Sequence[DeltaWrite], now: float
) -> frozenset[str]:
    """Write the text that is new, and return the ids of the jobs whose lease is lost. Texts come all the time, so two
    numbers are read instead of the record, and no row of ``jobs`` is written."""
    lost: set[str] = set()
    for lease, texts in transitions.by_lease(writes).items():
        held = rows.held(connection, lease)
        if held is None:
            lost.add(lease.job_id)
            continue
        position, last_seq = held
        if events := transitions.fresh_deltas(texts, last_seq=last_seq, now=now):
            rows.insert_events(connection, position, events)
            topics.add(job_topic(lease.job_id))
    return frozenset(lost)


def change_one(connection: sqlite3.Connection, topics: set[str], job_id: str, transition: Transition) -> Change | None:
    """Apply ``transition`` to a job, which need not be there."""
    return next(iter(_apply(connection, topics, [rows.record(connection, job_id)], transition)), None)


def change_all(
    connection: sqlite3.Connection,
    topics: set[str],
    where: str,
    parameters: tuple[object, ...],
    transition: Transition,
) -> list[str]:
    """Apply ``transition`` to the jobs that ``where`` (a constant of this package) chooses; the ids of those that
    changed."""
    changes = _apply(connection, topics, rows.records(connection, where, parameters), transition)
    return [change.after.id for change in changes]


def delete(connection: sqlite3.Connection, job_id: str) -> None:
    """Forget an ended job."""
    record = transitions.deletable(rows.record(connection, job_id), job_id)
    connection.execute("DELETE FROM jobs WHERE position = ?", (record.position,))
    mark_deleted(connection)


def delete_all(connection: sqlite3.Connection, statement: str, which: str | float, limit: int) -> int:
    """Forget what ``statement`` (:data:`PURGE`, :data:`DELETE_ENDED`) chooses; how many that were."""
    deleted = connection.execute(statement, (which, limit)).rowcount
    if deleted:
        mark_deleted(connection)
    return deleted


def _apply(
    connection: sqlite3.Connection, topics: set[str], records: Sequence[JobRecord | None], transition: Transition
) -> list[Change]:
    changes = [change for record in records if (change := transition(record)) is not None]
    for change in changes:
        rows.write(connection, topics, change)
    return changes
