"""Anthropic's ``POST /v1/messages`` as a submission, and a job's answer as its message: whole, and as a stream."""

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer, End, arguments_of
from tlfif.dialects.extension import extension
from tlfif.dialects.fields import Fields, Wishing, WithoutEffect
from tlfif.dialects.openai_messages import text_of, without_empty
from tlfif.dialects.refusal import missing, not_supported, wrong_value
from tlfif.jobs.limits import check_messages
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.jobs.request import NAMED_TOOL, AnswerForm, Message, Sampling, Tool, ToolCall, ToolUse
from tlfif.jobs.token_estimate import tokens_about
from tlfif.kernel.errors import InvalidInputError

Shape = dict[str, Any]
"""An object of Anthropic's, as it is written to JSON."""

PING: Shape = {"type": "ping"}
"""The event that shows that the connection is alive."""
STOP_REASONS = {"length": "max_tokens", "tool_calls": "tool_use"}
"""By the engine's reason. That a stop sequence ended an answer is not told apart from its end."""


class AnthropicBlock(Fields):
    """One piece of a message's content."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    tool_use_id: str | None = None
    content: Any = None
    # Without effect: hints to Anthropic's caches, and what an answer has beside its text when it is sent back.
    cache_control: WithoutEffect = None
    caller: WithoutEffect = None
    citations: WithoutEffect = None
    data: WithoutEffect = None
    is_error: WithoutEffect = None
    signature: WithoutEffect = None
    thinking: WithoutEffect = None


Blocks = list[AnthropicBlock] | str


class AnthropicTurn(Fields):
    """One turn of the conversation."""

    role: str
    content: Blocks


class AnthropicTool(Fields):
    """A tool on offer."""

    name: str
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    # Without effect.
    cache_control: WithoutEffect = None
    input_examples: WithoutEffect = None


class AnthropicToolChoice(Fields):
    """Which tool is to be used."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class AnthropicThinking(Fields):
    """Whether what the model thinks is shown. How much it thinks is its own affair."""

    type: str
    budget_tokens: WithoutEffect = None


class AnthropicFormat(Fields):
    """What form the answer must have."""

    type: str
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


class AnthropicOutput(Fields):
    """Settings of the output."""

    format: AnthropicFormat | None = None
    effort: WithoutEffect = None


class MessagesRequest(Wishing):
    """Anthropic's request. ``docs/reference/clients.md`` says what each field does."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 64}]}
    )

    model: str | None = None
    max_tokens: int
    messages: list[AnthropicTurn]
    system: Blocks | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[AnthropicTool] | None = None
    tool_choice: AnthropicToolChoice | None = None
    thinking: AnthropicThinking | None = None
    output_config: AnthropicOutput | None = None
    container: Any = None
    mcp_servers: Any = None
    # Without effect: hints, notes and what other hosts charge by.
    cache_control: WithoutEffect = None
    diagnostics: WithoutEffect = None
    inference_geo: WithoutEffect = None
    metadata: WithoutEffect = None
    service_tier: WithoutEffect = None
    speed: WithoutEffect = None
    user_profile_id: WithoutEffect = None
    workspace_id: WithoutEffect = None

    @property
    def shows_thinking(self) -> bool:
        """Whether the answer has what the model thought."""
        return self.thinking is not None and self.thinking.type != "disabled"


class CountRequest(MessagesRequest):
    """What is to be counted: a request without its limit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"messages": [{"role": "user", "content": "Hello"}]}]})

    max_tokens: int = 1


def asked(body: MessagesRequest) -> Submission:
    """What ``body`` asks for. Raises InvalidInputError: ``unsupported_value``, ``unknown_value``, ``missing_field``."""
    for name, value in (("container", body.container), ("mcp_servers", body.mcp_servers)):
        if value:
            raise not_supported(name, "it runs at Anthropic and does not exist here.")
    messages: list[Message] = []
    if body.system:
        messages.append(Message(role="system", content=_text(body.system, "system")))
    for index, turn in enumerate(body.messages):
        messages += _messages(turn, f"messages[{index}]")
    return Submission(
        messages=without_empty(messages),
        model=body.model,
        max_tokens=body.max_tokens,
        fits_max_tokens=True,
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            stop=tuple(body.stop_sequences or ()),
        ),
        form=_form(body.output_config),
        tools=_tools(body),
        bridge=body.wants_bridge,
    )


def _text(content: Blocks, param: str) -> str:
    if isinstance(content, str):
        return content
    for index, block in enumerate(content):
        if block.type != "text":
            raise _unread(f"{param}[{index}]", block.type)
    return "\n\n".join(block.text or "" for block in content)


def _unread(param: str, kind: str) -> InvalidInputError:
    return not_supported(param, f"the model reads text only, and this block is of the type {kind[:40]!r}.")


def _messages(turn: AnthropicTurn, param: str) -> list[Message]:
    if turn.role not in {"user", "assistant", "system"}:
        raise wrong_value(f"{param}.role", "must be user or assistant")
    if isinstance(turn.content, str):
        return [Message(role=turn.role, content=turn.content)]
    if turn.role == "assistant":
        return [_spoken(turn.content, f"{param}.content")]
    return _heard(turn.role, turn.content, f"{param}.content")


def _spoken(content: list[AnthropicBlock], param: str) -> Message:
    """What the model said: one message, however many pieces it has. What it thought is passed over."""
    texts: list[str] = []
    calls: list[ToolCall] = []
    for index, block in enumerate(content):
        where = f"{param}[{index}]"
        if block.type == "text":
            texts.append(block.text or "")
        elif block.type == "tool_use":
            arguments = json.dumps(block.input or {})
            calls.append(
                ToolCall(
                    id=_needed(block.id, f"{where}.id"), name=_needed(block.name, f"{where}.name"), arguments=arguments
                )
            )
        elif block.type not in {"thinking", "redacted_thinking"}:
            raise _unread(where, block.type)
    return Message(role="assistant", content="".join(texts), tool_calls=tuple(calls))


def _heard(role: str, content: list[AnthropicBlock], param: str) -> list[Message]:
    """What the model was told: the results of its calls, and what the user said."""
    found: list[Message] = []
    texts: list[AnthropicBlock] = []
    for index, block in enumerate(content):
        where = f"{param}[{index}]"
        if block.type == "tool_result":
            text = text_of(block.content, f"{where}.content")
            call_id = _needed(block.tool_use_id, f"{where}.tool_use_id")
            found.append(Message(role="tool", content=text, tool_call_id=call_id))
        elif block.type == "text":
            texts.append(block)
        else:
            raise _unread(where, block.type)
    if texts:
        found.append(Message(role=role, content=_text(texts, param)))
    return found


def _needed(value: str | None, param: str) -> str:
    if not value:
        raise missing(param)
    return value


def _form(config: AnthropicOutput | None) -> AnswerForm | None:
    wanted = None if config is None else config.format
    if wanted is None:
        return None
    if wanted.type != "json_schema":
        raise wrong_value("output_config.format.type", "must be json_schema")
    if wanted.schema_ is None:
        raise missing("output_config.format.schema")
    return AnswerForm(schema=json.dumps(wanted.schema_))


def _tools(body: MessagesRequest) -> ToolUse | None:
    if not body.tools:
        if body.tool_choice is None or body.tool_choice.type in ("auto", "none"):
            return None
        raise wrong_value("tool_choice", "asks for a tool, and tools has none")
    offered = tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(body.tools))
    choice = body.tool_choice
    if choice is None:
        return ToolUse(offered=offered)
    words = {"auto": "auto", "any": "required", "none": "none"}
    if choice.type == "tool":
        word = NAMED_TOOL + _needed(choice.name, "tool_choice.name")
    elif choice.type in words:
        word = words[choice.type]
    else:
        raise wrong_value("tool_choice.type", "must be auto, any, tool or none")
    return ToolUse(offered=offered, choice=word, parallel=not choice.disable_parallel_tool_use)


def _tool(tool: AnthropicTool, param: str) -> Tool:
    if tool.type not in {None, "custom"}:
        raise not_supported(
            f"{param}.type", f"only Anthropic's models know “{tool.type[:40]}”. Describe the tool by input_schema."
        )
    return Tool(
        name=tool.name,
        description=tool.description or "",
        parameters=json.dumps(tool.input_schema or {}),
        strict=tool.strict is True,
    )


def counted(body: CountRequest) -> Shape:
    """About how many tokens its prompt has. Raises InvalidInputError as :func:`asked`, and where nothing is asked."""
    wanted = asked(body)
    return {"input_tokens": tokens_about(check_messages(wanted.messages), wanted.tools)}


@dataclass(slots=True, kw_only=True)
class MessageStream:
    """One message while it grows. Begin with :meth:`begin`, :meth:`add` each piece, :meth:`end`; each returns the
    events to send. ``shows_thinking``: what the model thought is a part of the message."""

    job_id: str
    model: str
    shows_thinking: bool = False
    _answer: Answer = field(default_factory=Answer)
    _open: str = ""
    """The kind of the block that grows; empty before the first."""
    _blocks: int = 0

    def begin(self) -> list[Shape]:
        """The job is stored."""
        return [{"type": "message_start", "message": self._message([], None, 0, 0)}, PING]

    def add(self, piece: Piece) -> list[Shape]:
        """More of the answer."""
        self._answer.add(piece)
        found: list[Shape] = []
        if piece.reasoning and self.shows_thinking:
            found += self._enter("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            found.append(self._delta({"type": "thinking_delta", "thinking": piece.reasoning}))
        if piece.text:
            found += self._enter("text", {"type": "text", "text": ""})
            found.append(self._delta({"type": "text_delta", "text": piece.text}))
        for call in piece.tool_calls:
            found += self._call(call)
        return found

    def end(self, end: End) -> list[Shape]:
        """The answer is whole."""
        delta = {"stop_reason": _stop_reason(end), "stop_sequence": None}
        usage = {"input_tokens": end.prompt_tokens, "output_tokens": end.completion_tokens}
        last = {"type": "message_delta", "delta": delta, "usage": usage, **extension([end])}
        return [*self._leave(), last, {"type": "message_stop"}]

    def whole(self, answer: Answer, end: End) -> Shape:
        """The message of a whole answer."""
        content: list[Shape] = []
        if answer.reasoning and self.shows_thinking:
            content.append({"type": "thinking", "thinking": answer.reasoning, "signature": ""})
        if answer.text:
            content.append({"type": "text", "text": answer.text})
        content += [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}
            for call in answer.tool_calls
        ]
        message = self._message(content, _stop_reason(end), end.prompt_tokens, end.completion_tokens)
        return {**message, **extension([end])}

    def _message(self, content: list[Shape], reason: str | None, read: int, written: int) -> Shape:
        return {
            "id": self.job_id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {"input_tokens": read, "output_tokens": written},
        }

    def _call(self, piece: CallPiece) -> list[Shape]:
        call = self._answer.tool_calls[piece.index]
        found = self._enter(
            f"tool_use {piece.index}", {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        )
        if piece.arguments:
            found.append(self._delta({"type": "input_json_delta", "partial_json": piece.arguments}))
        return found

    def _enter(self, kind: str, block: Shape) -> list[Shape]:
        """The block of this kind grows now; one that grew before is closed."""
        if self._open == kind:
            return []
        found = self._leave()
        self._open = kind
        self._blocks += 1
        return [*found, {"type": "content_block_start", "index": self._blocks - 1, "content_block": block}]

    def _leave(self) -> list[Shape]:
        return [{"type": "content_block_stop", "index": self._blocks - 1}] if self._open else []

    def _delta(self, delta: Shape) -> Shape:
        return {"type": "content_block_delta", "index": self._blocks - 1, "delta": delta}


def _stop_reason(end: End) -> str:
    return STOP_REASONS.get(end.finish_reason, "end_turn")
