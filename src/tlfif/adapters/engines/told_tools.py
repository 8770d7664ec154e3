"""Tools for models whose chat template knows none: told in words, and called in a form that a grammar holds.

The model writes freely until it begins an answer with :data:`MARK`; from there its words are held to a list of calls.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from tlfif.jobs.pieces import CallPiece
from tlfif.jobs.request import NAMED_TOOL, AnswerForm, GenerationRequest, Message, Tool, ToolUse

MARK = "<tool_call>"
"""As the models write it that were trained to call tools."""
MOST_CALLS = 4
"""Calls in one answer: a small model that may go on does so until its answer is full."""
LETTERS_A_TOKEN = 3
TOOLS_SHARE = 0.4
"""Of the context that the list of tools may take: the conversation needs the rest."""
FIRST_SENTENCE = re.compile(r".*?[.!?](?=\s|$)|[^\n]+")


def needs_telling(request: GenerationRequest) -> bool:
    """Whether there is anything about tools in the request."""
    return request.tools is not None or any(
        message.tool_calls or message.role == "tool" for message in request.messages
    )


def told(request: GenerationRequest, *, context_tokens: int) -> GenerationRequest:
    """The request with its tools in the system text, and with calls and their results as turns of assistant and user.
    ``tools`` is gone from it."""
    turns: list[Message] = []
    for message in request.messages:
        turn = _as_text(message)
        if turns and message.role == "tool" and turns[-1].role == "user":
            turn = replace(turn, content=f"{turns.pop().content}\n{turn.content}")
        turns.append(turn)
    tools = request.tools
    if tools is not None and tools.choice != "none":
        words = _in_words(tools, letters=int(context_tokens * TOOLS_SHARE * LETTERS_A_TOKEN))
        if turns[0].role == "system":
            words = f"{turns.pop(0).content}\n\n{words}"
        turns.insert(0, Message(role="system", content=words))
    return replace(request, messages=tuple(turns), tools=None)


def is_forced(tools: ToolUse) -> bool:
    """Whether the answer must be a call."""
    return tools.choice == "required" or tools.choice.startswith(NAMED_TOOL)


def call_form(tools: ToolUse) -> AnswerForm:
    """What a list of calls must look like: ``[{"name": …, "arguments": {…}}]``."""
    return AnswerForm(schema=json.dumps(_calls_schema(tools), ensure_ascii=False))


def call_or(form: AnswerForm, tools: ToolUse) -> AnswerForm:
    """Either a list of calls, or what the answer must look like."""
    schema = _calls_schema(tools)
    kept = schema.pop("$defs")
    answer = json.loads(form.schema) if form.schema is not None else {"type": "object"}
    either = {"anyOf": [schema, {"$ref": "#/$defs/answer"}], "$defs": {**kept, "answer": _moved(answer, "answer")}}
    return AnswerForm(schema=json.dumps(either, ensure_ascii=False))


def _calls_schema(tools: ToolUse) -> dict[str, Any]:
    named = tools.choice.removeprefix(NAMED_TOOL) if tools.choice.startswith(NAMED_TOOL) else None
    offered = [tool for tool in tools.offered if named in (None, tool.name)]
    kept = {f"tool{number}": _arguments(tool, f"tool{number}") for number, tool in enumerate(offered)}
    items = [
        {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": {"$ref": f"#/$defs/tool{number}"}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for number, tool in enumerate(offered)
    ]
    one = items[0] if len(items) == 1 else {"anyOf": items}
    return {
        "type": "array",
        "items": one,
        "minItems": 1,
        "maxItems": MOST_CALLS if tools.parallel else 1,
        "$defs": kept,
    }


def _arguments(tool: Tool, place: str) -> dict[str, Any]:
    schema = {"type": "object", **json.loads(tool.parameters)}
    if not schema.get("properties") and not schema.keys() & {"additionalProperties", "$ref", "anyOf", "oneOf", "allOf"}:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    moved: dict[str, Any] = _moved(schema, place)
    return moved


def _moved(schema: Any, place: str) -> Any:
    """The schema as part of another one, under its ``$defs``: what it refers to in itself has moved."""
    if isinstance(schema, list):
        return [_moved(one, place) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _moved(one, place) for name, one in schema.items()}
    ref = found.get("$ref")
    if isinstance(ref, str) and ref.startswith("#"):
        found["$ref"] = f"#/$defs/{place}{ref[1:]}"
    return found


def _as_text(message: Message) -> Message:
    if message.role == "tool":
        return Message(role="user", content=f"<tool_response>\n{message.content}\n</tool_response>")
    if not message.tool_calls:
        return message
    calls = ", ".join(
        f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}' for call in message.tool_calls
    )
    text = f"{message.content}\n" if message.content else ""
    return Message(role="assistant", content=f"{text}{MARK}[{calls}]")


def _in_words(tools: ToolUse, *, letters: int) -> str:
    """As much about the tools as there is room for: what each does, its first sentence, or its name alone."""
    named = tools.choice.removeprefix(NAMED_TOOL) if tools.choice.startswith(NAMED_TOOL) else None
    offered = [tool for tool in tools.offered if named in (None, tool.name)]
    ways: Sequence[Callable[[Tool], str]] = (_whole, _first_sentence, _signature, lambda tool: f"- {tool.name}")
    lists = ["\n".join(way(tool) for tool in offered) for way in ways]
    told = next((one for one in lists if len(one) <= letters), lists[-1][:letters].rpartition("\n")[0])
    must = "Call one of them now." if is_forced(tools) else "Only where one is needed; otherwise just answer."
    example = f'{MARK}[{{"name": "…", "arguments": {{…}}}}]'
    return f"These functions can be called with {example}\n{told}\n{must}"


def _whole(tool: Tool) -> str:
    return f"{_signature(tool)}: {' '.join(tool.description.split())}" if tool.description.strip() else _signature(tool)


def _first_sentence(tool: Tool) -> str:
    found = FIRST_SENTENCE.match(" ".join(tool.description.split()))
    return f"{_signature(tool)}: {found[0]}" if found else _signature(tool)


def _signature(tool: Tool) -> str:
    schema = json.loads(tool.parameters)
    wanted = schema.get("required", [])
    wanted = wanted if isinstance(wanted, list) else []
    properties = schema.get("properties", {})
    names = properties.items() if isinstance(properties, dict) else ()
    return f"- {tool.name}({', '.join(_parameter(name, one, name in wanted) for name, one in names)})"


def _parameter(name: str, schema: object, is_needed: bool) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    choices = schema.get("enum") if isinstance(schema, dict) else None
    shown = (
        "|".join(map(json.dumps, choices[:8])) if isinstance(choices, list) else kind if isinstance(kind, str) else ""
    )
    return f"{name}{'' if is_needed else '?'}{': ' if shown else ''}{shown}"


class MarkWatch:
    """Passes text on until :data:`MARK` comes; a text that may be its beginning is kept until that is clear."""

    def __init__(self) -> None:
        self._kept = ""

    def take(self, text: str) -> tuple[str, bool]:
        """What may be passed on, and whether the mark came. What follows the mark is dropped."""
        found = self._kept + text
        before, mark, _ = found.partition(MARK)
        if mark:
            self._kept = ""
            return before, True
        keep = next(
            (size for size in range(min(len(MARK) - 1, len(found)), 0, -1) if MARK.startswith(found[-size:])), 0
        )
        self._kept = found[len(found) - keep :]
        return found[: len(found) - keep], False

    def rest(self) -> str:
        """What was kept, at the end."""
        kept, self._kept = self._kept, ""
        return kept


class CallReader:
    """Reads a list of calls, which a grammar holds to its form, as it comes."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._depth = 0
        self._in_text = False
        self._escaped = False
        self._head = ""
        self.count = 0

    def take(self, text: str) -> tuple[CallPiece, ...]:
        """The pieces of calls in more of the list."""
        return tuple(self._pieces(text))

    def _pieces(self, text: str) -> Iterable[CallPiece]:
        arguments = ""
        for letter in text:
            was_deep = self._depth > _CALL
            self._step(letter)
            if self._depth > _CALL and not was_deep:
                yield self._begun()
            if self._depth > _CALL or was_deep:
                arguments += letter
            elif self._depth == _CALL:
                self._head += letter
            if was_deep and self._depth == _CALL:
                yield CallPiece(index=self.count - 1, arguments=arguments)
                arguments = ""
        if arguments:
            yield CallPiece(index=self.count - 1, arguments=arguments)

    def _begun(self) -> CallPiece:
        name = _NAME.search(self._head)
        self._head = ""
        self.count += 1
        said = json.loads(name[1]) if name else ""
        return CallPiece(index=self.count - 1, id=f"call_{self._new_id()}", name=said)

    def _step(self, letter: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._in_text:
            self._escaped = letter == "\\"
            self._in_text = letter != '"'
        elif letter == '"':
            self._in_text = True
        else:
            self._depth += (letter in "[{") - (letter in "]}")


_CALL = 2
"""How deep the members of a call are: in a list, in an object."""
_NAME = re.compile(r'"name"\s*:\s*("(?:[^"\\]|\\.)*")')
