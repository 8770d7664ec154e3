"""A conversation in OpenAI's words."""

from collections.abc import Iterable
from typing import Any

from tlfif.dialects.fields import Fields, known_keys, wrong_type
from tlfif.dialects.refusal import not_supported
from tlfif.jobs.request import Message, ToolCall
from tlfif.kernel.errors import InvalidInputError

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Kinds of part that are text, and where it stands."""


class CalledFunction(Fields):
    """``arguments`` is JSON text as the model wrote it."""

    name: str
    arguments: str = ""


class CalledTool(Fields):
    """One call of an earlier answer, fed back."""

    id: str = ""
    type: str | None = None
    function: CalledFunction
    index: int | None = None


class MessageFields(Fields):
    """One turn. What an answer has beside its text is taken back, too: ``refusal`` is text; ``annotations``, and what
    a thinking model wrote before its answer, are without effect."""

    role: str
    content: Any = None
    name: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None
    refusal: str | None = None
    audio: Any = None
    annotations: Any = None
    reasoning: Any = None
    reasoning_content: Any = None


def conversation(messages: list[MessageFields]) -> list[Message]:
    """The messages as TL-FIF has them. Raises InvalidInputError."""
    return without_empty(_message(message, f"messages[{at}]") for at, message in enumerate(messages))


def without_empty(messages: Iterable[Message]) -> list[Message]:
    """A system message, or an answer, without any text is left out: programs send them, and they say nothing."""
    return [
        message
        for message in messages
        if message.content.strip() or message.tool_calls or message.role not in ("system", "assistant")
    ]


def text_of(content: Any, param: str) -> str:
    """A text, or the texts of its parts, a line each. Raises InvalidInputError, naming a part that is no text."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise wrong_type(param, "must be text or a list of parts")
    return "\n".join(_part(part, f"{param}[{at}]") for at, part in enumerate(content))


def _message(message: MessageFields, param: str) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidInputError(
            f"{param}.role must be one of {', '.join(_ROLES)}.",
            code="role_unknown",
            details={"param": f"{param}.role"},
        )
    if message.audio is not None:
        raise not_supported(f"{param}.audio", "an answer as sound cannot be read; send its text.")
    text = text_of(message.content, f"{param}.content") or message.refusal or ""
    calls = [ToolCall(id=c.id, name=c.function.name, arguments=c.function.arguments) for c in message.tool_calls or []]
    if message.function_call is not None:
        called = message.function_call
        calls.append(ToolCall(id=called.name, name=called.name, arguments=called.arguments))
    is_function = message.role == "function"
    return Message(
        role=role,
        content=text,
        name=message.name or None,
        tool_calls=tuple(calls),
        tool_call_id=message.name if is_function else message.tool_call_id,
    )


def _part(value: Any, param: str) -> str:
    if isinstance(value, str):
        return value
    part = known_keys(value, param)
    kind = part.get("type", "text")
    if kind not in _TEXTS:
        raise not_supported(param, f"the model reads text only, and this part is of the type {str(kind)[:40]!r}.")
    text = part.get(_TEXTS[kind], "")
    if not isinstance(text, str):
        raise wrong_type(f"{param}.{_TEXTS[kind]}", "must be text")
    return text
