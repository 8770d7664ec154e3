"""Accept a prompt: validate it, make it durable, wake the router where no machine is up."""

from dataclasses import dataclass, replace

from tlfif.control.machine_control import MachineControl
from tlfif.jobs import limits
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import Job, NewJob
from tlfif.jobs.policy import USUAL_TEMPERATURE, JobPolicy
from tlfif.jobs.request import AS_THE_MODEL_LIKES, AnswerForm, GenerationRequest, Message, Sampling, Task, ToolUse
from tlfif.jobs.tool_limits import check_form, check_together, check_tools
from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import BusyError, InvalidInputError, ModelError
from tlfif.machines.list_machines import UP
from tlfif.machines.machine import Situation
from tlfif.machines.machine_store import MachineStore
from tlfif.models.model_store import ModelInfo, ModelState, ModelStore
from tlfif.models.personal_models import PersonalModels
from tlfif.money.budget.budget_gate import BudgetGate


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a caller asks for; only the types have been checked. None means: the default.

    ``fits_max_tokens``: a ``max_tokens`` beyond what the model has room for is cut to that instead of refused.
    ``notes`` are kept with the request. ``bridge``: this computer may answer, too, while a machine on AWS starts; for
    who puts the two together, not for a home.
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
    notes: str = ""
    bridge: bool = False


def is_prose(asked: Submission) -> bool:
    """Whether its answer is for a person, not for a program that reads it."""
    return asked.task is Task.CHAT and asked.form is None and asked.tools is None and asked.logprobs is None


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
    personal: PersonalModels | None = None,
) -> AcceptedJob:
    """Validate everything, then store the job; after this it cannot be lost. A person's hold on the machine ends.

    Raises InvalidInputError (nothing stored), IdempotencyConflictError, BudgetLockedError, BusyError, ModelError,
    StorageError; for a personal model what :meth:`PersonalModels.find` raises.
    """
    key = limits.check_idempotency_key(asked.idempotency_key) if asked.idempotency_key is not None else None
    idle = limits.check_idle_minutes(asked.idle_timeout_minutes) if asked.idle_timeout_minutes is not None else None
    request, base = await _checked_request(asked, models=models, personal=personal, policy=policy)
    max_queued = policy.max_queued if budget is None else await budget.check_admission(max_queued=policy.max_queued)
    try:
        with clock.held() as now:
            job = NewJob(
                id=ids.new_id("job"),
                request=request,
                base=base,
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


async def _checked_request(
    asked: Submission, *, models: ModelStore, personal: PersonalModels | None, policy: JobPolicy
) -> tuple[GenerationRequest, str]:
    """The request, and the model that a machine must run for it."""
    messages = limits.check_messages(asked.messages, asked.task)
    checked = GenerationRequest(
        model="",
        messages=messages,
        max_tokens=_checked_max_tokens(asked) or policy.default_max_tokens,
        sampling=limits.check_sampling(asked.sampling),
        task=asked.task,
        form=None if asked.form is None else check_form(asked.form),
        tools=None if asked.tools is None else check_tools(asked.tools),
        logprobs=None if asked.logprobs is None else limits.check_logprobs(asked.logprobs),
        notes=limits.check_notes(asked.notes),
    )
    check_together(checked)
    own = None if personal is None else await personal.find(asked.model, user=asked.owner)
    if own is not None and asked.task is Task.EMBEDDING:
        raise InvalidInputError(
            f"A personal model makes no vectors of texts. Ask the model under it: {own.base}.", code="fields_conflict"
        )
    model = await models.resolve(asked.model if own is None else own.base)
    if model.state is not ModelState.READY:
        raise ModelError(
            f"The model {model.title} is not ready on this computer ({model.state}). "
            f"Fetch it with: ./tlfif model pull {model.name}",
            code="model_absent" if model.state is not ModelState.CORRUPT else "model_corrupt",
            details={"model": model.name},
        )
    request = replace(
        checked,
        model=model.name if own is None else own.name,
        adapter="" if own is None else own.sha256,
        max_tokens=_fitted(asked, checked, context=model.context_tokens),
        sampling=checked.sampling.over(_defaults(model, policy)),
    )
    return request, model.name


def _defaults(model: ModelInfo, policy: JobPolicy) -> Sampling:
    """How words are chosen where the request does not say: as the owner set it, else as the model's makers do."""
    own = model.sampling
    usual = USUAL_TEMPERATURE if own is None or own.temperature is None else own.temperature
    return Sampling(
        temperature=usual if policy.default_temperature is None else policy.default_temperature,
        top_p=None if own is None else own.top_p,
        top_k=None if own is None else own.top_k,
    )


def _checked_max_tokens(asked: Submission) -> int | None:
    wanted = asked.max_tokens
    if wanted is not None and asked.fits_max_tokens:
        wanted = min(wanted, limits.MAX_TOKENS_RANGE[1])
    return None if wanted is None else limits.check_max_tokens(wanted)


def _fitted(asked: Submission, checked: GenerationRequest, *, context: int) -> int:
    """Completion tokens that there may be room for. Raises PromptTooLongError."""
    if asked.task is Task.EMBEDDING:
        longest = max(limits.tokens_at_least([message]) for message in checked.messages)
        return limits.fit_max_tokens(prompt_tokens=longest, asked=1, default=1, context=context, is_estimate=True)
    is_wish = asked.max_tokens is None or (asked.fits_max_tokens and checked.max_tokens >= limits.MIN_ANSWER_TOKENS)
    return limits.fit_max_tokens(
        prompt_tokens=limits.tokens_at_least(checked.messages),
        asked=None if is_wish else checked.max_tokens,
        default=checked.max_tokens,
        context=context,
        is_estimate=True,
    )
