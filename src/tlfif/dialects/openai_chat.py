"""``POST /v1/chat/completions``: OpenAI's request as a submission, and an answer in its shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tlfif.control.answers import AskedJob
from tlfif.control.submit_job import Submission
from tlfif.dialects import frames
from tlfif.dialects.answer import Answer, End, Meanwhile
from tlfif.dialects.extension import NAME, extension
from tlfif.dialects.fields import Fields, Wishing
from tlfif.dialects.openai_messages import MessageFields, conversation
from tlfif.dialects.openai_sampling import SamplingFields
from tlfif.dialects.openai_tools import answer_form, functions_as_tools, tool_use
from tlfif.dialects.refusal import not_supported, wrong_value
from tlfif.jobs.limits import check_max_tokens
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.kernel.errors import InvalidInputError

MOST_CHOICES = 8
"""``n``: each choice is a job."""
MOST_LOGPROBS = 20
NOTHING: Mapping[str, Any] = {}


class StreamOptions(Fields):
    """``include_usage`` adds a last piece with the token counts."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class OpenAIRequest(SamplingFields):
    """What chat and completions have in common."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    user: str | None = None

    @property
    def choices(self) -> int:
        """How many answers. Raises InvalidInputError ``n_out_of_range``."""
        if self.n is not None and not 1 <= self.n <= MOST_CHOICES:
            raise InvalidInputError(f"n must be a whole number from 1 to {MOST_CHOICES}.", code="n_out_of_range")
        return self.n or 1

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the token counts."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)


class ChatRequest(OpenAIRequest, Wishing):
    """OpenAI's request. ``docs/reference/clients.md`` says what each field does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 64}]
        }
    )

    messages: Annotated[list[MessageFields], Field(fail_fast=True)]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: Any = None
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    functions: Any = None
    function_call: Any = None
    audio: Any = None
    modalities: Any = None
    web_search_options: Any = None
    # Without effect: hints, notes and what other hosts charge or keep by.
    metadata: Any = None
    moderation: Any = None
    prediction: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    reasoning_effort: Any = None
    safety_identifier: Any = None
    service_tier: Any = None
    store: Any = None
    verbosity: Any = None

    @property
    def is_legacy(self) -> bool:
        """Whether tools are offered, and calls expected, in the words that ``tools`` replaced."""
        return bool(self.functions) and not self.tools


def chat_submission(body: ChatRequest) -> Submission:
    """What the request asks for. Raises InvalidInputError."""
    for name in ("audio", "web_search_options"):
        if getattr(body, name) is not None:
            raise not_supported(name, "the model reads and writes text, and searches nothing.")
    if body.modalities is not None and body.modalities != ["text"]:
        raise not_supported("modalities", "the model writes text only.")
    tools, choice = (
        functions_as_tools(body.functions, body.function_call) if body.is_legacy else (body.tools, body.tool_choice)
    )
    older, newer = (most_tokens(getattr(body, name), name) for name in ("max_tokens", "max_completion_tokens"))
    return Submission(
        messages=conversation(body.messages),
        model=body.model,
        max_tokens=newer or older,
        sampling=body.sampling(),
        form=answer_form(body.response_format),
        tools=tool_use(tools, choice, False if body.is_legacy else body.parallel_tool_calls),
        logprobs=_logprobs(body.logprobs, body.top_logprobs),
        fits_max_tokens=True,
        bridge=body.wants_bridge,
    )


def most_tokens(value: int | None, name: str) -> int | None:
    """``value`` if it is 1 or more; it may be cut later. -1 is no wish, as LM Studio and llama.cpp have it. Raises
    InvalidInputError ``max_tokens_out_of_range``."""
    if value is None or value == -1:
        return None
    return value if value > 0 else check_max_tokens(value, name=name)


def _logprobs(wanted: bool | None, others: int | None) -> int | None:
    if others is not None and not 0 <= others <= MOST_LOGPROBS:
        raise wrong_value("top_logprobs", f"must be a whole number from 0 to {MOST_LOGPROBS}")
    if others and not wanted:
        raise wrong_value("top_logprobs", "needs logprobs to be true")
    return (others or 0) if wanted else None


def usage_of(ends: Sequence[End]) -> dict[str, int]:
    """Tokens of all choices; they have one prompt."""
    prompt = max(end.prompt_tokens for end in ends)
    completion = sum(end.completion_tokens for end in ends)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswers:
    """The answers to one request. ``created``: epoch seconds, as clocks show them."""

    job: AskedJob
    is_legacy: bool = False
    wants_usage: bool = False
    logprobs: bool = False

    def whole(self, answers: Sequence[tuple[Answer, End]]) -> dict[str, Any]:
        """All of it, with a choice for each answer."""
        choices = [
            {
                "index": at,
                "message": self._message(answer),
                "logprobs": {"content": answer.logprobs, "refusal": None} if self.logprobs else None,
                "finish_reason": self._reason(end),
            }
            for at, (answer, end) in enumerate(answers)
        ]
        ends = [end for _, end in answers]
        return {**self._head("chat.completion"), "choices": choices, "usage": usage_of(ends), **extension(ends)}

    def first(self, index: int) -> bytes:
        """The piece that begins a choice."""
        return self._chunk(index, {"role": "assistant", "content": ""})

    def piece(self, index: int, piece: Piece) -> bytes:
        """More of a choice."""
        delta: dict[str, Any] = {}
        if piece.reasoning:
            delta["reasoning_content"] = piece.reasoning
        if piece.text:
            delta["content"] = piece.text
        if piece.tool_calls and self.is_legacy:
            call = piece.tool_calls[0]
            named = {"name": call.name} if call.name else {}
            delta["function_call"] = {**named, "arguments": call.arguments}
        elif piece.tool_calls:
            delta["tool_calls"] = [_call_piece(call) for call in piece.tool_calls]
        logprobs = {"content": list(piece.logprobs), "refusal": None} if piece.logprobs else None
        return self._chunk(index, delta, logprobs=logprobs) if delta or logprobs else b""

    def meanwhile(self, index: int, update: Meanwhile) -> bytes:
        """A piece without words, beside which this computer's stand."""
        return self._chunk(index, {}, more={NAME: update.as_json()})

    def end(self, index: int, end: End) -> bytes:
        """The piece that ends a choice."""
        return self._chunk(index, {}, reason=self._reason(end), more=extension([end]))

    def last(self, ends: Sequence[End]) -> bytes:
        """What ends the stream."""
        usage = {**self._head("chat.completion.chunk"), "choices": [], "usage": usage_of(ends)}
        return (frames.data(usage) if self.wants_usage else b"") + frames.DONE

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.job.state.id,
            "object": kind,
            "created": int(self.job.state.created_at),
            "model": self.job.model,
        }

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        *,
        reason: str | None = None,
        logprobs: dict[str, Any] | None = None,
        more: Mapping[str, Any] = NOTHING,
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        usage = {"usage": None} if self.wants_usage else {}
        return frames.data({**self._head("chat.completion.chunk"), "choices": [choice], **usage, **more})

    def _reason(self, end: End) -> str:
        return "function_call" if self.is_legacy and end.finish_reason == "tool_calls" else end.finish_reason

    def _message(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
        if answer.reasoning:
            message["reasoning_content"] = answer.reasoning
        if answer.tool_calls:
            calls = [{"name": call.name, "arguments": call.arguments} for call in answer.tool_calls]
            message["content"] = answer.text or None
            if self.is_legacy:
                message["function_call"] = calls[0]
            else:
                ids = [call.id for call in answer.tool_calls]
                message["tool_calls"] = [
                    {"id": name, "type": "function", "function": call} for name, call in zip(ids, calls, strict=True)
                ]
        return message


def _call_piece(call: CallPiece) -> dict[str, Any]:
    head = {"id": call.id, "type": "function"} if call.id or call.name else {}
    named = {"name": call.name} if call.name else {}
    return {"index": call.index, **head, "function": {**named, "arguments": call.arguments}}
