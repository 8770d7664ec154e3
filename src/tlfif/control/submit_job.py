"""Accept a prompt: validate it, make it durable, wake the router where no machine is up."""

from dataclasses import dataclass

from tlfif.control.machine_control import MachineControl
from tlfif.jobs import limits
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import Job, NewJob
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.request import AS_THE_MODEL_LIKES, AnswerForm, GenerationRequest, Message, Sampling, Task, ToolUse
from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import BusyError, ModelError
from tlfif.machines.list_machines import UP
from tlfif.machines.machine import Situation
from tlfif.machines.machine_store import MachineStore
from tlfif.models.model_store import ModelState, ModelStore
from tlfif.money.budget.budget_gate import BudgetGate


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a caller asks for; only the types have been checked. None means: the default.

    ``fits_max_tokens``: a ``max_tokens`` beyond what the model has room for is cut to that instead of refused.
    """

    messages: list[Message]
    model: str | None = None
    max_tokens: int | None = None
    sampling: Sampling = AS_THE_MODEL_LIKES
    idle_timeout_minutes: float | None = None
    idempotency_key: str | None = None
    owner: str = ""
    task: Task = Task.CHAT
    form: AnswerForm | None = None
    tools: ToolUse | None = None
    logprobs: int | None = None
    fits_max_tokens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedJob:
    """The stored job; ``created`` is False where the idempotency key had been seen with the same request.

    ``situation`` of the machine, as it was read on the way; None where this prompt has just changed it.
    """

    job: Job
    created: bool
    situation: Situation | None


async def submit_job(
    asked: Submission,
    *,
    jobs: JobStore,
    machines: MachineStore,
    models: ModelStore,
    policy: JobPolicy,
    clock: Clock,
    ids: Ids,
    control: MachineControl,
    budget: BudgetGate | None = None,
) -> AcceptedJob:
    """Validate everything, then store the job; after this it cannot be lost. A person's hold on the machine ends.

    Raises InvalidInputError (nothing stored), IdempotencyConflictError, BudgetLockedError, BusyError, ModelError,
    StorageError.
    """
    key = limits.check_idempotency_key(asked.idempotency_key) if asked.idempotency_key is not None else None
    idle = limits.check_idle_minutes(asked.idle_timeout_minutes) if asked.idle_timeout_minutes is not None else None
    request = await _checked_request(asked, models=models, policy=policy)
    max_queued = policy.max_queued if budget is None else await budget.check_admission(max_queued=policy.max_queued)
    try:
        with clock.held() as now:
            job = NewJob(
                id=ids.new_id("job"),
                request=request,
                idempotency_key=_key_of(asked.owner, key),
                expires_at=now + policy.wait_limit_seconds,
                owner=asked.owner,
            )
            result = await jobs.submit(job, now=now, max_queued=max_queued)
    except BusyError:
        if budget is None or max_queued == policy.max_queued:
            raise
        raise await budget.too_many_waiting(max_queued) from None
    if idle is not None:
        await machines.set_idle_timeout(idle)
    situation = await machines.situation()
    up = situation.latest is not None and situation.latest.state in UP
    if situation.held:
        await machines.set_held(False)
    if not up:
        await control.nudge()
    return AcceptedJob(
        job=result.job, created=result.created, situation=situation if up and not situation.held else None
    )


def _key_of(owner: str, key: str | None) -> str | None:
    """The key as it is stored: two owners may choose the same, and no owner and key together look like two others."""
    return f"{len(owner)}:{owner}/{key}" if key is not None and owner else key


async def _checked_request(asked: Submission, *, models: ModelStore, policy: JobPolicy) -> GenerationRequest:
    messages = limits.check_messages(asked.messages)
    max_tokens = limits.check_max_tokens(asked.max_tokens) if asked.max_tokens is not None else None
    sampling = limits.check_sampling(asked.sampling).over(Sampling(temperature=policy.default_temperature))
    model = await models.resolve(asked.model)
    if model.state is not ModelState.READY:
        raise ModelError(
            f"The model {model.title} is not ready on this computer ({model.state}). "
            f"Fetch it with: ./tlfif model pull {model.name}",
            code="model_absent" if model.state is not ModelState.CORRUPT else "model_corrupt",
            details={"model": model.name},
        )
    fitted = limits.fit_max_tokens(
        prompt_tokens=limits.tokens_at_least(messages),
        asked=max_tokens,
        default=policy.default_max_tokens,
        context=model.context_tokens,
        is_estimate=True,
    )
    return GenerationRequest(model=model.name, messages=messages, max_tokens=fitted, sampling=sampling)
