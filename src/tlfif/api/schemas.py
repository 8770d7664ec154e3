"""Requests and answers of the HTTP API. Types are checked here, ranges in ``jobs.limits``: one door, one text."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tlfif.jobs import limits
from tlfif.machines.policy import MAX_IDLE_TIMEOUT_MINUTES, MIN_IDLE_TIMEOUT_MINUTES


def value_range(low: float, high: float) -> dict[str, Any]:
    """Shown in the OpenAPI document; enforced by the domain, which has the better sentence."""
    return {"minimum": low, "maximum": high}


def examples(*bodies: dict[str, Any], **rules: Any) -> ConfigDict:
    """Bodies shown in the OpenAPI document (a test sends each), and rules that types cannot say."""
    return ConfigDict(json_schema_extra={"examples": list(bodies), **rules})


class Strict(BaseModel):
    """Unknown fields and wrong types are errors, never guesses."""

    model_config = ConfigDict(extra="forbid", strict=True)


Text = Annotated[str, Field(json_schema_extra={"pattern": r"\S"})]
"""Not blank."""


class MessageBody(Strict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


MaxTokens = Annotated[int, Field(json_schema_extra=value_range(*limits.MAX_TOKENS_RANGE))]
Temperature = Annotated[float, Field(json_schema_extra=value_range(*limits.TEMPERATURE_RANGE))]
Seed = Annotated[int, Field(json_schema_extra=value_range(*limits.SEED_RANGE))]
IdleMinutes = Annotated[float, Field(json_schema_extra=value_range(MIN_IDLE_TIMEOUT_MINUTES, MAX_IDLE_TIMEOUT_MINUTES))]

Messages = Annotated[
    list[MessageBody], Field(fail_fast=True, json_schema_extra={"minItems": 1, "maxItems": limits.MAX_MESSAGES})
]
"""Checked up to the first fault: a long list of faults takes seconds to write."""


class InferRequest(Strict):
    """A prompt, or a whole conversation in ``messages``; exactly one of the two."""

    model_config = examples(
        {"prompt": "What is a cloud computer?"},
        {
            "messages": [{"role": "user", "content": "Name three rivers."}],
            "system": "Answer in one line.",
            "max_tokens": 64,
            "temperature": 0,
            "seed": 7,
            "idle_timeout_minutes": 5,
        },
        oneOf=[
            {"required": ["prompt"], "properties": {"prompt": {"type": "string"}}},
            {"required": ["messages"], "properties": {"messages": {"type": "array"}}},
        ],
    )

    prompt: Text | None = None
    messages: Messages | None = None
    system: Text | None = None
    model: str | None = None
    max_tokens: MaxTokens | None = None
    temperature: Temperature | None = None
    seed: Seed | None = None
    idle_timeout_minutes: IdleMinutes | None = None


class StopRequest(Strict):
    """``cancel`` ends running and waiting answers; ``requeue`` keeps them until a person starts again."""

    model_config = examples({"jobs": "requeue"})

    jobs: Literal["cancel", "requeue"] = "cancel"


class StartRequest(Strict):
    """The model to start with; null takes the default."""

    model: str | None = None


class IdleTimeoutRequest(Strict):
    """Minutes without work after which the machine ends itself."""

    model_config = examples({"minutes": 10})

    minutes: IdleMinutes


class PullRequest(Strict):
    """``force`` throws a corrupt or partial file away and asks the hub even if it was silent a moment ago."""

    force: bool = False


class Pids(BaseModel):
    """Process ids on this computer; null where there is none."""

    server: int | None = None
    worker: int | None = None
    engine: int | None = None


class MachineView(BaseModel):
    """The machine now. Seconds are estimates learned from its own history. ``hourly`` is what it costs while on."""

    state: str
    reason: str
    phase: str | None
    eta_seconds: float | None
    image: str | None
    model: str | None
    machine_id: str | None
    idle_seconds_left: float | None
    idle_timeout_minutes: float
    since: float | None
    queued: int
    running: int
    held: bool
    place: str
    pids: Pids


class PhaseView(BaseModel):
    """One completed part of a start: ``launch``, ``engine_start`` or ``prove``."""

    phase: str
    seconds: float


class PastMachineView(BaseModel):
    """A machine, ended or still there. ``state`` is the one at its end. ``start_reason`` is empty for machines from
    before it was kept, ``end_reason`` while no end is under way. ``boot_seconds`` until ready, ``run_seconds`` from
    then to its end or until now; null where it never was ready."""

    machine_id: str
    model: str
    image: str
    state: str
    start_reason: str
    end_reason: str
    created_at: float
    ready_at: float | None
    ended_at: float | None
    phases: list[PhaseView]
    boot_seconds: float | None
    run_seconds: float | None


class MachineHistory(BaseModel):
    """Newest first."""

    machines: list[PastMachineView]


class ReceiptView(BaseModel):
    """What an answer took; seconds from acceptance."""

    model: str
    model_sha256: str | None
    image: str | None
    machine_id: str | None
    attempt: int
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str | None
    queue_seconds: float | None
    first_token_seconds: float | None
    total_seconds: float | None
    tokens_per_second: float | None


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class CostShareView(BaseModel):
    """What one answer cost: ``usd`` is the sum of its parts. ``final`` false: the machine still runs, and the idle
    time behind this answer may cost up to ``idle_at_most_usd`` more."""

    usd: float
    eur: float
    boot_usd: float
    working_usd: float
    idle_usd: float
    minimum_usd: float
    start_usd: float
    final: bool
    idle_at_most_usd: float


class JobView(BaseModel):
    """A job. ``answer``, ``cost`` and ``as_if_aws`` are null in lists; ``as_if_aws`` also where machines run on AWS.
    ``cancel_reason`` says who asked for the end, where somebody did."""

    job_id: str
    status: str
    model: str
    messages: list[MessageBody]
    max_tokens: int
    temperature: float
    seed: int | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempt: int
    last_seq: int
    cancel_requested: bool
    cancel_reason: str | None = None
    error: ErrorView | None
    receipt: ReceiptView | None
    answer: str | None
    cost: CostShareView | None = None
    as_if_aws: CostShareView | None = None


class Accepted(BaseModel):
    """The job is stored and will end in exactly one terminal status. ``created`` false: it was known already."""

    job_id: str
    status: str
    model: str
    created: bool
    machine: MachineView


class JobList(BaseModel):
    """Newest first; pass ``next_cursor`` as ``cursor`` for the next page."""

    jobs: list[JobView]
    next_cursor: str | None


class DeletedJobs(BaseModel):
    """How many were forgotten; with ``more``, ask again for the rest."""

    deleted: int
    more: bool


class EventView(BaseModel):
    """One event of a job's log."""

    seq: int
    kind: str
    at: float
    data: dict[str, Any]


class EventList(BaseModel):
    """Events after the cursor. ``machine`` tells what a waiting job waits for."""

    events: list[EventView]
    last_seq: int
    status: str
    machine: MachineView | None


class StopResultView(BaseModel):
    """What became of the machine and of the jobs."""

    was_running: bool
    cancelled: list[str]
    requeued: list[str]
    machine: MachineView


class ModelView(BaseModel):
    """A model of the catalogue and its file on this computer."""

    name: str
    title: str
    licence: str
    source: str
    context_tokens: int
    size_bytes: int | None
    sha256: str | None
    state: str
    received_bytes: int
    problem: str
    is_default: bool


class OpenAIModel(BaseModel):
    """A model as OpenAI's clients expect it. ``created`` says nothing here."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "tlfif"


class ModelList(BaseModel):
    """The default first. ``object`` and ``data`` are for OpenAI's clients: the models that can answer now."""

    models: list[ModelView]
    object: Literal["list"] = "list"
    data: list[OpenAIModel]


class Health(BaseModel):
    """Alive, and which program."""

    status: Literal["ok"] = "ok"
    version: str


class ServerView(BaseModel):
    """The background server itself."""

    pid: int
    version: str
    port: int
    uptime_seconds: float
    exits_in_seconds: float | None
