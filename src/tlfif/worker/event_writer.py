"""Writes the engine's answers to the jobs' event logs, in batches."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import DeltaWrite, JobStatus, Lease, Outcome
from tlfif.jobs.pieces import NOTHING, Piece, joined
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import StorageError

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
MOST_AT_ONCE = 8
"""Events of one job in a batch; more than one only where an answer has long pieces, such as vectors."""


@dataclass(slots=True, kw_only=True)
class JobLog:
    """The unwritten pieces of one running job's answer. ``next_seq`` is the number of its next event."""

    lease: Lease
    next_seq: int
    buffer: list[Piece] = field(default_factory=list)
    pending: list[DeltaWrite] = field(default_factory=list)
    begun: bool = False

    def take(self) -> list[DeltaWrite]:
        """The next writes: the unconfirmed ones again, or new ones from the buffer; none where nothing came."""
        if not self.pending and self.buffer:
            pieces = joined(self.buffer)
            self.pending = [
                DeltaWrite(lease=self.lease, seq=seq, piece=piece)
                for seq, piece in enumerate(pieces[:MOST_AT_ONCE], start=self.next_seq)
            ]
            self.buffer = pieces[MOST_AT_ONCE:]
        return self.pending

    def confirm(self) -> None:
        """The pending writes are in the store."""
        self.next_seq += len(self.pending)
        self.pending = []


class EventWriter:
    """Collects the answers of all running jobs and stores them with one call per batch.

    The first piece of a job is written at once: the time to the first token is what a person waits for.
    While the store fails (a full disk) nothing is lost: the answer is written when the store works again.
    """

    def __init__(
        self, jobs: JobStore, clock: Clock, *, on_lost: Callable[[Lease], None], batch_seconds: float = 0.05
    ) -> None:
        self._batch_seconds = batch_seconds
        self._jobs = jobs
        self._clock = clock
        self._on_lost = on_lost
        self._logs: dict[str, JobLog] = {}
        self._lock = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()

    def open(self, lease: Lease, *, next_seq: int) -> JobLog:
        """Begin the log of a claimed job."""
        found = JobLog(lease=lease, next_seq=next_seq)
        self._logs[lease.job_id] = found
        return found

    def emit(self, job_log: JobLog, piece: Piece) -> None:
        """Take a piece of the answer; it is stored with the next batch."""
        job_log.buffer.append(piece)
        if not job_log.begun:
            job_log.begun = True
            self._urgent.set()
        self._dirty.set()

    async def run(self) -> None:
        """Write batches until cancelled."""
        while True:
            await self._dirty.wait()
            # Not wait_for: Python 3.11's may swallow a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._batch_seconds):
                    await self._urgent.wait()
            self._dirty.clear()
            self._urgent.clear()
            try:
                async with self._lock:
                    await self._flush()
            except StorageError as error:
                log.warning("worker: cannot write: %s", error.message)
                self._dirty.set()
                await self._clock.sleep(RETRY_SECONDS)

    async def _flush(self) -> None:
        logs = list(self._logs.values())
        writes = [write for job_log in logs for write in job_log.take()]
        if not writes:
            return
        lost = await self._jobs.append(writes, now=self._clock.now())
        for job_log in logs:
            job_log.confirm()
            if job_log.buffer:
                self._dirty.set()  # what arrived while the earlier write failed, or was too much for one
        for job_log in logs:
            lease = job_log.lease
            # The job may have been claimed again meanwhile; only the log of the lost lease is closed.
            if lease.job_id in lost and self._logs.get(lease.job_id) is job_log:
                del self._logs[lease.job_id]
                self._on_lost(lease)

    async def finish(self, job_log: JobLog, outcome: Outcome) -> None:
        """Write the rest of the answer and the end; repeats until the store takes it. Raises LeaseLostError."""
        while True:
            try:
                async with self._lock:
                    rest = joined(job_log.buffer)
                    while job_log in self._logs.values() and (job_log.pending or len(rest) > 1):
                        await self._flush()
                        rest = joined(job_log.buffer)
                    await self._jobs.finish(
                        job_log.lease,
                        seq=job_log.next_seq,
                        rest=rest[0] if rest else NOTHING,
                        outcome=outcome,
                        now=self._clock.now(),
                    )
                    return
            except StorageError as error:
                log.warning("worker: cannot finish: %s", error.message)
                await self._clock.sleep(RETRY_SECONDS)

    async def release(self, job_log: JobLog, *, reason: str, count_attempt: bool) -> JobStatus:
        """Give the job back; what is not yet written is dropped: the answer starts over. Raises LeaseLostError."""
        async with self._lock:
            return await self._jobs.release(
                job_log.lease, reason=reason, count_attempt=count_attempt, now=self._clock.now()
            )

    def close(self, job_log: JobLog) -> None:
        """Remove the log."""
        self._logs.pop(job_log.lease.job_id, None)
