"""Ollama's requests as submissions."""

import json
from typing import Any

from pydantic import ConfigDict

from tlfif.control.submit_job import Submission
from tlfif.dialects.fields import Fields, Wishing, WithoutEffect
from tlfif.dialects.openai_messages import without_empty
from tlfif.dialects.openai_sampling import seed_of, stop_texts
from tlfif.dialects.refusal import missing, not_supported, wrong_value
from tlfif.jobs.limits import check_max_tokens
from tlfif.jobs.request import AnswerForm, Message, Sampling, Task, Tool, ToolCall, ToolUse

LATEST = ":latest"
"""What Ollama's clients append to a model's name that has no tag."""
AS_MANY_AS_FIT = 2**31 - 1
"""As many tokens as there is room for: what ``num_predict`` -1 and -2 mean."""


class OllamaOptions(Fields):
    """What is set for one request."""

    num_predict: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: Any = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    # Without effect: about Ollama's own machine, or ways of choosing words that the engines here do not have.
    embedding_only: WithoutEffect = None
    f16_kv: WithoutEffect = None
    logits_all: WithoutEffect = None
    low_vram: WithoutEffect = None
    main_gpu: WithoutEffect = None
    mirostat: WithoutEffect = None
    mirostat_eta: WithoutEffect = None
    mirostat_tau: WithoutEffect = None
    num_batch: WithoutEffect = None
    num_ctx: WithoutEffect = None
    num_gpu: WithoutEffect = None
    num_keep: WithoutEffect = None
    num_thread: WithoutEffect = None
    numa: WithoutEffect = None
    penalize_newline: WithoutEffect = None
    repeat_last_n: WithoutEffect = None
    tfs_z: WithoutEffect = None
    typical_p: WithoutEffect = None
    use_mlock: WithoutEffect = None
    use_mmap: WithoutEffect = None
    vocab_only: WithoutEffect = None


class OllamaAsking(Fields):
    """What all of Ollama's requests that make something have."""

    model: str | None = None
    options: OllamaOptions | None = None
    keep_alive: WithoutEffect = None


class OllamaGenerating(OllamaAsking, Wishing):
    """What its requests for words have."""

    stream: bool | None = None
    format: dict[str, Any] | str | None = None
    think: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = None

    @property
    def streams(self) -> bool:
        """Ollama streams where nothing else is said."""
        return self.stream is not False


class OllamaFunctionCall(Fields):
    """The call that the model asked for."""

    name: str
    arguments: dict[str, Any] | None = None
    index: int | None = None


class OllamaCall(Fields):
    """A call, with an id where the client keeps one."""

    id: str | None = None
    type: str | None = None
    function: OllamaFunctionCall


class OllamaTurn(Fields):
    """One turn of a conversation."""

    role: str
    content: str | None = None
    images: list[Any] | None = None
    thinking: str | None = None
    tool_calls: list[OllamaCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class OllamaFunction(Fields):
    """A function on offer."""

    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None


class OllamaTool(Fields):
    """A tool on offer."""

    type: str | None = None
    function: OllamaFunction | None = None


class OllamaChat(OllamaGenerating):
    """``POST /api/chat``. ``docs/reference/clients.md`` says what each field does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "smollm2", "messages": [{"role": "user", "content": "Hello"}], "stream": False}]
        }
    )

    messages: list[OllamaTurn] | None = None
    tools: list[OllamaTool] | None = None


class OllamaGenerate(OllamaGenerating):
    """``POST /api/generate``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "smollm2", "prompt": "Hello", "stream": False}]}
    )

    prompt: str | None = None
    system: str | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None
    images: list[Any] | None = None
    raw: bool | None = None
    # Without effect: of pictures that are to be made.
    height: WithoutEffect = None
    steps: WithoutEffect = None
    width: WithoutEffect = None


class OllamaEmbed(OllamaAsking):
    """``POST /api/embed``."""

    input: list[str] | str | None = None
    truncate: WithoutEffect = None
    dimensions: int | None = None

    @property
    def texts(self) -> list[str]:
        """One or several. Raises InvalidInputError."""
        if self.dimensions:
            raise not_supported("dimensions", "a vector has as many numbers as the model gives it.")
        if self.input is None:
            raise missing("input")
        return [self.input] if isinstance(self.input, str) else self.input


class OllamaEmbeddings(OllamaAsking):
    """``POST /api/embeddings``, which came before ``/api/embed``."""

    prompt: str | None = None


class OllamaShow(Fields):
    """``POST /api/show``; ``name`` is what ``model`` was called once."""

    model: str | None = None
    name: str | None = None
    verbose: bool | None = None


def model_name(given: str | None) -> str:
    """The model as it is called here. Raises InvalidInputError ``missing_field``."""
    if not given:
        raise missing("model")
    return given.removesuffix(LATEST)


def asked_chat(body: OllamaChat) -> Submission | None:
    """What ``body`` asks for; None where it only wants the model to be loaded.

    Raises InvalidInputError: ``unsupported_value``, ``unknown_value``, ``missing_field``.
    """
    if not body.messages:
        model_name(body.model)
        return None
    messages: list[Message] = []
    open_calls: list[ToolCall] = []
    """The calls that no tool has answered yet: Ollama's clients name the tool, not the call."""
    for index, turn in enumerate(body.messages):
        where = f"messages[{index}]"
        if turn.images:
            raise not_supported(f"{where}.images", "the models here read text only.")
        if turn.role == "tool":
            messages.append(_result(turn, open_calls))
            continue
        if turn.role not in {"system", "user", "assistant"}:
            raise wrong_value(f"{where}.role", "must be system, user, assistant or tool")
        calls = tuple(_call(call, f"call_{index}_{at}") for at, call in enumerate(turn.tool_calls or ()))
        open_calls += calls
        messages.append(Message(role=turn.role, content=turn.content or "", tool_calls=calls))
    return _submission(body, messages, tools=_tools(body))


def asked_generate(body: OllamaGenerate) -> Submission | None:
    """Likewise."""
    for name, value in (("template", body.template), ("suffix", body.suffix), ("context", body.context)):
        if value:
            raise not_supported(name, "it is not taken here; the model's own template is used.")
    if body.images:
        raise not_supported("images", "the models here read text only.")
    if not body.prompt:
        model_name(body.model)
        return None
    if body.raw:
        return _submission(body, [Message(role="user", content=body.prompt)], task=Task.COMPLETION)
    system = [Message(role="system", content=body.system)] if body.system else []
    return _submission(body, [*system, Message(role="user", content=body.prompt)])


def asked_embed(model: str | None, texts: list[str]) -> Submission:
    """One vector for each text."""
    messages = [Message(role="user", content=text) for text in texts]
    return Submission(messages=messages, model=model_name(model), task=Task.EMBEDDING)


def _submission(
    body: OllamaGenerating, messages: list[Message], *, tools: ToolUse | None = None, task: Task = Task.CHAT
) -> Submission:
    options = body.options or OllamaOptions()
    wanted = options.num_predict
    if wanted == 0:
        check_max_tokens(wanted, name="options.num_predict")
    return Submission(
        messages=without_empty(messages),
        model=model_name(body.model),
        max_tokens=AS_MANY_AS_FIT if wanted is not None and wanted < 0 else wanted,
        fits_max_tokens=True,
        sampling=Sampling(
            temperature=options.temperature,
            top_p=options.top_p,
            top_k=options.top_k,
            min_p=options.min_p,
            presence_penalty=options.presence_penalty,
            frequency_penalty=options.frequency_penalty,
            repeat_penalty=options.repeat_penalty,
            seed=seed_of(options.seed),
            stop=stop_texts(options.stop, "options.stop"),
        ),
        task=task,
        form=_form(body.format),
        tools=tools,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
    )


def _form(wanted: str | dict[str, Any] | None) -> AnswerForm | None:
    if not wanted:
        return None
    if isinstance(wanted, dict):
        return AnswerForm(schema=json.dumps(wanted))
    if wanted != "json":
        raise wrong_value("format", "must be “json” or a JSON schema")
    return AnswerForm()


def _call(call: OllamaCall, name: str) -> ToolCall:
    arguments = json.dumps(call.function.arguments or {})
    return ToolCall(id=call.id or name, name=call.function.name, arguments=arguments)


def _result(turn: OllamaTurn, open_calls: list[ToolCall]) -> Message:
    """What a tool said belongs to the first call that is open and of its name, or just the first."""
    at = next((at for at, call in enumerate(open_calls) if call.name == turn.tool_name), 0)
    answered = open_calls.pop(at) if open_calls else None
    call_id = turn.tool_call_id or (answered.id if answered is not None else turn.tool_name or "call")
    return Message(role="tool", content=turn.content or "", tool_call_id=call_id)


def _tools(body: OllamaChat) -> ToolUse | None:
    if not body.tools:
        return None
    return ToolUse(offered=tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(body.tools)))


def _tool(tool: OllamaTool, where: str) -> Tool:
    if tool.type not in {None, "function"} or tool.function is None or not tool.function.name:
        raise wrong_value(where, "must be a function with a name")
    parameters = json.dumps(tool.function.parameters or {})
    return Tool(name=tool.function.name, description=tool.function.description or "", parameters=parameters)
