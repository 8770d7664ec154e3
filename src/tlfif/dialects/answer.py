"""A job's events as the pieces of an answer that every dialect sends on, and as one whole answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tlfif.control.answers import Bill
from tlfif.control.bridging import BridgeBegun, BridgeExtended, BridgeOver, BridgeUpdate
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.pieces import CallPiece, Piece, Vector
from tlfif.jobs.request import ToolCall
from tlfif.kernel.errors import AnswerError, InvalidInputError, PromptTooLongError, TlfifError


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nothing new; the connection should show that it is alive. ``progress``: what the job waits for, in words; empty
    where that is not known."""

    progress: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The answer is whole. ``finish_reason``: a value of ``jobs.jobs.FinishReason``. Tokens as the engine counted
    them. ``receipt`` is the job's, as its last event has it. ``bill``: where it was answered and what that cost, where
    somebody has asked."""

    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    receipt: Mapping[str, Any] = field(default_factory=dict)
    bill: Bill | None = None
    bridge: "AnswerHere | None" = None

    @property
    def total_tokens(self) -> int:
        """Of prompt and answer together."""
        return self.prompt_tokens + self.completion_tokens


HERE = "this computer"
CANCELLED = "job_cancelled"
FINISHED = frozenset({FinishReason.STOP.value, FinishReason.LENGTH.value, FinishReason.TOOL_CALLS.value})
"""Reasons of an answer that is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanwhile:
    """More of what this computer answers while a machine on AWS starts."""

    update: BridgeUpdate

    def as_json(self) -> dict[str, Any]:
        """As it stands in a stream's extension."""
        match self.update:
            case BridgeBegun(model=model):
                return {"bridge": {"model": model, "text": ""}}
            case BridgeExtended(text=text):
                return {"bridge": {"text": text}}
            case BridgeOver(why=why):
                return {"bridge": {"ended": True, "why": why or None}}


@dataclass(slots=True, kw_only=True)
class AnswerHere:
    """What this computer has answered meanwhile. ``failure``: why AWS's answer did not come; this one stays then."""

    place: str = HERE
    model: str | None = None
    text: str = ""
    receipt: Mapping[str, Any] | None = None
    why: str = ""
    failure: TlfifError | None = None

    def take(self, update: BridgeUpdate) -> None:
        """More of it."""
        match update:
            case BridgeBegun(model=model):
                self.model, self.text = model, ""
            case BridgeExtended(text=text):
                self.text += text
            case BridgeOver(receipt=receipt, why=why):
                self.receipt, self.why = receipt, why

    def instead_of(self, error: TlfifError) -> End | None:
        """The end of this answer, where it is whole and AWS's failed; None where there is nothing to leave."""
        if self.receipt is None or not self.text or error.code == CANCELLED:
            return None
        self.failure = error
        return replace(_end(self.receipt), bridge=self)


Update = Piece | Waiting | Meanwhile | End


@dataclass(slots=True, kw_only=True)
class Answer:
    """An answer as it grows: :meth:`add` each piece, :meth:`forget` all of them where it starts over."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[Mapping[str, Any]] = field(default_factory=list)
    embeddings: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def add(self, piece: Piece) -> None:
        """Append a piece."""
        self.text += piece.text
        self.reasoning += piece.reasoning
        self.logprobs += piece.logprobs
        self.embeddings.update({vector.index: vector.values for vector in piece.embeddings})
        for call in piece.tool_calls:
            while call.index >= len(self.tool_calls):
                self.tool_calls.append(ToolCall(id="", name="", arguments=""))
            known = self.tool_calls[call.index]
            self.tool_calls[call.index] = ToolCall(
                id=known.id or call.id, name=known.name or call.name, arguments=known.arguments + call.arguments
            )

    def as_piece(self) -> Piece:
        """All of it at once."""
        calls = [
            CallPiece(index=at, id=call.id, name=call.name, arguments=call.arguments)
            for at, call in enumerate(self.tool_calls)
        ]
        return Piece(text=self.text, reasoning=self.reasoning, tool_calls=tuple(calls), logprobs=tuple(self.logprobs))

    def forget(self) -> None:
        """Drop all of it."""
        self.text = self.reasoning = ""
        for part in (self.tool_calls, self.logprobs, self.embeddings):
            part.clear()


def piece_of(event: Event) -> Piece:
    """What an event of the kind ``delta`` adds."""
    data: dict[str, Any] = event.data
    return Piece(
        text=data.get("text", ""),
        reasoning=data.get("reasoning", ""),
        tool_calls=_call_pieces(data.get("tool_calls", ())),
        logprobs=tuple(data.get("logprobs", ())),
        embeddings=tuple(
            Vector(index=vector["index"], values=tuple(vector["values"])) for vector in data.get("embeddings", ())
        ),
    )


def _call_pieces(found: Sequence[dict[str, Any]]) -> tuple[CallPiece, ...]:
    """One piece a call: an event may have several of the same one."""
    calls: dict[int, CallPiece] = {}
    for more in found:
        known = calls.get(more["index"], CallPiece(index=more["index"]))
        calls[more["index"]] = CallPiece(
            index=known.index,
            id=known.id or more.get("id", ""),
            name=known.name or more.get("name", ""),
            arguments=known.arguments + more.get("arguments", ""),
        )
    return tuple(calls.values())


def end_of(event: Event) -> End:
    """What the last event says. An answer without a word is one, too: a text in ``stop`` came first, or all tokens went
    into thinking. Raises AnswerError or InvalidInputError where the job brought no answer."""
    if event.kind is not EventKind.SUCCEEDED and event.data.get("error_code") != "answer_empty":
        raise _fault_of(event)
    receipt: dict[str, Any] = event.data.get("receipt") or {}  # type: ignore[assignment]  # a receipt's plain values
    return _end(receipt)


def _end(receipt: Mapping[str, Any]) -> End:
    reason = receipt.get("finish_reason")
    return End(
        finish_reason=reason if reason in FINISHED else FinishReason.STOP.value,
        prompt_tokens=receipt.get("prompt_tokens") or 0,
        completion_tokens=receipt.get("completion_tokens") or 0,
        receipt=receipt,
    )


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """A call's arguments, for dialects that have them as an object. A model that writes none, or no JSON, has called
    without any."""
    try:
        found = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def answer_of(events: Iterable[Event]) -> Answer:
    """The answer that these events make."""
    found = Answer()
    for event in events:
        if event.kind is EventKind.DELTA:
            found.add(piece_of(event))
        elif event.kind is EventKind.RESTARTED:
            found.forget()
    return found


def _fault_of(event: Event) -> TlfifError:
    code = str(event.data.get("error_code") or f"job_{event.kind}")
    message = str(event.data.get("error_message") or f"The job ended as {event.kind}.")
    if code == PromptTooLongError.code:
        return PromptTooLongError(message)
    if code in ("engine_rejected", "embeddings_not_supported"):
        return InvalidInputError(message, code=code)
    return AnswerError(message, code=code)
