"""The bodies of requests. Types are checked here, ranges in the rules that every caller goes through (``jobs.limits``,
``money.budget``), which have one sentence for each. The answers are ``tlfif.wire``."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tlfif.jobs import limits
from tlfif.machines.policy import MAX_IDLE_TIMEOUT_MINUTES, MIN_IDLE_TIMEOUT_MINUTES
from tlfif.money.budget.budget_limit import MAX_LIMIT_EUR, MIN_LIMIT_EUR
from tlfif.wire.jobs import Role
from tlfif.wire.machines import StopMode


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


class ToolCallBody(Strict):
    """A call that the model asked for; ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class MessageBody(Strict):
    """One turn of a conversation. ``tool_calls`` are the assistant's, whose ``content`` may then be empty;
    ``tool_call_id`` says which call a tool's turn answers."""

    role: Role
    content: str
    name: str | None = None
    tool_calls: list[ToolCallBody] | None = None
    tool_call_id: str | None = None


class FormBody(Strict):
    """The answer must be a JSON object, or what ``json_schema`` allows."""

    json_schema: dict[str, Any] | None = None


class ToolBody(Strict):
    """A function that the model may ask its caller to call. ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    strict: bool = False


MaxTokens = Annotated[int, Field(json_schema_extra=value_range(*limits.MAX_TOKENS_RANGE))]
Temperature = Annotated[float, Field(json_schema_extra=value_range(*limits.TEMPERATURE_RANGE))]
Seed = Annotated[int, Field(json_schema_extra=value_range(*limits.SEED_RANGE))]
TopP = Annotated[float, Field(json_schema_extra=value_range(*limits.RANGES["top_p"]))]
TopK = Annotated[int, Field(json_schema_extra=value_range(*limits.RANGES["top_k"]))]
MinP = Annotated[float, Field(json_schema_extra=value_range(*limits.RANGES["min_p"]))]
Penalty = Annotated[float, Field(json_schema_extra=value_range(*limits.RANGES["presence_penalty"]))]
RepeatPenalty = Annotated[float, Field(json_schema_extra=value_range(*limits.RANGES["repeat_penalty"]))]
Logprobs = Annotated[int, Field(json_schema_extra=value_range(*limits.LOGPROBS_RANGE))]
IdleMinutes = Annotated[float, Field(json_schema_extra=value_range(MIN_IDLE_TIMEOUT_MINUTES, MAX_IDLE_TIMEOUT_MINUTES))]

Messages = Annotated[
    list[MessageBody], Field(fail_fast=True, json_schema_extra={"minItems": 1, "maxItems": limits.MAX_MESSAGES})
]
"""Checked up to the first fault: a long list of faults takes seconds to write."""


class InferRequest(Strict):
    """A prompt, or a whole conversation in ``messages``; exactly one of the two. What is absent or null is the model's
    or the home's default.

    ``task`` ``completion`` goes on with the text of the only message, ``embedding`` makes a vector of each message.
    ``fits_max_tokens``: a ``max_tokens`` beyond what there is room for is cut instead of refused. ``tool_choice``:
    ``auto``, ``none``, ``required`` or ``function:NAME``. ``notes`` are kept with the job, for who asked."""

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
        {
            "messages": [{"role": "user", "content": "Is it raining in Vienna?"}],
            "top_p": 0.9,
            "stop": ["\n\n"],
            "tools": [
                {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
            ],
            "tool_choice": "required",
        },
        {"prompt": "Describe a river as JSON.", "form": {"json_schema": {"type": "object"}}, "logprobs": 2},
        {"prompt": "A river", "task": "embedding"},
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
    fits_max_tokens: bool | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    min_p: MinP | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repeat_penalty: RepeatPenalty | None = None
    seed: Seed | None = None
    stop: list[str] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: Logprobs | None = None
    task: Literal["chat", "completion", "embedding"] | None = None
    form: FormBody | None = None
    tools: list[ToolBody] | None = None
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    notes: str | None = None
    idle_timeout_minutes: IdleMinutes | None = None


class StopRequest(Strict):
    """``cancel`` ends running and waiting answers; ``requeue`` keeps them until a person starts again."""

    model_config = examples({"jobs": "requeue"})

    jobs: StopMode = "cancel"


class StartRequest(Strict):
    """The model to start with; null takes the default."""

    model: str | None = None


class IdleTimeoutRequest(Strict):
    """Minutes without work after which the machine ends itself."""

    model_config = examples({"minutes": 10})

    minutes: IdleMinutes


class AddModelRequest(Strict):
    """A personal model. ``adapter``: the path of a GGUF file on this computer, of which a copy is kept. ``base``: the
    model that it was trained on, the default one unless it says so. ``sha256``: what the file's must be."""

    adapter: str
    base: str | None = None
    sha256: str | None = None


class PullRequest(Strict):
    """``force`` throws a corrupt or partial file away. ``automatic``: nobody asked for this fetch, so a hub that was
    silent a few minutes ago is not asked again."""

    force: bool = False
    automatic: bool = False


class BuildRequest(Strict):
    """What to build; without ``repository`` from the one that is followed, without ``commit`` the newest one of
    ``branch``, without ``profile`` the home's usual kind of image. ``keep_minutes``: a machine on
    which the build fails is kept so long, 1 to 120 minutes, to look at it; null: it is ended at once."""

    model_config = examples({}, {"commit": "0123456789abcdef0123456789abcdef01234567"})

    repository: str | None = None
    branch: str | None = None
    commit: str | None = None
    profile: str | None = None
    keep_minutes: int | None = None


class WatchRequest(Strict):
    """A Git repository by its https or ssh address, or a folder by its whole path. ``branch`` null: main.
    ``promotes``: images that pass their tests are promoted without asking."""

    model_config = examples({"repository": "https://github.com/someone/tl-fif", "branch": "main"})

    repository: str
    branch: str | None = None
    profile: str | None = None
    promotes: bool = False


class RollBackRequest(Strict):
    """The kind of image to roll back; null takes the home's usual one."""

    model_config = examples({})

    profile: str | None = None


LimitEur = Annotated[
    Any,
    Field(
        description="EUR per month without VAT, as a number or as text such as “20 €”; null means no limit.",
        json_schema_extra={
            "anyOf": [
                {"type": "number", "minimum": float(MIN_LIMIT_EUR), "maximum": float(MAX_LIMIT_EUR)},
                {"type": "string"},
                {"type": "null"},
            ]
        },
    ),
]


class BudgetRequest(Strict):
    """A new monthly limit. ``simulated_aws``: practice mode, held against what AWS would have charged; nothing is.
    ``as_if_aws`` is its old name, taken for one release."""

    model_config = examples({"limit_eur": 20}, {"limit_eur": "0.05", "simulated_aws": True}, {"limit_eur": None})

    limit_eur: LimitEur
    simulated_aws: Annotated[bool, Field(validation_alias=AliasChoices("simulated_aws", "as_if_aws"))] = False


class ReleaseRequest(Strict):
    """Nothing needs to be said."""

    model_config = examples({})
