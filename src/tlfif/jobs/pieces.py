"""Pieces of an answer, as an engine makes them and as events keep them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_LETTERS = 100_000
"""Of several pieces put together: a store's item takes 400 KB, and a letter at most 12 bytes as stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPiece:
    """More of the call of a tool number ``index``: of its ``arguments``, which are JSON text. The first piece of a call
    also has ``id`` and ``name``."""

    index: int
    arguments: str = ""
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """The embedding of message number ``index``."""

    index: int
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """More of an answer: first ``reasoning``, which a thinking model writes before its answer and which is no part of
    it, then ``text``, then ``tool_calls``. ``logprobs`` belong to the tokens of the text, one entry each, as OpenAI's
    ``logprobs.content`` has them."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[CallPiece, ...] = ()
    logprobs: tuple[Mapping[str, Any], ...] = ()
    embeddings: tuple[Vector, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.text or self.reasoning or self.tool_calls or self.logprobs or self.embeddings)

    @property
    def letters(self) -> int:
        """How long it is, as it is stored."""
        if self.tool_calls or self.logprobs or self.embeddings:
            return len(json.dumps(self.data()))
        return len(self.text) + len(self.reasoning)

    def data(self) -> dict[str, object]:
        """What an event keeps of it: plain values, ready for JSON."""
        data: dict[str, object] = {"text": self.text}
        if self.reasoning:
            data["reasoning"] = self.reasoning
        if self.tool_calls:
            data["tool_calls"] = [_call_data(call) for call in self.tool_calls]
        if self.logprobs:
            data["logprobs"] = [dict(one) for one in self.logprobs]
        if self.embeddings:
            data["embeddings"] = [{"index": one.index, "values": list(one.values)} for one in self.embeddings]
        return data


NOTHING = Piece()


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The same answer in as few pieces as keep its order, none much longer than :data:`MOST_LETTERS`."""
    # Nearly all are text alone, and this runs beside an engine that needs the processor.
    texts = [one.text for one in pieces if not (one.reasoning or one.tool_calls or one.logprobs or one.embeddings)]
    if texts and len(texts) == len(pieces) and len(text := "".join(texts)) <= MOST_LETTERS:
        return [Piece(text=text)]
    found: list[Piece] = []
    group: list[Piece] = []
    letters, reached = 0, 0
    for piece in pieces:
        begins, ends = _parts(piece)
        size = piece.letters
        if group and (begins < reached or letters + size > MOST_LETTERS):
            found.append(_as_one(group))
            group, letters, reached = [], 0, 0
        group.append(piece)
        letters, reached = letters + size, max(reached, ends)
    if group:
        found.append(_as_one(group))
    return found


def _parts(piece: Piece) -> tuple[int, int]:
    """Which part of an answer a piece begins and ends with: 0 reasoning, 1 text, 2 calls."""
    there = [number for number, part in enumerate((piece.reasoning, piece.text, piece.tool_calls)) if part] or [1]
    return there[0], there[-1]


def _as_one(group: Sequence[Piece]) -> Piece:
    if len(group) == 1:
        one = group[0]
        return Piece(
            text=one.text,
            reasoning=one.reasoning,
            tool_calls=one.tool_calls,
            logprobs=one.logprobs,
            embeddings=one.embeddings,
        )
    return Piece(
        text="".join([one.text for one in group]),
        reasoning="".join([one.reasoning for one in group]),
        tool_calls=_calls(call for one in group for call in one.tool_calls),
        logprobs=tuple(entry for one in group for entry in one.logprobs),
        embeddings=tuple(vector for one in group for vector in one.embeddings),
    )


def _calls(pieces: Iterable[CallPiece]) -> tuple[CallPiece, ...]:
    """Pieces of the same call that follow each other become one."""
    found: list[CallPiece] = []
    for piece in pieces:
        if found and found[-1].index == piece.index and not piece.name:
            last = found.pop()
            piece = CallPiece(index=last.index, arguments=last.arguments + piece.arguments, id=last.id, name=last.name)
        found.append(piece)
    return tuple(found)


def _call_data(call: CallPiece) -> dict[str, object]:
    first: dict[str, object] = {"id": call.id, "name": call.name} if call.name else {}
    return {"index": call.index, **first, "arguments": call.arguments}
