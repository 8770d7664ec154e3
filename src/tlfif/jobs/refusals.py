"""The errors that job stores raise, so that all of them use the same words."""

from tlfif.jobs.jobs import Lease
from tlfif.kernel.errors import (
    BusyError,
    ConflictError,
    IdempotencyConflictError,
    InvalidInputError,
    LeaseLostError,
    NotFoundError,
)


def no_such_job(job_id: str) -> NotFoundError:
    """Nothing is stored under the id."""
    return NotFoundError(f"There is no job {job_id}. Look at the list of jobs.", code="job_not_found")


def no_such_machine(machine_id: str) -> NotFoundError:
    """Nothing is recorded under the id."""
    return NotFoundError(f"There is no machine {machine_id}.", code="machine_not_found")


def queue_full(*, queued: int, limit: int) -> BusyError:
    """As many jobs wait as may."""
    return BusyError(
        f"{queued} prompts are waiting already; the limit is {limit}. Send this one again later; it was not stored.",
        details={"queued": queued, "limit": limit},
    )


def key_used_before(job_id: str) -> IdempotencyConflictError:
    """The key stands for another request."""
    return IdempotencyConflictError(
        "This idempotency key was used before with another request. Use a new key for a new request.",
        details={"job_id": job_id},
    )


def cursor_past_end(*, after: int, last_seq: int) -> InvalidInputError:
    """The reader claims to have read what was never written."""
    return InvalidInputError(
        f"The job has {last_seq} events so far; number {after} was never written. Start again from 0.",
        code="cursor_past_end",
        details={"after": after, "last_seq": last_seq},
    )


def not_ended(job_id: str) -> ConflictError:
    """Somebody still works on it, or will."""
    return ConflictError(
        f"Job {job_id} has not ended. Cancel it first (./tlfif jobs cancel {job_id}), then delete it.",
        code="job_not_ended",
    )


def lease_lost(lease: Lease) -> LeaseLostError:
    """The job has another owner, or none, or has ended otherwise."""
    return LeaseLostError(f"Attempt {lease.attempt} no longer owns job {lease.job_id}; its result is dropped.")


def is_next(*, last_seq: int, seq: int) -> bool:
    """Whether ``seq`` is the next event number; False: it was written before. Raises ValueError for a gap."""
    if seq > last_seq + 1:
        raise ValueError(f"event {seq} would leave a gap after {last_seq}")
    return seq == last_seq + 1
