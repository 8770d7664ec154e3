"""What each write of the job store does inside its one transaction.

``topics`` collects who is to be woken once the transaction is committed.
"""

import sqlite3
from collections.abc import Sequence

from tlfif.adapters.local.wakeups import WORK, job_topic
from tlfif.adapters.sqlite.job_rows import (
    SELECT_JOB,
    end,
    end_attempt,
    job_from,
    leased_job,
    log,
    open_jobs,
)
from tlfif.jobs.endings import LEASE_RAN_OUT, after_waiting
from tlfif.jobs.events import EventKind
from tlfif.jobs.jobs import (
    ClaimedJob,
    DeltaWrite,
    Job,
    JobStatus,
    Lease,
    LeaseState,
    NewJob,
    Outcome,
    SubmitResult,
)
from tlfif.jobs.refusals import is_next, key_used_before, lease_lost, no_such_job, not_ended, queue_full
from tlfif.kernel.clock import Ids

PURGE = (
    "DELETE FROM jobs WHERE position IN (SELECT position FROM jobs WHERE finished_at < ? ORDER BY finished_at LIMIT ?)"
)
"""Requests and events go with the job."""


def stored_job(connection: sqlite3.Connection, job_id: str) -> Job:
    """The job. Raises NotFoundError."""
    row = connection.execute(SELECT_JOB + "WHERE j.id = ?", (job_id,)).fetchone()
    if row is None:
        raise no_such_job(job_id)
    return job_from(row)


def position_and_last_seq(connection: sqlite3.Connection, job_id: str) -> tuple[int, int]:
    """Where the job's events are and how many there are. Raises NotFoundError."""
    row = connection.execute(
        "SELECT j.position, (SELECT MAX(seq) FROM events e WHERE e.position = j.position) FROM jobs j WHERE j.id = ?",
        (job_id,),
    ).fetchone()
    if row is None:
        raise no_such_job(job_id)
    return row[0], row[1]


def submit(connection: sqlite3.Connection, topics: set[str], job: NewJob, now: float, max_queued: int) -> SubmitResult:
    """Accept ``job``, or find it accepted under its key."""
    known = _job_by_key(connection, job)
    if known is not None:
        return SubmitResult(job=known, created=False)
    (queued,) = connection.execute("SELECT COUNT(*) FROM jobs WHERE status = 'queued'").fetchone()
    if queued >= max_queued:
        raise queue_full(queued=queued, limit=max_queued)
    position = connection.execute(
        "INSERT INTO jobs "
        "(id, status, model, idempotency_key, fingerprint, created_at, wait_seconds, expires_at, owner) "
        "VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?)",
        (
            job.id,
            job.request.model,
            job.idempotency_key,
            job.request.fingerprint(),
            now,
            job.expires_at - now,
            job.expires_at,
            job.owner,
        ),
    ).lastrowid
    assert position is not None  # noqa: S101  # an INSERT of one row has one
    connection.execute("INSERT INTO requests (position, body) VALUES (?, ?)", (position, job.request.to_json()))
    log(connection, position, seq=1, kind=EventKind.QUEUED, now=now)
    topics.add(WORK)
    return SubmitResult(job=stored_job(connection, job.id), created=True)


def work_waits(connection: sqlite3.Connection, model: str, now: float) -> bool:
    """Whether a claim would find something."""
    row = connection.execute(
        "SELECT 1 FROM jobs WHERE status = 'queued' AND model = ? AND expires_at >= ? LIMIT 1", (model, now)
    ).fetchone()
    return row is not None


def claim(
    connection: sqlite3.Connection,
    topics: set[str],
    *,
    worker_id: str,
    model: str,
    limit: int,
    lease_seconds: float,
    now: float,
    ids: Ids,
) -> list[ClaimedJob]:
    """Lease the oldest jobs. That none of them has a cancel request is held by the table itself."""
    waiting = connection.execute(
        "SELECT position, id, attempt FROM jobs WHERE status = 'queued' AND model = ? AND expires_at >= ? "
        "ORDER BY position LIMIT ?",
        (model, now, limit),
    ).fetchall()
    claimed: list[ClaimedJob] = []
    for position, job_id, attempts in waiting:
        lease = Lease(job_id=job_id, token=ids.new_id("lease"), worker_id=worker_id, attempt=attempts + 1)
        connection.execute(
            "UPDATE jobs SET status = 'running', attempt = ?, worker_id = ?, lease_token = ?, "
            "lease_expires_at = ?, started_at = ? WHERE position = ?",
            (lease.attempt, worker_id, lease.token, now + lease_seconds, now, position),
        )
        _, last = position_and_last_seq(connection, job_id)
        log(
            connection,
            position,
            seq=last + 1,
            kind=EventKind.STARTED,
            now=now,
            data={"attempt": lease.attempt},
        )
        topics.add(job_topic(job_id))
        claimed.append(ClaimedJob(job=stored_job(connection, job_id), lease=lease))
    return claimed


def heartbeat(connection: sqlite3.Connection, leases: Sequence[Lease], until: float) -> list[LeaseState]:
    """Extend what is held."""
    states: list[LeaseState] = []
    for lease in leases:
        job = leased_job(connection, lease)
        if job is None:
            states.append(LeaseState(job_id=lease.job_id, held=False))
            continue
        connection.execute("UPDATE jobs SET lease_expires_at = ? WHERE position = ?", (until, job.position))
        cancelled = bool(job.cancel_requested)
        states.append(LeaseState(job_id=lease.job_id, held=True, cancel_requested=cancelled))
    return states


def append(
    connection: sqlite3.Connection, topics: set[str], writes: Sequence[DeltaWrite], now: float
) -> frozenset[str]:
    """Write what is new and say which leases are lost."""
    lost: set[str] = set()
    for write in writes:
        job = leased_job(connection, write.lease)
        if job is None:
            lost.add(write.lease.job_id)
        elif is_next(last_seq=job.last_seq, seq=write.seq):
            _log_text(connection, job.position, write.seq, write.text, now)
            topics.add(job_topic(job.id))
    return frozenset(lost)


def finish(
    connection: sqlite3.Connection,
    topics: set[str],
    lease: Lease,
    *,
    seq: int,
    text: str,
    outcome: Outcome,
    now: float,
) -> None:
    """Write the rest and end the job."""
    job = leased_job(connection, lease)
    if job is None:
        if _ended_by(connection, lease):
            return
        raise lease_lost(lease)
    last = job.last_seq
    if is_next(last_seq=last, seq=seq) and text:
        _log_text(connection, job.position, seq, text, now)
        last = seq
    end(connection, topics, job, outcome, now=now, last_seq=last, keep_token=True)


def release(
    connection: sqlite3.Connection,
    topics: set[str],
    lease: Lease,
    *,
    reason: str,
    count_attempt: bool,
    now: float,
) -> JobStatus:
    """Give the job back."""
    job = leased_job(connection, lease)
    if job is None:
        raise lease_lost(lease)
    return end_attempt(connection, topics, job, reason=reason, count_attempt=count_attempt, now=now)


def abandon(connection: sqlite3.Connection, topics: set[str], worker_id: str, *, reason: str, now: float) -> list[str]:
    """Take every lease of the worker away."""
    jobs = open_jobs(connection, "j.status = 'running' AND j.worker_id = ?", (worker_id,))
    for job in jobs:
        end_attempt(connection, topics, job, reason=reason, count_attempt=True, now=now)
    return [job.id for job in jobs]


def request_cancel(connection: sqlite3.Connection, topics: set[str], job_id: str, *, reason: str, now: float) -> Job:
    """End a waiting job, mark a running one, leave an ended one."""
    job = stored_job(connection, job_id)
    if job.status.is_terminal or job.cancel_requested:
        return job
    if job.status is JobStatus.RUNNING:
        _mark_cancelled(connection, job_id, reason)
        topics.add(WORK)
    else:
        (waiting,) = open_jobs(connection, "j.id = ?", (job_id,))
        end(connection, topics, waiting, Outcome(status=JobStatus.CANCELLED), now=now)
        _mark_cancelled(connection, job_id, reason)
    return stored_job(connection, job_id)


def fail_queued(
    connection: sqlite3.Connection, topics: set[str], *, model: str, code: str, message: str, now: float
) -> list[str]:
    """End all that waits for ``model``."""
    outcome = Outcome(status=JobStatus.FAILED, error_code=code, error_message=message)
    jobs = open_jobs(connection, "j.status = 'queued' AND j.model = ?", (model,))
    for job in jobs:
        end(connection, topics, job, outcome, now=now)
    return [job.id for job in jobs]


def something_to_reap(connection: sqlite3.Connection, now: float) -> bool:
    """Whether a reap would find something."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'running' AND lease_expires_at < ?) "
        "OR EXISTS (SELECT 1 FROM jobs WHERE status = 'queued' AND expires_at < ?)",
        (now, now),
    ).fetchone()
    return bool(row[0])


def reap(connection: sqlite3.Connection, topics: set[str], now: float) -> list[str]:
    """End waits and leases that ran out. Waits first, so that no job is given back and expired in one go."""
    late = open_jobs(connection, "j.status = 'queued' AND j.expires_at < ?", (now,))
    for job in late:
        end(connection, topics, job, after_waiting(), now=now)
    silent = open_jobs(connection, "j.status = 'running' AND j.lease_expires_at < ?", (now,))
    for job in silent:
        end_attempt(connection, topics, job, reason=LEASE_RAN_OUT, count_attempt=True, now=now)
    return [job.id for job in (*late, *silent)]


def delete(connection: sqlite3.Connection, job_id: str) -> None:
    """Forget an ended job. What it leaves in the file's free pages is overwritten with zeros."""
    job = stored_job(connection, job_id)
    if not job.status.is_terminal:
        raise not_ended(job_id)
    connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))


def _job_by_key(connection: sqlite3.Connection, job: NewJob) -> Job | None:
    if job.idempotency_key is None:
        return None
    row = connection.execute(
        "SELECT id, fingerprint FROM jobs WHERE idempotency_key = ?", (job.idempotency_key,)
    ).fetchone()
    if row is None:
        return None
    if row[1] != job.request.fingerprint():
        raise key_used_before(row[0])
    return stored_job(connection, row[0])


def _log_text(connection: sqlite3.Connection, position: int, seq: int, text: str, now: float) -> None:
    log(connection, position, seq=seq, kind=EventKind.DELTA, now=now, data={"text": text})


def _mark_cancelled(connection: sqlite3.Connection, job_id: str, reason: str) -> None:
    connection.execute("UPDATE jobs SET cancel_requested = 1, cancel_reason = ? WHERE id = ?", (reason, job_id))


def _ended_by(connection: sqlite3.Connection, lease: Lease) -> bool:
    """Whether this very lease ended the job: only then the ended job still carries a token."""
    row = connection.execute(
        "SELECT 1 FROM jobs WHERE id = ? AND lease_token = ?", (lease.job_id, lease.token)
    ).fetchone()
    return row is not None
