"""Answer one claimed job with an engine."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from tlfif.jobs.engine import Chunk, Engine
from tlfif.jobs.jobs import FinishReason, Job, JobStatus, Outcome, Receipt
from tlfif.jobs.limits import MIN_ANSWER_TOKENS
from tlfif.jobs.pieces import Piece
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.request import GenerationRequest, Task
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import EngineRejectedError

ANSWER_EMPTY = "answer_empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who answers: printed on every receipt."""

    machine_id: str
    image: str
    model: str
    model_sha256: str | None
    engine: str | None = None
    instance_type: str | None = None

    def receipt(self, job: Job, reason: FinishReason | None) -> Receipt:
        """The receipt of ``job``, still without times and counts."""
        return Receipt(
            model=job.request.model,
            model_sha256=self.model_sha256,
            image=self.image,
            instance_type=self.instance_type,
            engine=self.engine,
            machine_id=self.machine_id,
            attempt=job.attempt,
            adapter_sha256=job.request.adapter or None,
            finish_reason=reason,
        )


@dataclass(slots=True)
class AttemptTimes:
    """Times and counts of one attempt while it runs."""

    claimed_at: float
    first_at: float | None = None
    last_at: float | None = None
    pieces: int = 0
    has_answer: bool = False
    has_reasoning: bool = False
    last: Chunk | None = None

    def take(self, chunk: Chunk, now: float) -> bool:
        """Count one chunk that came at monotonic ``now``. Whether there is anything in it."""
        self.has_answer = self.has_answer or chunk.text.strip() != "" or bool(chunk.tool_calls or chunk.embeddings)
        self.has_reasoning = self.has_reasoning or bool(chunk.reasoning)
        if is_more := bool(chunk):
            self.pieces += 1
            self.last_at = now
            if self.first_at is None:
                self.first_at = now
        if chunk.finish_reason is not None:
            self.last = chunk
        return is_more


async def run_job(
    job: Job,
    *,
    engine: Engine,
    emit: Callable[[Piece], None],
    provenance: Provenance,
    policy: JobPolicy,
    clock: Clock,
) -> Outcome:
    """Generate and hand each piece of the answer to ``emit`` as it comes; returns how the job ends. An empty answer to
    a plain question is a failure that says why; its receipt keeps the engine's own reason for the end.

    Raises EngineGoneError (the attempt may be repeated) and CancelledError (whoever cancelled knows why).
    """
    times = AttemptTimes(claimed_at=clock.monotonic())
    waited = max(0.0, (job.started_at or job.created_at) - job.created_at)

    def end(status: JobStatus, code: str | None = None, message: str | None = None) -> Outcome:
        reason = times.last.finish_reason if times.last is not None else None
        whole = status is JobStatus.SUCCEEDED or code == ANSWER_EMPTY
        receipt = _receipt(job, times, provenance, waited, clock.monotonic(), reason if whole else FinishReason.ERROR)
        return Outcome(status=status, receipt=receipt, error_code=code, error_message=message)

    try:
        # An answer's time begins when it is its turn: what others take is not its fault.
        async with (
            engine.turn(job.request),
            asyncio.timeout(policy.run_limit_seconds),
            aclosing(engine.generate(job.request)) as chunks,
        ):
            async for chunk in chunks:
                if times.take(chunk, clock.monotonic()):
                    emit(chunk)
    except TimeoutError:
        limit = policy.run_limit_seconds
        return end(JobStatus.FAILED, "run_timeout", f"The answer took longer than {limit:.0f} s and was stopped.")
    except EngineRejectedError as error:
        return end(JobStatus.FAILED, error.code, error.message)
    if not times.has_answer and not may_be_empty(job.request):
        return end(JobStatus.FAILED, ANSWER_EMPTY, _why_empty(times))
    return end(JobStatus.SUCCEEDED)


def may_be_empty(request: GenerationRequest) -> bool:
    """Whether nothing, or nothing but spaces, can be what the caller asked for."""
    is_bounded = bool(request.sampling.stop or request.form or request.tools)
    goes_on = request.task is not Task.CHAT or request.messages[-1].role == "assistant"
    return is_bounded or goes_on or request.max_tokens < MIN_ANSWER_TOKENS


def _why_empty(times: AttemptTimes) -> str:
    last = times.last
    count = f"all {last.completion_tokens} tokens" if last is not None and last.completion_tokens else "all tokens"
    if last is not None and last.finish_reason is FinishReason.LENGTH:
        spent = "thinking" if times.has_reasoning else "no visible text"
        return f"The model spent {count} of the answer on {spent}. Ask again and allow more (max_tokens)."
    did = "thought, and ended" if times.has_reasoning else "ended"
    return f"The model {did} without an answer. Ask again, or put it in other words."


def cancelled_outcome(job: Job, provenance: Provenance) -> Outcome:
    """The end of a job that was cancelled while it ran."""
    return Outcome(status=JobStatus.CANCELLED, receipt=provenance.receipt(job, FinishReason.CANCELLED))


def _receipt(
    job: Job, times: AttemptTimes, provenance: Provenance, waited: float, now: float, reason: FinishReason | None
) -> Receipt:
    last = times.last
    tokens = last.completion_tokens if last is not None else None
    speed = None
    if times.first_at is not None and times.last_at is not None and times.last_at > times.first_at:
        # The first token's time belongs to the prompt, so it is left out on both sides.
        speed = round(((tokens or times.pieces) - 1) / (times.last_at - times.first_at), 1)
    return replace(
        provenance.receipt(job, reason),
        prompt_tokens=last.prompt_tokens if last is not None else None,
        completion_tokens=tokens,
        queue_seconds=round(waited, 3),
        first_token_seconds=(
            round(waited + times.first_at - times.claimed_at, 3) if times.first_at is not None else None
        ),
        total_seconds=round(waited + now - times.claimed_at, 3),
        tokens_per_second=speed,
    )
