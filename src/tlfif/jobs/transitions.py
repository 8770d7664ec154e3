"""What each change makes of a job: pure decisions about a record that was read.

A decision returns None where there is nothing to do, and raises what the port says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

from tlfif.jobs.endings import LEASE_RAN_OUT, after_attempt, after_waiting, terminal_data
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import DeltaWrite, GenerationRequest, Job, JobStatus, Lease, NewJob, Outcome, Receipt
from tlfif.jobs.refusals import is_next, lease_lost


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job without its request. ``step`` names the last write to it, by which every writer knows that nobody came
    in between, and knows its own write again. ``position`` is the acceptance number."""

    id: str
    status: JobStatus
    model: str
    idempotency_key: str | None
    created_at: float
    expires_at: float
    wait_seconds: float
    position: int
    owner: str = ""
    step: str = ""
    attempt: int = 0
    last_seq: int = 0
    worker_id: str | None = None
    lease_token: str | None = None
    lease_expires_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    cancel_requested: bool = False
    cancel_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    receipt: Receipt | None = None

    def held_by(self, token: str) -> bool:
        """Whether ``token`` is that of the current lease."""
        return self.status is JobStatus.RUNNING and self.lease_token == token

    def job(self, request: GenerationRequest) -> Job:
        """As the port shows it."""
        shared = {field.name for field in fields(Job)} - {"request"}
        return Job(request=request, **{name: getattr(self, name) for name in shared})


def new_record(job: NewJob, *, position: int, now: float) -> JobRecord:
    """A job as it is accepted, its event 1 written."""
    return JobRecord(
        id=job.id,
        status=JobStatus.QUEUED,
        model=job.request.model,
        idempotency_key=job.idempotency_key,
        created_at=now,
        expires_at=job.expires_at,
        wait_seconds=job.expires_at - now,
        position=position,
        owner=job.owner,
        last_seq=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From one record to the next, with the events that tell of it."""

    before: JobRecord
    after: JobRecord
    events: tuple[Event, ...] = ()


Decision: TypeAlias = Callable[[JobRecord | None], Change | None]


def started(before: JobRecord, *, worker_id: str, token: str, lease_seconds: float, now: float) -> Change:
    """A worker takes the job."""
    attempt = before.attempt + 1
    after = replace(
        before,
        status=JobStatus.RUNNING,
        attempt=attempt,
        worker_id=worker_id,
        lease_token=token,
        lease_expires_at=now + lease_seconds,
        started_at=now,
    )
    return _told(before, after, _event(before, EventKind.STARTED, now, {"attempt": attempt}))


def ended(before: JobRecord, outcome: Outcome, now: float, *, text: tuple[Event, ...] = (), token: str = "") -> Change:
    """The job ends, after ``text``. With ``token``, the lease that ended it stays known by it."""
    after = replace(
        before,
        status=outcome.status,
        finished_at=now,
        lease_token=token or None,
        lease_expires_at=None,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
        receipt=outcome.receipt,
        last_seq=before.last_seq + len(text),
    )
    last = _event(after, EventKind(outcome.status.value), now, terminal_data(outcome))
    return _told(before, after, *text, last)


def attempt_lost(before: JobRecord, *, reason: str, count_attempt: bool, now: float) -> Change:
    """The attempt came to nothing: the job waits again, or ends where it may not."""
    outcome = after_attempt(
        attempt=before.attempt,
        count_attempt=count_attempt,
        cancel_requested=before.cancel_requested,
        reason=reason,
    )
    if outcome is not None:
        return ended(before, outcome, now)
    after = replace(
        before,
        status=JobStatus.QUEUED,
        attempt=before.attempt if count_attempt else before.attempt - 1,
        worker_id=None,
        lease_token=None,
        lease_expires_at=None,
        started_at=None,
        expires_at=now + before.wait_seconds,
    )
    data: dict[str, object] = {"reason": reason, "attempt": before.attempt}
    return _told(before, after, _event(before, EventKind.RESTARTED, now, data))


def finish(lease: Lease, *, seq: int, text: str, outcome: Outcome, now: float) -> Decision:
    """The lease's holder ends the job."""

    def decide(record: JobRecord | None) -> Change | None:
        if record is None or not record.held_by(lease.token):
            if record is not None and record.lease_token == lease.token:
                return None  # only an end by this very lease leaves its token behind
            raise lease_lost(lease)
        fresh = is_next(last_seq=record.last_seq, seq=seq) and text
        delta = (Event(seq=seq, kind=EventKind.DELTA, at=now, data={"text": text}),) if fresh else ()
        return ended(record, outcome, now, text=delta, token=lease.token)

    return decide


def release(lease: Lease, *, reason: str, count_attempt: bool, now: float) -> Decision:
    """The lease's holder gives the job back."""

    def decide(record: JobRecord | None) -> Change | None:
        if record is None or not record.held_by(lease.token):
            raise lease_lost(lease)
        return attempt_lost(record, reason=reason, count_attempt=count_attempt, now=now)

    return decide


def abandon(worker_id: str, *, reason: str, now: float) -> Decision:
    """The worker is gone."""

    def decide(record: JobRecord | None) -> Change | None:
        if record is None or record.status is not JobStatus.RUNNING or record.worker_id != worker_id:
            return None
        return attempt_lost(record, reason=reason, count_attempt=True, now=now)

    return decide


def expire(now: float) -> Decision:
    """The wait is over if its limit has passed."""

    def decide(record: JobRecord | None) -> Change | None:
        if record is None or record.status is not JobStatus.QUEUED or record.expires_at >= now:
            return None
        return ended(record, after_waiting(), now)

    return decide


def reap(now: float) -> Decision:
    """The lease is lost if it ran out."""

    def decide(record: JobRecord | None) -> Change | None:
        if record is None or not ran_out(record, now):
            return None
        return attempt_lost(record, reason=LEASE_RAN_OUT, count_attempt=True, now=now)

    return decide


def ran_out(record: JobRecord, now: float) -> bool:
    """Whether the job runs under a lease whose time has passed."""
    return record.status is JobStatus.RUNNING and (record.lease_expires_at or 0.0) < now


def fail_waiting(outcome: Outcome, now: float) -> Decision:
    """The job ends if it still waits."""

    def decide(record: JobRecord | None) -> Change | None:
        if record is None or record.status is not JobStatus.QUEUED:
            return None
        return ended(record, outcome, now)

    return decide


def cancelled(record: JobRecord, *, reason: str, now: float) -> Change | None:
    """A waiting job ends, a running one is marked, another stays as it is."""
    if record.status.is_terminal or record.cancel_requested:
        return None
    marked = replace(record, cancel_requested=True, cancel_reason=reason)
    if record.status is JobStatus.RUNNING:
        return Change(before=record, after=marked)
    change = ended(marked, Outcome(status=JobStatus.CANCELLED), now)
    return replace(change, before=record)


def fresh_deltas(writes: Sequence[DeltaWrite], *, last_seq: int, now: float) -> tuple[Event, ...]:
    """Those of one lease's writes that are new after ``last_seq``. Raises ValueError where there is a gap."""
    found: list[Event] = []
    for write in writes:
        if is_next(last_seq=last_seq, seq=write.seq):
            last_seq = write.seq
            found.append(Event(seq=write.seq, kind=EventKind.DELTA, at=now, data={"text": write.text}))
    return tuple(found)


def _event(record: JobRecord, kind: EventKind, now: float, data: dict[str, object]) -> Event:
    return Event(seq=record.last_seq + 1, kind=kind, at=now, data=data)


def _told(before: JobRecord, after: JobRecord, *events: Event) -> Change:
    return Change(before=before, after=replace(after, last_seq=events[-1].seq), events=events)
