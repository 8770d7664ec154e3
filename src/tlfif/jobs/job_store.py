"""Where jobs live from acceptance to their end."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.jobs import transitions
from tlfif.jobs.events import Event
from tlfif.jobs.jobs import (
    AnswerTime,
    ClaimedJob,
    DeltaWrite,
    Job,
    JobPage,
    JobStatus,
    Lease,
    LeaseState,
    NewJob,
    Outcome,
    QueueCounts,
    SubmitResult,
)
from tlfif.jobs.pieces import NOTHING, Piece
from tlfif.jobs.transitions import Change, Transition


class JobStore(ABC):
    """Durable jobs, their event logs and their leases.

    What happens to a job is decided in :mod:`tlfif.jobs.transitions`; an adapter reads, writes and waits. How to
    add one is in ``docs/reference/job-store.md``. Duties of every adapter, tested by
    ``tests/contract/test_job_store_*.py``:

    * A job whose :meth:`submit` returned is never lost: it ends in exactly one terminal status.
    * Events of a job are numbered 1, 2, 3 … without gaps; seq 1 is ``queued``; the last one is terminal and unique.
    * Only the holder of the current lease token changes a running job; every other write is refused and leaves
      no trace.
    * Every state change and the event that tells of it become visible together.
    * ``now`` is epoch seconds and comes from the caller. A lease is valid while ``now <= lease_expires_at``;
      one that ran out stays current until :meth:`reap` or :meth:`abandon` takes it away.

    Every method raises :class:`~tlfif.kernel.errors.StorageError` when the medium fails (disk full, locked,
    corrupt); then nothing of that call was stored.
    """

    @abstractmethod
    async def submit(self, job: NewJob, *, now: float, max_queued: int) -> SubmitResult:
        """Make ``job`` durable (it survives power loss once this returns) and write event 1 ``queued``.

        A known idempotency key with an equal request fingerprint returns the stored job and changes nothing.

        Raises:
            IdempotencyConflictError: the key is known with another request.
            BusyError: ``max_queued`` jobs wait already.
        """

    @abstractmethod
    async def get(self, job_id: str) -> Job:
        """The job. Raises NotFoundError (code ``job_not_found``)."""

    @abstractmethod
    async def list_jobs(
        self, *, limit: int, cursor: str | None = None, status: JobStatus | None = None, owner: str | None = None
    ) -> JobPage:
        """Jobs newest first, at most ``limit`` (1 or more); of one owner where that is given. Jobs submitted meanwhile
        never shift a page.

        Raises InvalidInputError (code ``cursor_invalid``) for a cursor that this method did not make.
        """

    @abstractmethod
    async def answer_times(
        self, *, limit: int, machine_id: str | None = None, since: float | None = None
    ) -> list[AnswerTime]:
        """The newest ``limit`` jobs that are or were answered, oldest first; only those on ``machine_id`` (the
        ``worker_id`` of their last claim) or accepted at or after ``since``, where that is given. A job that waits,
        also one that was given back, is not among them."""

    @abstractmethod
    async def counts(self) -> QueueCounts:
        """How many jobs wait and run now; cheap enough for every tick. The oldest job is the one that was accepted
        first."""

    @abstractmethod
    async def claim(
        self, *, worker_id: str, model: str, limit: int, lease_seconds: float, now: float
    ) -> list[ClaimedJob]:
        """Lease the oldest waiting jobs whose base is ``model``, at most ``limit``; each becomes ``running``, its
        attempt is counted and ``started`` (data ``attempt``) is appended. Waiting jobs past ``expires_at`` and jobs
        with a cancel request are never handed out."""

    @abstractmethod
    async def heartbeat(self, leases: Sequence[Lease], *, lease_seconds: float, now: float) -> list[LeaseState]:
        """Extend each lease that is still held to ``now + lease_seconds`` and say what became of the others.

        A lease that ran out but was not reaped yet is still held and is extended."""

    @abstractmethod
    async def append(self, writes: Sequence[DeltaWrite], *, now: float) -> frozenset[str]:
        """Append ``delta`` events, whose data is that of their pieces, all in one step; returns the job ids whose lease
        is lost.

        A write whose ``seq`` is at or below the job's last number was written before and is passed over.
        A write whose ``seq`` would leave a gap raises ValueError."""

    async def finish(self, lease: Lease, *, seq: int, rest: Piece = NOTHING, outcome: Outcome, now: float) -> None:
        """End the job: the ``rest`` of its answer (if any) as event ``seq``, then the terminal event with data
        ``receipt``, ``error_code``, ``error_message``. Doing it again under the same lease changes nothing. A rest
        whose ``seq`` was written before is passed over; a ``seq`` that would leave a gap raises ValueError.

        Raises LeaseLostError if the lease is not current."""
        await self.change(
            lease.job_id,
            lambda record: transitions.finish(record, lease, seq=seq, rest=rest, outcome=outcome, now=now),
        )

    async def release(self, lease: Lease, *, reason: str, count_attempt: bool, now: float) -> JobStatus:
        """Give the job back: event ``restarted`` and status ``queued``; with a cancel request it ends ``cancelled``
        instead; with its last attempt counted it ends ``failed`` (code ``attempts_exhausted``). Its waiting limit
        starts anew from ``now``, as long as it was at first. Returns the new status.

        Raises LeaseLostError if the lease is not current."""
        change = await self.change(
            lease.job_id,
            lambda record: transitions.release(record, lease, reason=reason, count_attempt=count_attempt, now=now),
        )
        assert change is not None  # noqa: S101  # a release changes the job or raises
        return change.after.status

    @abstractmethod
    async def change(self, job_id: str, transition: Transition) -> Change | None:
        """Apply ``transition`` to the job, which need not be there, in one step that survives a power failure, and wake
        whom it concerns. Returns what changed, and raises what it raises."""

    @abstractmethod
    async def abandon(self, worker_id: str, *, reason: str, now: float) -> list[str]:
        """Treat every lease of a worker that is known to be gone as lost, at once; same ends as :meth:`release`
        with ``count_attempt=True``. Returns the job ids."""

    @abstractmethod
    async def request_cancel(self, job_id: str, *, reason: str, now: float) -> Job:
        """A waiting job ends ``cancelled`` at once; a running one is marked and its worker told; a job that has
        ended is returned unchanged. The first reason is kept. Raises NotFoundError."""

    @abstractmethod
    async def fail_queued(self, *, model: str, code: str, message: str, now: float) -> list[str]:
        """End every waiting job whose base is ``model`` as ``failed``; returns their ids."""

    @abstractmethod
    async def reap(self, *, now: float) -> list[str]:
        """Return leases that ran out (as :meth:`release` with ``count_attempt=True``) and end waiting jobs past
        ``expires_at`` as ``expired``. Returns the ids of all jobs that changed. Safe to run twice or in parallel."""

    @abstractmethod
    async def delete(self, job_id: str) -> None:
        """Forget an ended job at once: its prompt, its answer, its key. Nothing can bring it back.

        Raises NotFoundError; ConflictError (code ``job_not_ended``) for one that waits or runs."""

    @abstractmethod
    async def delete_ended(self, *, owner: str, limit: int) -> int:
        """Forget ended jobs of ``owner`` (empty: of everybody), the first to end first, at most ``limit``; returns how
        many."""

    @abstractmethod
    async def purge(self, *, finished_before: float, limit: int) -> int:
        """Forget ended jobs and their events; returns how many."""

    @abstractmethod
    async def events(self, job_id: str, *, after: int, limit: int) -> list[Event]:
        """Events with ``seq > after`` in order, at most ``limit`` (1 or more).

        Raises NotFoundError; InvalidInputError (code ``cursor_past_end``) where ``after`` is beyond the last event."""

    @abstractmethod
    async def wait_events(self, job_id: str, *, after: int, timeout: float) -> None:
        """Return soon after an event beyond ``after`` may exist, or after ``timeout`` seconds. May return early;
        returns at once for a job that has ended or is not there."""

    @abstractmethod
    async def wait_work(self, *, timeout: float) -> None:
        """Return soon after a job was submitted, released or asked to be cancelled, or after ``timeout`` seconds.
        May return early. If work came since the last call, the next call returns at once; with several callers in one
        process, only one of them is sure to."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of files, sockets and threads; the store is not used again."""
