"""OpenAI's ``POST /v1/responses`` as a submission."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer
from tlfif.dialects.fields import Fields, WithoutEffect
from tlfif.dialects.openai_messages import text_of, without_empty
from tlfif.dialects.refusal import missing, not_supported, wrong_value
from tlfif.jobs.limits import check_max_tokens
from tlfif.jobs.request import (
    NAMED_TOOL,
    AnswerForm,
    GenerationRequest,
    Message,
    Sampling,
    Tool,
    ToolCall,
    ToolUse,
)
from tlfif.kernel.errors import InvalidInputError

ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
PASSED_OVER = frozenset({"reasoning"})
"""What a model thought is no part of what the next one reads."""
_ITEM_ID = re.compile(r"(msg|fc|rs)_(job_[0-9A-Za-z]+)(?:-[0-9]+)?(?:_([0-9]{1,4}))?")

MAX_EARLIER = 16
"""Responses that one request may build on."""
MAX_METADATA = 16
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 512


class ResponseItem(Fields):
    """One item of the input."""

    type: str | None = None
    id: str | None = None
    role: str | None = None
    content: Any = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: Any = None
    # Without effect: what an answer has beside its text when it is sent back.
    encrypted_content: WithoutEffect = None
    phase: WithoutEffect = None
    status: WithoutEffect = None
    summary: WithoutEffect = None


class ResponseTextFormat(Fields):
    """What form the answer must have."""

    type: str = "text"
    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class ResponseTextSettings(Fields):
    """The settings of the answer's text."""

    format: ResponseTextFormat | None = None
    verbosity: WithoutEffect = None


class ResponseTool(Fields):
    """A tool on offer."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseToolChoice(Fields):
    """A choice that is more than a word."""

    type: str
    name: str | None = None
    mode: str | None = None
    tools: list[ResponseTool] | None = None


class ResponsesRequest(Fields):
    """OpenAI's request to make a response. ``docs/reference/clients.md`` says what each field does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"input": "Hello", "max_output_tokens": 64}, {"input": "Hello", "background": True}]
        }
    )

    input: list[ResponseItem] | str | None = None
    instructions: str | None = None
    model: str | None = None
    previous_response_id: str | None = None
    background: bool | None = None
    stream: bool | None = None
    metadata: dict[str, str] | None = None
    text: ResponseTextSettings | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: ResponseToolChoice | str | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    max_output_tokens: int | None = None
    truncation: str | None = None
    include: list[str] | None = None
    user: str | None = None
    conversation: Any = None
    prompt: Any = None
    # Without effect: hints, notes and what other hosts charge or keep by.
    access_programs: WithoutEffect = None
    background_options: WithoutEffect = None
    context_management: WithoutEffect = None
    image: WithoutEffect = None
    max_tool_calls: WithoutEffect = None
    moderation: WithoutEffect = None
    prompt_cache_key: WithoutEffect = None
    prompt_cache_options: WithoutEffect = None
    prompt_cache_retention: WithoutEffect = None
    reasoning: WithoutEffect = None
    safety_identifier: WithoutEffect = None
    service_tier: WithoutEffect = None
    store: WithoutEffect = None
    stream_options: WithoutEffect = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A response that was made before: what it was asked, and what it answered. ``ended``: it is whole."""

    request: GenerationRequest
    answer: Answer
    ended: bool


def jobs_needed(body: ResponsesRequest) -> list[str]:
    """The jobs whose conversations or items ``body`` builds on; nothing is known yet of whether they exist.

    Raises InvalidInputError.
    """
    found = [] if body.previous_response_id is None else [body.previous_response_id]
    for item in body.input if isinstance(body.input, list) else []:
        named = _ITEM_ID.fullmatch(item.id or "") if item.type == "item_reference" else None
        if named is not None:
            found.append(named[2])
    needed = list(dict.fromkeys(found))
    if len(needed) > MAX_EARLIER:
        raise not_supported("input", f"it names items of more than {MAX_EARLIER} responses. Send them themselves.")
    return needed


def asked(body: ResponsesRequest, earlier: Mapping[str, Earlier]) -> Submission:
    """What ``body`` asks for. ``earlier`` has the jobs of :func:`jobs_needed`.

    Raises InvalidInputError: ``unsupported_value``, ``unknown_value``, ``missing_field``, ``metadata_invalid``.
    """
    for name, value in (("conversation", body.conversation), ("prompt", body.prompt)):
        if value is not None:
            raise not_supported(name, "it is kept at OpenAI and does not exist here. Send the input itself.")
    if body.max_output_tokens is not None and body.max_output_tokens < 1:
        check_max_tokens(body.max_output_tokens, name="max_output_tokens")
    if body.truncation not in {None, "auto", "disabled"}:
        raise wrong_value("truncation", "must be auto or disabled")
    logprobs = body.top_logprobs
    if logprobs is None and "message.output_text.logprobs" in (body.include or ()):
        logprobs = 0
    return Submission(
        messages=without_empty(_messages(body, earlier)),
        model=body.model,
        max_tokens=body.max_output_tokens,
        fits_max_tokens=True,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        form=_form(body.text),
        tools=_tools(body),
        logprobs=logprobs,
        notes=_notes(body),
    )


def as_read_again(request: GenerationRequest) -> Submission:
    """What tells a reader's :class:`~tlfif.dialects.starting_over.Steady` how a new attempt follows a lost one; from
    what is stored, so that each reader sees the same. Whatever form the answer has, the whole response has it alone."""
    return Submission(messages=[], sampling=request.sampling)


def conversation(request: GenerationRequest) -> tuple[Message, ...]:
    """The messages of a request without its instructions, which hold for one response only."""
    return request.messages[1:] if notes_of(request).get("instructions") else request.messages


def notes_of(request: GenerationRequest) -> dict[str, Any]:
    """What :func:`asked` kept beside the request; empty for a job that no request for a response made."""
    try:
        found = json.loads(request.notes or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _notes(body: ResponsesRequest) -> str:
    """What the response shows again when it is read, and no model needs to know."""
    _check_metadata(body.metadata or {})
    kept = {
        "background": body.background,
        "format": None if body.text is None or body.text.format is None else body.text.format.name,
        "instructions": bool((body.instructions or "").strip()),
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata,
        "previous_response_id": body.previous_response_id,
        "truncation": body.truncation,
        "user": body.user,
    }
    return json.dumps({name: value for name, value in kept.items() if value is not None and value is not False})


def _check_metadata(given: Mapping[str, str]) -> None:
    if len(given) > MAX_METADATA or any(
        len(key) > MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE for key, value in given.items()
    ):
        raise InvalidInputError(
            f"metadata may have {MAX_METADATA} entries, with names of {MAX_METADATA_KEY} characters and values of "
            f"{MAX_METADATA_VALUE}.",
            code="metadata_invalid",
            details={"param": "metadata"},
        )


def _messages(body: ResponsesRequest, earlier: Mapping[str, Earlier]) -> list[Message]:
    found: list[Message] = []
    if body.instructions is not None:
        found.append(Message(role="system", content=body.instructions))
    if body.previous_response_id is not None:
        before = earlier[body.previous_response_id]
        if not before.ended:
            raise not_supported("previous_response_id", "that response is still being made. Wait for its end.")
        found += conversation(before.request)
        found += _said(before.answer)
    if body.input is None:
        raise missing("input")
    if isinstance(body.input, str):
        return [*found, Message(role="user", content=body.input)]
    for index, item in enumerate(body.input):
        _append(found, _item_messages(item, f"input[{index}]", earlier))
    return found


def _append(found: list[Message], more: list[Message]) -> None:
    """A call belongs to the turn in which the model said something before it, or made another call."""
    for message in more:
        last = found[-1] if found else None
        if message.tool_calls and not message.content and last is not None and last.role == "assistant":
            found[-1] = replace(last, tool_calls=last.tool_calls + message.tool_calls)
        else:
            found.append(message)


def _said(answer: Answer) -> list[Message]:
    if not answer.text and not answer.tool_calls:
        return []
    return [Message(role="assistant", content=answer.text, tool_calls=tuple(answer.tool_calls))]


def _item_messages(item: ResponseItem, param: str, earlier: Mapping[str, Earlier]) -> list[Message]:
    if item.type in PASSED_OVER:
        return []
    if item.type == "function_call":
        call = ToolCall(
            id=_needed(item.call_id, f"{param}.call_id"),
            name=_needed(item.name, f"{param}.name"),
            arguments=item.arguments or "{}",
        )
        return [Message(role="assistant", content="", tool_calls=(call,))]
    if item.type == "function_call_output":
        text = text_of(item.output, f"{param}.output")
        return [Message(role="tool", content=text, tool_call_id=_needed(item.call_id, f"{param}.call_id"))]
    if item.type == "item_reference":
        return _referenced(item, param, earlier)
    if item.type not in {None, "message"}:
        raise not_supported(
            param, f"“{item.type[:40]}” is not read here; message, function_call and function_call_output are."
        )
    role = ROLES.get(item.role or "")
    if role is None:
        raise wrong_value(f"{param}.role", "must be one of " + ", ".join(ROLES))
    return [Message(role=role, content=text_of(item.content, f"{param}.content"))]


def _referenced(item: ResponseItem, param: str, earlier: Mapping[str, Earlier]) -> list[Message]:
    named = _ITEM_ID.fullmatch(item.id or "")
    known = earlier.get(named[2]) if named is not None else None
    if named is None or known is None:
        raise not_supported(f"{param}.id", "it names no item of a response that is kept here.")
    if named[1] == "msg":
        return [Message(role="assistant", content=known.answer.text)]
    at = int(named[3] or 0)
    calls = known.answer.tool_calls[at : at + 1] if named[1] == "fc" else []
    return [Message(role="assistant", content="", tool_calls=(call,)) for call in calls]


def _needed(value: str | None, param: str) -> str:
    if not value:
        raise missing(param)
    return value


def _form(text: ResponseTextSettings | None) -> AnswerForm | None:
    wanted = None if text is None else text.format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return AnswerForm()
    if wanted.type != "json_schema":
        raise wrong_value("text.format.type", "must be text, json_object or json_schema")
    if wanted.schema_ is None:
        raise missing("text.format.schema")
    return AnswerForm(schema=json.dumps(wanted.schema_))


def _tools(body: ResponsesRequest) -> ToolUse | None:
    offered = tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(body.tools or []))
    if not offered:
        if body.tool_choice in (None, "none", "auto"):
            return None
        raise wrong_value("tool_choice", "asks for a tool, and tools has none")
    parallel = body.parallel_tool_calls is not False
    choice = body.tool_choice or "auto"
    if isinstance(choice, str):
        if choice not in {"auto", "none", "required"}:
            raise wrong_value("tool_choice", "must be auto, none, required or a function by its name")
        return ToolUse(offered=offered, choice=choice, parallel=parallel)
    if choice.type == "function":
        name = _needed(choice.name, "tool_choice.name")
        return ToolUse(offered=offered, choice=NAMED_TOOL + name, parallel=parallel)
    if choice.type == "allowed_tools":
        allowed = {tool.name for tool in choice.tools or []}
        left = tuple(tool for tool in offered if tool.name in allowed)
        mode = "required" if choice.mode == "required" else "auto"
        return ToolUse(offered=left, choice=mode, parallel=parallel) if left else None
    raise not_supported("tool_choice.type", f"“{choice.type[:40]}” runs at OpenAI; only functions can be chosen here.")


def _tool(tool: ResponseTool, param: str) -> Tool:
    if tool.type != "function":
        raise not_supported(
            f"{param}.type", f"“{tool.type[:40]}” runs at OpenAI. Offer functions that your program runs."
        )
    return Tool(
        name=_needed(tool.name, f"{param}.name"),
        description=tool.description or "",
        parameters=json.dumps(tool.parameters or {}),
        strict=tool.strict is True,
    )
