"""Validation of what the form of an answer and the tools of a request may be; the rest is in ``limits``."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tlfif.jobs.limits import FUNCTION_NAME
from tlfif.jobs.request import NAMED_TOOL, AnswerForm, GenerationRequest, Task, ToolUse
from tlfif.kernel.errors import InvalidInputError

MAX_TOOLS = 128
MAX_TOOLS_BYTES = 512 * 1024
MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 32
MAX_REPEATED = 2000
"""What a grammar can count to: llama.cpp refuses more."""
MAX_PATTERN_LETTERS = 512
MAX_CHOICES = 1000
"""In one enum: each is a state of the grammar while the answer may still become any of them."""
_OPTIONAL_RUN = re.compile(r"(?:(?:\[(?:\\.|[^\]])*\]|\\.|[^\\\[\]{}*?+|^$])(?:[*?]|\{0?,\d*\})\??){11,}")
"""More parts in a row that may be nothing than llama.cpp has time for: each doubles the ways to read on."""
_COUNTED = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_KINDS = ("null", "boolean", "object", "array", "number", "integer", "string")
_AT_LEAST = ("minLength", "minItems", "minProperties")
CHOICES = ("auto", "none", "required")


def check_form(form: AnswerForm) -> AnswerForm:
    """``form``, if a grammar can be made of its schema. Raises InvalidInputError ``schema_invalid``,
    ``schema_too_large``."""
    if form.schema is not None:
        _check_schema(form.schema, what="The schema of the answer")
    return form


def check_tools(tools: ToolUse) -> ToolUse:
    """``tools``, if a model can be told of them.

    Raises InvalidInputError: ``tools_invalid`` (none, too many, a name), ``tools_too_large``, ``tool_choice_unknown``,
    ``schema_invalid``, ``schema_too_large``."""
    names = {tool.name for tool in tools.offered}
    bad = next((tool.name for tool in tools.offered if not FUNCTION_NAME.fullmatch(tool.name)), None)
    if not 1 <= len(tools.offered) <= MAX_TOOLS:
        raise InvalidInputError(f"A request may have 1 to {MAX_TOOLS} tools.", code="tools_invalid")
    if bad is not None or len(names) < len(tools.offered):
        raise InvalidInputError(
            "Each tool needs a name of its own, of 1 to 128 letters, digits and _ . : / -", code="tools_invalid"
        )
    if sum(len((tool.description + tool.parameters).encode(errors="replace")) for tool in tools.offered) > (
        MAX_TOOLS_BYTES
    ):
        raise InvalidInputError(
            f"The tools are longer than {MAX_TOOLS_BYTES // 1024} KiB. Offer fewer.", code="tools_too_large"
        )
    if tools.choice not in CHOICES and tools.choice.removeprefix(NAMED_TOOL) not in names:
        raise InvalidInputError(
            "tool_choice must be auto, none, required, or the name of one of the tools.", code="tool_choice_unknown"
        )
    for tool in tools.offered:
        if not _has_whole_characters(tool.description):
            raise InvalidInputError(
                f"The description of {tool.name} has half of a character in it (a lone surrogate).",
                code="tools_invalid",
            )
        schema = _check_schema(tool.parameters, what=f"The parameters of {tool.name}")
        if schema.get("type", "object") != "object":
            raise InvalidInputError(f"The parameters of {tool.name} must be an object.", code="schema_invalid")
    return tools


def check_together(request: GenerationRequest) -> None:
    """Raise InvalidInputError ``fields_conflict`` where one thing that is asked for rules another one out."""
    problem = ""
    if request.task is not Task.CHAT and (request.form or request.tools):
        problem = "A form of the answer and tools belong to a conversation."
    elif request.task is Task.EMBEDDING and request.logprobs is not None:
        problem = "Vectors have no logprobs."
    elif request.task is Task.CHAT and request.messages[-1].role == "assistant" and request.form:
        problem = "An answer whose beginning is given cannot be held to a form as a whole: leave one of the two out."
    elif request.messages[-1].role == "assistant" and request.tools and request.tools.choice not in ("auto", "none"):
        problem = "An answer whose beginning is given cannot be a call of a tool: leave one of the two out."
    if problem:
        raise InvalidInputError(problem, code="fields_conflict")


def _check_schema(text: str, *, what: str) -> dict[str, Any]:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise InvalidInputError(f"{what} must be a JSON schema: an object.", code="schema_invalid")
    if not _has_whole_characters(json.dumps(schema, ensure_ascii=False)):
        raise InvalidInputError(f"{what} has half of a character in it (a lone surrogate).", code="schema_invalid")
    if len(text.encode(errors="replace")) > MAX_SCHEMA_BYTES:
        raise InvalidInputError(f"{what} is longer than {MAX_SCHEMA_BYTES // 1024} KiB.", code="schema_too_large")
    for depth, part in _parts(schema):
        if depth > MAX_SCHEMA_DEPTH:
            raise InvalidInputError(f"{what} is nested deeper than {MAX_SCHEMA_DEPTH}.", code="schema_too_large")
        if isinstance(part, dict):
            _check_part(part, what)
    return schema


def _has_whole_characters(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parts(value: object, depth: int = 1) -> Iterator[tuple[int, object]]:
    """Every object and list in a schema, with its depth; beyond the greatest depth only the first."""
    yield depth, value
    if depth <= MAX_SCHEMA_DEPTH:
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            if isinstance(one, dict | list):
                yield from _parts(one, depth + 1)


def _check_part(part: dict[str, Any], what: str) -> None:
    pattern = part.get("pattern")
    counts = [part[name] for name in _AT_LEAST if isinstance(part.get(name), int)]
    if isinstance(pattern, str):
        counts += [int(number) for found in _COUNTED.findall(pattern) for number in found if number]
        if len(pattern) > MAX_PATTERN_LETTERS:
            raise InvalidInputError(
                f"{what} has a pattern of more than {MAX_PATTERN_LETTERS} letters.", code="schema_too_large"
            )
        if _explodes(pattern):
            raise InvalidInputError(
                f"{what} has a pattern that repeats what may be nothing, such as (a?){{9}}: there are too many ways to "
                "read it.",
                code="schema_too_large",
            )
    if max(counts, default=0) > MAX_REPEATED:
        raise InvalidInputError(
            f"{what} asks for more than {MAX_REPEATED} repetitions, which no answer can have.", code="schema_too_large"
        )
    ref = part.get("$ref")
    if isinstance(ref, str) and not ref.startswith("#"):
        raise InvalidInputError(f"{what} refers to another document ($ref); only # is followed.", code="schema_invalid")
    kinds = [set(_kinds(one)) for one in part["allOf"]] if isinstance(part.get("allOf"), list) else []
    if len(kinds) > 1 and not set.intersection(*kinds):
        raise InvalidInputError(f"{what} wants a value to be of two kinds (allOf): none is.", code="schema_invalid")
    if isinstance(part.get("enum"), list) and len(part["enum"]) > MAX_CHOICES:
        raise InvalidInputError(f"{what} has an enum of more than {MAX_CHOICES} values.", code="schema_too_large")
    if part.get("enum") == []:
        raise InvalidInputError(f"{what} has an enum without a value: nothing can meet it.", code="schema_invalid")


def _kinds(schema: object) -> Sequence[str]:
    found = schema.get("type", _KINDS) if isinstance(schema, dict) else _KINDS
    named = [found] if isinstance(found, str) else found if isinstance(found, list) else _KINDS
    return [*named, "integer"] if "number" in named else named


def _explodes(pattern: str) -> bool:
    """Whether a group that may match nothing is repeated a counted number of times, or many that may follow each other.
    Each way to share a text out among
    the repetitions is a state of the grammar then: thousands after some letters, and llama.cpp stands still."""
    if _OPTIONAL_RUN.search(re.sub(r"\((?:\?[:=!])?|\)", "", pattern)):
        return True
    begins: list[int] = []
    for at, letter in enumerate(pattern):
        if letter == "(":
            begins.append(at)
        elif letter == ")" and begins:
            group = pattern[begins.pop() : at + 1]
            if _COUNTED.match(pattern, at + 1) and _may_be_nothing(group):
                return True
    return False


def _may_be_nothing(group: str) -> bool:
    try:
        return re.fullmatch(group, "") is not None
    except (re.error, OverflowError, RecursionError):
        return False  # no pattern for Python; the engine decides
