"""Jobs on the wire: what is asked, what is answered, and what a follower of a job receives."""

from dataclasses import dataclass
from typing import Any, Literal, NotRequired

from tlfif.jobs.events import Event
from tlfif.wire.errors import ErrorView
from tlfif.wire.machines import MachineView
from tlfif.wire.money import CostShareView
from tlfif.wire.typed_dict import TypedDict

Role = Literal["system", "user", "assistant", "tool"]


class ToolCallView(TypedDict):
    """A call of a tool; ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class MessageView(TypedDict):
    """One turn of a conversation. ``tool_calls`` are the assistant's; ``tool_call_id`` is a tool's."""

    role: Role
    content: str
    name: NotRequired[str | None]
    tool_calls: NotRequired[list[ToolCallView] | None]
    tool_call_id: NotRequired[str | None]


class FormView(TypedDict):
    """The answer must be JSON; null, or nothing: any object."""

    json_schema: NotRequired[dict[str, Any] | None]


class ToolView(TypedDict):
    """A function that the model may ask its caller to call. ``parameters`` is a JSON schema."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[dict[str, Any]]
    strict: NotRequired[bool]


class SamplingView(TypedDict):
    """How words are chosen, as far as it is set."""

    temperature: NotRequired[float | None]
    top_p: NotRequired[float | None]
    top_k: NotRequired[int | None]
    min_p: NotRequired[float | None]
    presence_penalty: NotRequired[float | None]
    frequency_penalty: NotRequired[float | None]
    repeat_penalty: NotRequired[float | None]
    seed: NotRequired[int | None]
    stop: NotRequired[list[str]]
    logit_bias: NotRequired[dict[str, float]]


class GenerationView(SamplingView):
    """What is asked for beside the messages, as far as it is set. ``tool_choice`` is ``auto``, ``none``, ``required``
    or ``function:NAME``."""

    task: NotRequired[Literal["chat", "completion", "embedding"]]
    form: NotRequired[FormView | None]
    tools: NotRequired[list[ToolView]]
    tool_choice: NotRequired[str]
    parallel_tool_calls: NotRequired[bool]
    logprobs: NotRequired[int | None]
    notes: NotRequired[str]


class Asking(GenerationView):
    """What the client sends to ``POST /v1/infer``; a member that is absent or None means the server's default. The
    server's side is ``api.schemas.InferRequest``, which also takes a bare prompt and has the ranges."""

    messages: list[MessageView]
    model: NotRequired[str | None]
    max_tokens: NotRequired[int | None]
    fits_max_tokens: NotRequired[bool]
    idle_timeout_minutes: NotRequired[float | None]


class ReceiptView(TypedDict):
    """What an answer took; seconds from acceptance. A job has it, and so has the event that ends it. ``instance_type``
    is AWS's name, null on one's own computer; ``engine`` is vllm or llama, null in receipts older than the field;
    ``adapter_sha256`` is that of a personal model, null for any other."""

    model: str
    model_sha256: str | None
    image: str | None
    instance_type: str | None
    engine: str | None
    machine_id: str | None
    attempt: int
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str | None
    queue_seconds: float | None
    first_token_seconds: float | None
    total_seconds: float | None
    tokens_per_second: float | None
    adapter_sha256: str | None


class JobView(TypedDict):
    """A job. ``answer``, ``reasoning``, ``tool_calls``, ``cost`` and ``simulated_aws`` are null in lists;
    ``simulated_aws`` also where machines run on AWS, and ``as_if_aws`` is its old name, sent for one release.
    ``reasoning`` is what a thinking model wrote before its answer, null where it wrote none; ``tool_calls`` are the
    calls that it asks for, null where it asks for none. ``asked``: what was asked for beside the messages, the defaults
    of home and model among it. ``cancel_reason`` says who asked for the end, where somebody did."""

    job_id: str
    status: str
    model: str
    messages: list[MessageView]
    max_tokens: int
    temperature: float
    seed: int | None
    asked: GenerationView
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempt: int
    last_seq: int
    cancel_requested: bool
    cancel_reason: str | None
    error: ErrorView | None
    receipt: ReceiptView | None
    answer: str | None
    reasoning: str | None
    tool_calls: list[ToolCallView] | None
    cost: CostShareView | None
    simulated_aws: CostShareView | None
    as_if_aws: CostShareView | None


class Accepted(TypedDict):
    """The job is stored and will end in exactly one terminal status. ``created`` false: it was known already."""

    job_id: str
    status: str
    model: str
    created: bool
    machine: MachineView


class JobList(TypedDict):
    """Newest first; pass ``next_cursor`` as ``cursor`` for the next page. It is null on the last one."""

    jobs: list[JobView]
    next_cursor: str | None


class DeletedJobs(TypedDict):
    """How many were forgotten; with ``more``, ask again for the rest."""

    deleted: int
    more: bool


class EventView(TypedDict):
    """One event of a job's log."""

    seq: int
    kind: str
    at: float
    data: dict[str, Any]


class EventList(TypedDict):
    """Events after the cursor. ``machine`` tells what a waiting job waits for."""

    events: list[EventView]
    last_seq: int
    status: str
    machine: MachineView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccepted:
    """The prompt is stored; from here on it cannot be lost. Comes first, once, and only to who submitted."""

    accepted: Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineUpdate:
    """What a waiting job waits for; sent about once a second and not part of the job's log."""

    machine: MachineView


FollowUpdate = Event | MachineUpdate
"""What a follower of a job receives: an event of its log, or how the machine is meanwhile."""
