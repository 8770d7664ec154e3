"""Claims jobs, runs several at once, renews their leases, applies cancellations."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from tlfif.jobs.engine import Engine
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import ClaimedJob, FinishReason, JobStatus, Lease, Outcome, Receipt
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.run_job import Provenance, cancelled_outcome, run_job
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import EngineError, EngineGoneError, EngineStuckError, LeaseLostError, StorageError
from tlfif.kernel.redacted_traceback import redacted_traceback
from tlfif.worker.event_writer import EventWriter, JobLog

log = logging.getLogger(__name__)


class Interruption(StrEnum):
    """Why a running job is interrupted."""

    CANCEL = "cancel"
    LOST = "lost"
    RELEASE = "release"


@dataclass(slots=True, kw_only=True)
class Running:
    """A job in the engine."""

    lease: Lease
    task: "asyncio.Task[None]"
    interruption: Interruption | None = None

    def interrupt(self, reason: Interruption) -> None:
        """Stop generating; the first reason is kept."""
        if self.interruption is None:
            self.interruption = reason
            self.task.cancel()


class Worker:
    """Serves one model with one engine, which may fail and start again (:meth:`engine_up`, :meth:`engine_down`)."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        clock: Clock,
        provenance: Provenance,
        policy: JobPolicy,
        slots: int,
        why_ended: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        """``why_ended`` is asked for the reason when the engine is gone; see ``EngineProcess``."""
        self._jobs = jobs
        self._clock = clock
        self._provenance = provenance
        self._policy = policy
        self._slots = slots
        self._why_ended = why_ended
        self._engine: Engine | None = None
        self._taking = True
        self._active: dict[str, Running] = {}
        self._changed = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._writer = EventWriter(jobs, clock, on_lost=self._lost, batch_seconds=policy.batch_seconds)
        self.idle_from: float | None = None
        self.answered = 0
        self.engine_failed = asyncio.Event()

    @property
    def active(self) -> int:
        """Jobs in the engine now."""
        return len(self._active)

    def engine_up(self, engine: Engine) -> None:
        """The engine is proven; jobs may be claimed."""
        self._engine = engine
        self.engine_failed.clear()
        self._touch()
        self._changed.set()

    def engine_down(self) -> None:
        """Claim nothing until the engine is back."""
        self._engine = None
        self.idle_from = None

    def stop_taking(self) -> None:
        """Claim nothing more (drain)."""
        self._taking = False
        self._changed.set()

    async def run(self) -> None:
        """Claim jobs and renew leases until cancelled."""
        beside = {asyncio.create_task(self._writer.run()), asyncio.create_task(self._watch())}
        try:
            while True:
                try:
                    if not await self._claim():
                        await self._renew()
                except StorageError as error:
                    log.warning("worker: the store fails: %s", error.message)
                    await self._clock.sleep(1.0)
                await self._changed.wait()
                self._changed.clear()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    async def refuse_waiting(self, error: EngineError) -> None:
        """Fail the jobs that wait for this model, because no engine can answer them: nothing is started for them again.
        Where the store fails, they wait on."""
        try:
            await self._jobs.fail_queued(
                model=self._provenance.model, code=error.code, message=error.message, now=self._clock.now()
            )
        except StorageError as failed:
            log.warning("worker: waiting jobs could not be failed: %s", failed.message)

    async def wait_empty(self) -> None:
        """Return once nothing runs."""
        while self._active:
            await asyncio.wait({running.task for running in self._active.values()})

    async def settle(self) -> None:
        """Return once a claim that is under way has ended: its jobs then count as running."""
        async with self._claiming:
            pass

    async def release_all(self) -> None:
        """Claim nothing more, give back all running jobs, and return when that is written."""
        self.stop_taking()
        await self.settle()
        tasks = [running.task for running in self._active.values()]
        for running in list(self._active.values()):
            running.interrupt(Interruption.RELEASE)
        if tasks:
            await asyncio.wait(tasks, timeout=5.0)

    async def _watch(self) -> None:
        """Have the worker look for work, for a cancellation, or after its leases, when it is told to, and at the time
        of the next heartbeat."""
        while True:
            try:
                await self._jobs.wait_work(timeout=self._policy.heartbeat_seconds)
            except StorageError as error:
                log.warning("worker: the store fails: %s", error.message)
                await self._clock.sleep(1.0)
            self._changed.set()

    async def _claim(self) -> bool:
        """Claim as many jobs as there are free slots. True where every lease held was written by this claim."""
        async with self._claiming:
            free = self._slots - len(self._active)
            engine = self._engine
            if engine is None or not self._taking or free <= 0:
                return False
            others = bool(self._active)
            claimed = await self._jobs.claim(
                worker_id=self._provenance.machine_id,
                model=self._provenance.model,
                limit=free,
                lease_seconds=self._policy.lease_seconds,
                now=self._clock.now(),
            )
            for one in claimed:
                await self._end_earlier_attempt(one.job.id)
                self.idle_from = None
                task = asyncio.create_task(self._answer(one, engine))
                self._active[one.job.id] = Running(lease=one.lease, task=task)
            if claimed:
                # A task that is cancelled before its first step would never give its job back.
                await asyncio.sleep(0)
            return bool(claimed) and not others

    async def _end_earlier_attempt(self, job_id: str) -> None:
        """End this worker's own earlier attempt, whose lease expired: the clock jumped, or the computer slept."""
        earlier = self._active.get(job_id)
        if earlier is not None:
            earlier.interrupt(Interruption.LOST)
            await asyncio.wait({earlier.task})

    async def _renew(self) -> None:
        if not self._active:
            return
        leases = [running.lease for running in self._active.values()]
        states = await self._jobs.heartbeat(leases, lease_seconds=self._policy.lease_seconds, now=self._clock.now())
        for state in states:
            running = self._active.get(state.job_id)
            if running is None:
                continue
            if not state.held:
                running.interrupt(Interruption.LOST)
            elif state.cancel_requested:
                running.interrupt(Interruption.CANCEL)

    def _lost(self, lease: Lease) -> None:
        running = self._active.get(lease.job_id)
        if running is not None and running.lease == lease:
            running.interrupt(Interruption.LOST)

    async def _answer(self, claimed: ClaimedJob, engine: Engine) -> None:
        job = claimed.job
        job_log = self._writer.open(claimed.lease, next_seq=job.last_seq + 1)
        try:
            outcome = await run_job(
                job,
                engine=engine,
                emit=lambda piece: self._writer.emit(job_log, piece),
                provenance=self._provenance,
                policy=self._policy,
                clock=self._clock,
            )
            self.answered += 1
            await self._writer.finish(job_log, outcome)
        except asyncio.CancelledError:
            await self._interrupted(claimed, job_log)
        except EngineGoneError as error:
            self._engine_is_lost(engine, error)
            why = await self._why_ended() if self._why_ended is not None else ""
            await self._give_back(job_log, reason=why or error.message, count_attempt=True)
        except EngineStuckError as error:
            self._engine_is_lost(engine, error)
            receipt = self._provenance.receipt(job, FinishReason.ERROR)
            await self._finish(job_log, _failed(error.code, error.message, receipt=receipt))
        except LeaseLostError:
            log.warning("worker: the lease of %s was lost; its result is dropped", job.id)
        except Exception as error:
            # Any fault of this program while a job runs ends here: the job must not end without a result.
            log.error("worker: unexpected fault on %s: %s", job.id, redacted_traceback(error))
            message = "TL-FIF made a mistake while answering. Please send the prompt again."
            await self._finish(job_log, _failed("internal_error", message))
        finally:
            self._writer.close(job_log)
            self._active.pop(job.id, None)
            self._touch()
            self._changed.set()

    async def _interrupted(self, claimed: ClaimedJob, job_log: JobLog) -> None:
        running = self._active.get(claimed.job.id)
        reason = running.interruption if running is not None else Interruption.RELEASE
        if reason is Interruption.CANCEL:
            await self._finish(job_log, cancelled_outcome(claimed.job, self._provenance))
        elif reason is not Interruption.LOST:
            await self._give_back(job_log, reason="the machine is ending", count_attempt=False)

    def _engine_is_lost(self, engine: Engine, error: EngineError) -> None:
        log.warning("worker: %s", error.message)
        if self._engine is engine:
            self.engine_down()  # before the job is free again, or it would be claimed for the dead engine
        self.engine_failed.set()

    async def _finish(self, job_log: JobLog, outcome: Outcome) -> None:
        with contextlib.suppress(LeaseLostError):
            await self._writer.finish(job_log, outcome)

    async def _give_back(self, job_log: JobLog, *, reason: str, count_attempt: bool) -> None:
        try:
            await self._writer.release(job_log, reason=reason, count_attempt=count_attempt)
        except (LeaseLostError, StorageError) as error:
            # Without the release the lease expires and the reaper gives the job back later.
            log.warning("worker: could not give a job back: %s", error.message)

    def _touch(self) -> None:
        if not self._active and self._engine is not None:
            self.idle_from = self._clock.monotonic()


def _failed(code: str, message: str, *, receipt: Receipt | None = None) -> Outcome:
    return Outcome(status=JobStatus.FAILED, receipt=receipt, error_code=code, error_message=message)
