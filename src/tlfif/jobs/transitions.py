"""The job state machine: what each change makes of a job. Every job store applies it.

::

    submit ──► queued ──── start ────► running ──── finish ────► succeeded | failed | cancelled
                 │ ▲                     │ │
                 │ └─ release, abandon, ─┘ └─ the same, where the attempt was the last ──► failed
                 │    reap (lease over)         or a cancel was requested ───────────────► cancelled
                 │
                 ├── cancel ─────────────────────────────────────────────────────────────► cancelled
                 ├── reap (waited too long) ─────────────────────────────────────────────► expired
                 └── fail_waiting ───────────────────────────────────────────────────────► failed

``cancel`` only marks a running job: its worker reads the mark in the answer to its next heartbeat and ends the job.

All functions are pure. Each takes the record as it was read (None: there is no such job) and returns the change to
write, or None if there is nothing to do; it raises what :class:`~tlfif.jobs.job_store.JobStore` says. The store writes
``change.after`` and ``change.events`` in one step, provided that nobody else wrote to the job since it was read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from tlfif.jobs.endings import terminal_data
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.jobs import MAX_ATTEMPTS, DeltaWrite, Job, JobStatus, Lease, LeaseState, NewJob, Outcome, SubmitResult
from tlfif.jobs.pieces import NOTHING, Piece
from tlfif.jobs.refusals import is_next, key_used_before, lease_lost, no_such_job, not_ended, queue_full

_LEASE_RAN_OUT = "The worker stopped showing life."
_WAITED_TOO_LONG = Outcome(
    status=JobStatus.EXPIRED,
    error_code="expired",
    error_message="The prompt waited longer than its limit and was not answered. Send it again.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From one record to the next, with the events that tell of it."""

    before: JobRecord
    after: JobRecord
    events: tuple[Event, ...] = ()

    @property
    def concerns_workers(self) -> bool:
        """Whether a worker should look: the job waits again, or is to be cancelled while it runs."""
        if self.before.status is not JobStatus.RUNNING:
            return False
        marked = self.after.cancel_requested and not self.before.cancel_requested
        return self.after.status is JobStatus.QUEUED or (self.after.status is JobStatus.RUNNING and marked)


Transition: TypeAlias = Callable[[JobRecord | None], Change | None]
"""One of the functions below with all but its record filled in."""


def admit(job: NewJob, *, known: Job | None, queued: int, max_queued: int) -> SubmitResult | None:
    """The result of submitting ``job`` if ``known``, the job stored under its idempotency key, answers it already;
    None if it must be stored. ``queued`` jobs wait now.

    Raises IdempotencyConflictError, BusyError.
    """
    if known is not None:
        if known.request.fingerprint() != job.request.fingerprint():
            raise key_used_before(known.id)
        return SubmitResult(job=known, created=False)
    if queued >= max_queued:
        raise queue_full(queued=queued, limit=max_queued)
    return None


def start(record: JobRecord | None, *, worker_id: str, token: str, lease_seconds: float, now: float) -> Change | None:
    """A worker claims a waiting job that has not waited too long; the attempt counts from here."""
    if record is None or record.status is not JobStatus.QUEUED or record.expires_at < now:
        return None
    attempt = record.attempt + 1
    return _change(
        record,
        _next_event(record, EventKind.STARTED, now, {"attempt": attempt}),
        status=JobStatus.RUNNING,
        attempt=attempt,
        worker_id=worker_id,
        lease_token=token,
        lease_expires_at=now + lease_seconds,
        started_at=now,
    )


def extend(record: JobRecord | None, lease: Lease, *, until: float) -> Change | None:
    """A heartbeat: the lease, if it is held, lasts ``until`` then."""
    if record is None or not record.held_by(lease.token):
        return None
    return Change(before=record, after=replace(record, lease_expires_at=until))


def lease_state(lease: Lease, record: JobRecord | None) -> LeaseState:
    """What a heartbeat reports. ``record``: the job with its lease extended; None: the lease is not held."""
    return LeaseState(
        job_id=lease.job_id, held=record is not None, cancel_requested=record is not None and record.cancel_requested
    )


def by_lease(writes: Sequence[DeltaWrite]) -> dict[Lease, list[DeltaWrite]]:
    """What each lease has to write, in order: a piece is new or not within its own lease."""
    found: dict[Lease, list[DeltaWrite]] = {}
    for write in writes:
        found.setdefault(write.lease, []).append(write)
    return found


def fresh_deltas(writes: Sequence[DeltaWrite], *, last_seq: int, now: float) -> tuple[Event, ...]:
    """More of an answer: the events of one held lease's ``writes`` that come after its job's ``last_seq``. Nothing else
    of the job changes. Raises ValueError if there is a gap."""
    found: list[Event] = []
    for write in writes:
        if is_next(last_seq=last_seq, seq=write.seq):
            last_seq = write.seq
            found.append(_delta(write.seq, write.piece, now))
    return tuple(found)


def finish(
    record: JobRecord | None, lease: Lease, *, seq: int, rest: Piece = NOTHING, outcome: Outcome, now: float
) -> Change | None:
    """The worker ends the job, after the rest of its answer. None if this lease ended it before.

    Raises LeaseLostError, and ValueError if ``seq`` would leave a gap.
    """
    if record is None or not record.held_by(lease.token):
        if record is not None and record.lease_token == lease.token:
            return None  # only an end by this very lease leaves its token behind
        raise lease_lost(lease)
    is_new = is_next(last_seq=record.last_seq, seq=seq)
    return _end(record, outcome, now, rest=rest if is_new else NOTHING, token=lease.token)


def release(record: JobRecord | None, lease: Lease, *, reason: str, count_attempt: bool, now: float) -> Change:
    """The worker gives the job back. Raises LeaseLostError."""
    if record is None or not record.held_by(lease.token):
        raise lease_lost(lease)
    return _lose_attempt(record, reason=reason, count_attempt=count_attempt, now=now)


def abandon(record: JobRecord | None, worker_id: str, *, reason: str, now: float) -> Change | None:
    """The worker is gone: what it runs is lost."""
    if record is None or record.status is not JobStatus.RUNNING or record.worker_id != worker_id:
        return None
    return _lose_attempt(record, reason=reason, count_attempt=True, now=now)


def reap(record: JobRecord | None, *, now: float) -> Change | None:
    """Time is up: a job that waited too long expires, an attempt whose lease ran out is lost."""
    if record is None:
        return None
    if record.status is JobStatus.QUEUED and record.expires_at < now:
        return _end(record, _WAITED_TOO_LONG, now)
    if record.status is JobStatus.RUNNING and (record.lease_expires_at or 0.0) < now:
        return _lose_attempt(record, reason=_LEASE_RAN_OUT, count_attempt=True, now=now)
    return None


def fail_waiting(record: JobRecord | None, *, code: str, message: str, now: float) -> Change | None:
    """A waiting job fails: nobody will be able to answer it."""
    if record is None or record.status is not JobStatus.QUEUED:
        return None
    return _fail(record, code=code, message=message, now=now)


def cancel(record: JobRecord | None, job_id: str, *, reason: str, now: float) -> Change | None:
    """A waiting job ends, a running one is marked; an ended or marked one stays as it is. Raises NotFoundError."""
    if record is None:
        raise no_such_job(job_id)
    if record.status.is_terminal or record.cancel_requested:
        return None
    if record.status is JobStatus.RUNNING:
        return Change(before=record, after=replace(record, cancel_requested=True, cancel_reason=reason))
    outcome = Outcome(status=JobStatus.CANCELLED)
    return _end(record, outcome, now, cancel_requested=True, cancel_reason=reason)


def deletable(record: JobRecord | None, job_id: str) -> JobRecord:
    """The record, if the job may be deleted. Raises NotFoundError; ConflictError while it waits or runs."""
    if record is None:
        raise no_such_job(job_id)
    if not record.status.is_terminal:
        raise not_ended(job_id)
    return record


def _lose_attempt(record: JobRecord, *, reason: str, count_attempt: bool, now: float) -> Change:
    """The attempt ended without an answer: the job waits again, or ends if it may not."""
    if record.cancel_requested:
        return _end(record, Outcome(status=JobStatus.CANCELLED), now)
    if count_attempt and record.attempt >= MAX_ATTEMPTS:
        message = (
            f"Given up after {MAX_ATTEMPTS} attempts. The last one ended so: {reason} "
            "Send the prompt again, or look at the machine first."
        )
        return _fail(record, code="attempts_exhausted", message=message, now=now)
    lost: dict[str, object] = {"reason": reason, "attempt": record.attempt}
    return _change(
        record,
        _next_event(record, EventKind.RESTARTED, now, lost),
        status=JobStatus.QUEUED,
        attempt=record.attempt if count_attempt else record.attempt - 1,
        worker_id=None,
        lease_token=None,
        lease_expires_at=None,
        started_at=None,
        expires_at=now + record.wait_seconds,
    )


def _end(
    record: JobRecord, outcome: Outcome, now: float, *, rest: Piece = NOTHING, token: str | None = None, **other: Any
) -> Change:
    """The job ends after the ``rest`` of its answer. ``token``: of the lease that ended it. ``other`` fields change
    with it."""
    seq = record.last_seq + 1
    last = (_delta(seq, rest, now),) if rest else ()
    end = Event(seq=seq + len(last), kind=EventKind(outcome.status.value), at=now, data=terminal_data(outcome))
    return _change(
        record,
        *last,
        end,
        status=outcome.status,
        finished_at=now,
        lease_token=token,
        lease_expires_at=None,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
        receipt=outcome.receipt,
        **other,
    )


def _fail(record: JobRecord, *, code: str, message: str, now: float) -> Change:
    return _end(record, Outcome(status=JobStatus.FAILED, error_code=code, error_message=message), now)


def _next_event(record: JobRecord, kind: EventKind, now: float, data: dict[str, object]) -> Event:
    return Event(seq=record.last_seq + 1, kind=kind, at=now, data=data)


def _delta(seq: int, piece: Piece, now: float) -> Event:
    return Event(seq=seq, kind=EventKind.DELTA, at=now, data=piece.data())


def _change(record: JobRecord, *events: Event, **fields: Any) -> Change:
    return Change(before=record, after=replace(record, last_seq=events[-1].seq, **fields), events=events)
