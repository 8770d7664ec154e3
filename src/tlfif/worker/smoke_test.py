"""The smoke test: a candidate image tests itself by the life that every machine leads, over stores of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tlfif.images.golden_prompts import GOLDEN_PROMPTS, GoldenPrompt
from tlfif.images.smoke_report import PromptResult, SmokeReport
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import Job, JobStatus, NewJob, Receipt
from tlfif.jobs.read_job import read_answer
from tlfif.jobs.request import GenerationRequest, Message, Sampling
from tlfif.kernel.clock import Clock
from tlfif.machines.machine import MachineRecord, MachineState, Phase
from tlfif.machines.machine_store import MachineStore
from tlfif.worker.lifecycle import MachineIdentity
from tlfif.worker.machine_life import MachineLife

log = logging.getLogger(__name__)

PATIENT_SECONDS = 300.0
"""The idle time-out while prompts are still to come."""
IDLE_SECONDS = 1.0
"""The idle time-out behind the last prompt: the candidate must end by itself."""
BEAT_SECONDS = 1.0
"""Between two signs of life of the control plane, which the test stands for; also how long an answer is waited for
until it is looked at again."""
KEPT_LETTERS = 200
"""Of an answer, in the report."""
Answered = tuple[PromptResult, Receipt | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest:
    """Stands for the control plane of one candidate. ``jobs`` and ``machines`` are on the same scratch file as the
    stores of the candidate's life, which closes its own. ``versions`` finds what is installed. ``others_share``: how
    much of the computer other programs take while it is asked, 0 to 1; on a machine of its own none."""

    identity: MachineIdentity
    jobs: JobStore
    machines: MachineStore
    clock: Clock
    versions: Callable[[], Awaitable[Mapping[str, str]]]
    others_share: Callable[[], float] = lambda: 0.0

    async def run(self, life: Callable[[], Awaitable[MachineLife]]) -> tuple[SmokeReport, MachineLife]:
        """Begin ``life``, ask it the golden prompts one after the other, let it end for want of work, and report. The
        report of one that broke has the reason as its ``error``. Raises StorageError for the scratch file."""
        await self._write_intent()
        living = asyncio.ensure_future(life())
        answered: list[Answered] = []
        versions: Mapping[str, str] | None = None
        others = 0.0
        asking = asyncio.create_task(self._ask_all(answered))
        beating = asyncio.create_task(self._beat())
        try:
            await asyncio.wait({living, asking}, return_when=asyncio.FIRST_COMPLETED)
            if not living.done():
                await asking  # raises what kept it from asking
                versions, others = await self.versions(), self.others_share()  # while the engine is there
                await self.machines.set_idle_timeout(IDLE_SECONDS)
            ended = await living
        finally:
            for task in (asking, beating, living):
                task.cancel()
            await asyncio.wait({asking, beating, living})
        report = await self._report(answered, ended, versions or await self.versions())
        return replace(report, others_share=round(others, 3)), ended

    async def _write_intent(self) -> None:
        now, who = self.clock.now(), self.identity
        record = MachineRecord(
            id=who.machine_id,
            state=MachineState.LAUNCHING,
            model=who.model,
            image=who.image,
            created_at=now,
            phase=Phase.LAUNCH,
            phase_started_at=now,
        )
        await self.machines.create_intent(record)
        await self.machines.commit_launch(who.machine_id, handle="smoke test")
        await self.machines.set_idle_timeout(PATIENT_SECONDS)
        await self.machines.control_alive(now=now)

    async def _beat(self) -> None:
        while True:
            await self.clock.sleep(BEAT_SECONDS)
            await self.machines.control_alive(now=self.clock.now())

    async def _ask_all(self, answered: list[Answered]) -> None:
        # One at a time, as a person asks: together they would share the engine, and each would be slower.
        for golden in GOLDEN_PROMPTS:
            answered.append(await self._ask(golden))
            said = "passed" if answered[-1][0].passed else "FAILED"
            log.info("golden prompt %d of %d, %s: %s", len(answered), len(GOLDEN_PROMPTS), golden.name, said)

    async def _ask(self, golden: GoldenPrompt) -> Answered:
        request = GenerationRequest(
            model=self.identity.model,
            messages=(Message(role="user", content=golden.prompt),),
            max_tokens=golden.max_tokens,
            sampling=Sampling(temperature=0.0),
        )
        now, policy = self.clock.now(), self.identity.job_policy
        job = NewJob(
            id=f"golden-{golden.name}",
            request=request,
            base=request.model,
            idempotency_key=None,
            expires_at=now + policy.wait_limit_seconds,
        )
        await self.jobs.submit(job, now=now, max_queued=policy.max_queued)
        done = await self._ended(job.id)
        if done.status is not JobStatus.SUCCEEDED:
            said = f"({done.error_code}) {done.error_message or ''}"
            return PromptResult(name=golden.name, passed=False, answer=said[:KEPT_LETTERS]), None
        answer = (await read_answer(job.id, jobs=self.jobs)).text
        passed = golden.passes(answer)
        return PromptResult(name=golden.name, passed=passed, answer=answer.strip()[:KEPT_LETTERS]), done.receipt

    async def _ended(self, job_id: str) -> Job:
        while True:
            job = await self.jobs.get(job_id)
            if job.status.is_terminal:
                return job
            await self.jobs.wait_events(job_id, after=job.last_seq, timeout=BEAT_SECONDS)

    async def _report(
        self, answered: Sequence[Answered], life: MachineLife, versions: Mapping[str, str]
    ) -> SmokeReport:
        receipts = [receipt for _, receipt in answered if receipt is not None]
        first = [one.first_token_seconds for one in receipts if one.first_token_seconds is not None]
        phases = (await self.machines.phases_of([self.identity.machine_id]))[self.identity.machine_id]
        return SmokeReport(
            prompts=tuple(result for result, _ in answered),
            # The best of all: a computer that is busy with something else for a moment does not make an image slower.
            tokens_per_second=max((one.tokens_per_second or 0.0 for one in receipts), default=0.0),
            first_token_seconds=round(median(first), 3) if first else 0.0,
            phase_seconds={timing.phase.value: round(timing.seconds, 3) for timing in phases},
            versions=versions,
            idle_end=life.ended_idle,
            error=_why_untested(life, answered=len(answered)),
        )


def _why_untested(life: MachineLife, *, answered: int) -> str:
    if life.broken:
        return life.reason or "The candidate broke."
    if answered < len(GOLDEN_PROMPTS):
        return f"The candidate ended after {answered} of {len(GOLDEN_PROMPTS)} golden prompts: {life.reason}."
    return ""
