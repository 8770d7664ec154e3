"""What happened to a job, as a log with sequence numbers that readers follow with a cursor."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tlfif.jobs.request import ToolCall


class EventKind(StrEnum):
    """Kinds of event. The last four end the log."""

    QUEUED = "queued"
    """Accepted. Always seq 1."""
    STARTED = "started"
    """A worker claimed the job; data: ``attempt``."""
    DELTA = "delta"
    """More of the answer; data: ``text``, and only where there is some:

    * ``reasoning``: what a thinking model wrote before it;
    * ``tool_calls``: pieces of calls, each with ``index`` and ``arguments`` (more of the JSON text); the first piece of
      a call also has ``id`` and ``name``;
    * ``logprobs``: one entry a token, as OpenAI's ``logprobs.content`` has them;
    * ``embeddings``: whole vectors, each with ``index`` (of the message) and ``values``."""
    RESTARTED = "restarted"
    """The attempt was lost and the answer starts over: drop all text read so far. Data: ``reason``, ``attempt``
    (the attempt that was lost)."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether no event can follow."""
        return self in TERMINAL_KINDS


TERMINAL_KINDS = frozenset({EventKind.SUCCEEDED, EventKind.FAILED, EventKind.CANCELLED, EventKind.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact in a job's log. ``seq`` starts at 1 and has no gaps; ``at`` is epoch seconds."""

    seq: int
    kind: EventKind
    at: float
    data: dict[str, object] = field(default_factory=dict)


def answer_text(events: list[Event], *, part: str = "text") -> str:
    """The answer as a reader of these events must show it: deltas since the last restart. ``part`` ``reasoning``: what
    a thinking model wrote before it."""
    parts: list[str] = []
    for event in events:
        if event.kind is EventKind.DELTA:
            parts.append(str(event.data.get(part, "")))
        elif event.kind is EventKind.RESTARTED:
            parts.clear()
    return "".join(parts)


def answer_calls(events: list[Event]) -> tuple[ToolCall, ...]:
    """The calls of tools that the model asks for, put together from their pieces."""
    calls: dict[int, ToolCall] = {}
    for event in events:
        if event.kind is EventKind.RESTARTED:
            calls.clear()
        pieces: Any = event.data.get("tool_calls", ()) if event.kind is EventKind.DELTA else ()
        for piece in pieces:
            known = calls.get(
                piece["index"], ToolCall(id=piece.get("id", ""), name=piece.get("name", ""), arguments="")
            )
            calls[piece["index"]] = replace(known, arguments=known.arguments + piece["arguments"])
    return tuple(calls[index] for index in sorted(calls))
