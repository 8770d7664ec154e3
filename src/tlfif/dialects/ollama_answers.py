"""A job's answer in Ollama's words: whole, and as the lines of a stream; and what it says of models."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tlfif.dialects.answer import Answer, End, arguments_of
from tlfif.dialects.extension import extension
from tlfif.dialects.ollama import LATEST
from tlfif.jobs.pieces import Piece
from tlfif.jobs.request import ToolCall
from tlfif.models.model_store import ModelInfo, ModelState

Shape = dict[str, Any]
"""An object of Ollama's, as it is written to JSON."""

API_VERSION = "0.13.0"
"""The version of Ollama whose requests are understood: programs ask for it before they use what is new in one."""
NEVER = "0001-01-01T00:00:00Z"
"""Ollama's own way to say that a moment is not known."""


@dataclass(slots=True, kw_only=True)
class Lines:
    """One answer while it grows; each line is an object of its own. ``model`` is as the client named it; ``chats``:
    the answer is a message (``/api/chat``), else a text (``/api/generate``). Times are epoch seconds."""

    model: str
    chats: bool
    shows_thinking: bool = False
    _answer: Answer = field(default_factory=Answer)
    _sent_calls: int = 0

    def add(self, piece: Piece, *, at: float) -> list[Shape]:
        """More of the answer. A call comes whole, as soon as the next one begins."""
        self._answer.add(piece)
        calls = self._answer.tool_calls[self._sent_calls : -1]
        self._sent_calls += len(calls)
        thinking = piece.reasoning if self.shows_thinking else ""
        if not piece.text and not thinking and not calls:
            return []
        return [self._line(at, piece.text, thinking, calls, logprobs=piece.logprobs)]

    def alive(self, *, at: float) -> Shape:
        """A line without anything new, which shows that the connection is."""
        return self._line(at, "", "", ())

    def end(self, end: End, *, at: float) -> list[Shape]:
        """The rest, and what the answer took."""
        calls = self._answer.tool_calls[self._sent_calls :]
        rest = [self._line(at, "", "", calls)] if calls else []
        return [*rest, {**self._line(at, "", "", ()), **_ending(end)}]

    def whole(self, answer: Answer, end: End, *, at: float) -> Shape:
        """A whole answer in one object."""
        thinking = answer.reasoning if self.shows_thinking else ""
        whole = self._line(at, answer.text, thinking, answer.tool_calls, logprobs=tuple(answer.logprobs))
        return {**whole, **_ending(end)}

    def loaded(self, *, at: float) -> Shape:
        """The answer to a request that only wants the model to be ready."""
        return {**self._line(at, "", "", ()), "done": True, "done_reason": "load"}

    def _line(
        self, at: float, text: str, thinking: str, calls: Sequence[ToolCall], *, logprobs: tuple[Any, ...] = ()
    ) -> Shape:
        line: Shape = {"model": self.model, "created_at": moment(at), "done": False}
        if self.chats:
            message: Shape = {"role": "assistant", "content": text}
            if thinking:
                message["thinking"] = thinking
            if calls:
                message["tool_calls"] = [_call(call) for call in calls]
            line["message"] = message
        else:
            line["response"] = text
            if thinking:
                line["thinking"] = thinking
        if logprobs:
            line["logprobs"] = list(logprobs)
        return line


def _call(call: ToolCall) -> Shape:
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments_of(call)}}


def _ending(end: End) -> Shape:
    """Nanoseconds, from the receipt's seconds: to the machine, to the first token, and from there to the last."""
    total, first, waited = (
        end.receipt.get(name) or 0.0 for name in ("total_seconds", "first_token_seconds", "queue_seconds")
    )
    first = max(first, waited)
    return {
        "done": True,
        "done_reason": "length" if end.finish_reason == "length" else "stop",
        "total_duration": _nanoseconds(total),
        "load_duration": _nanoseconds(waited),
        "prompt_eval_count": end.prompt_tokens,
        "prompt_eval_duration": _nanoseconds(first - waited),
        "eval_count": end.completion_tokens,
        "eval_duration": _nanoseconds(max(0.0, total - first)),
        **extension([end]),
    }


def embedded(model: str, answer: Answer, end: End) -> Shape:
    """The vectors of ``/api/embed``."""
    vectors = [answer.embeddings[index] for index in sorted(answer.embeddings)]
    return {"model": model, "embeddings": vectors, "prompt_eval_count": end.prompt_tokens, **extension([end])}


def moment(at: float) -> str:
    """Epoch seconds as Ollama writes a time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def tags(models: Sequence[ModelInfo]) -> Shape:
    """``/api/tags``: the models that can answer."""
    return {"models": [_tag(info) for info in models if info.state is ModelState.READY]}


def running(name: str | None, models: Sequence[ModelInfo]) -> Shape:
    """``/api/ps``: the model that the machine holds, None where no machine is up."""
    found = [
        {**_tag(info), "expires_at": NEVER, "size_vram": 0, "context_length": info.context_tokens}
        for info in models
        if info.name == name
    ]
    return {"models": found}


def shown(info: ModelInfo) -> Shape:
    """``/api/show``. The architecture is the file's own affair and not looked up."""
    return {
        "modelfile": f"# {info.title}, {info.source}\nFROM {info.name}\n",
        "parameters": f"num_ctx {info.context_tokens}",
        "template": "",
        "license": info.licence,
        "modified_at": NEVER,
        "details": _details(),
        "model_info": {
            "general.architecture": "unknown",
            "general.basename": info.title,
            "unknown.context_length": info.context_tokens,
        },
        "capabilities": ["completion", "tools"],
    }


def _tag(info: ModelInfo) -> Shape:
    name = info.name if ":" in info.name else info.name + LATEST
    return {
        "name": name,
        "model": name,
        "modified_at": NEVER,
        "size": info.size_bytes or 0,
        "digest": info.sha256 or "",
        "details": _details(),
    }


def _details() -> Shape:
    names = ("parent_model", "format", "family", "parameter_size", "quantization_level")
    return {**dict.fromkeys(names, ""), "families": []}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
