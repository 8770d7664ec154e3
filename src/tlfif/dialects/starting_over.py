"""An answer that starts over while somebody reads it: what was sent is aligned with the new attempt where it says the
same, and otherwise follows a visible mark."""

from dataclasses import replace

from tlfif.control.submit_job import Submission
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.kernel.errors import AnswerError

MARK = "\n\n[The machine was lost here. The answer starts over:]\n\n"
STARTED_OVER = "started_over"
"""The code of the error that ends a stream which cannot go on; the job does."""


class Steady:
    """The pieces of one answer for one reader, across attempts.

    With a seed or temperature 0 a second attempt says what the first one said: what was sent is skipped. Where it says
    something else, or may, prose goes on behind :data:`MARK`; JSON and tool calls cannot, and end with an error that
    tells the program to ask again.
    """

    def __init__(self, asked: Submission) -> None:
        self._repeats = asked.sampling.seed is not None or asked.sampling.temperature == 0
        self._is_prose = asked.form is None and asked.logprobs is None
        self._sent: dict[str, list[str]] = {}  # of the attempt that the reader sees, by part of the answer
        self._ahead: dict[str, str] = {}  # of it, what a new attempt has not said yet
        self._skipped: dict[str, str] = {}  # of the new attempt, what the reader has already
        self._is_marked = True

    @property
    def has_sent(self) -> bool:
        """Whether the reader has anything of the answer."""
        return bool(self._sent)

    def started_over(self) -> None:
        """The attempt was lost. Raises AnswerError ``started_over``."""
        sent = {part: "".join(texts) for part, texts in self._sent.items()}
        self._skipped = {}
        if self._repeats:
            self._ahead = sent
        elif sent:
            self._differs()

    def more(self, piece: Piece) -> list[Piece]:
        """What of ``piece`` the reader has not yet. Raises AnswerError ``started_over``."""
        if not self._ahead:
            return self._passed(piece)
        parts = _parts(piece)
        for part, text in parts:
            expected = self._ahead.get(part, "")
            known = min(len(text), len(expected))
            if text[:known] != expected[:known]:
                self._differs()
                return self._passed(_with_before(piece, self._skipped))
        return self._passed(self._unsent(piece, dict(parts)))

    def _unsent(self, piece: Piece, parts: dict[str, str]) -> Piece:
        """``piece``, which says what was sent, without that."""
        fresh: dict[str, str] = {}
        for part, text in parts.items():
            expected = self._ahead.pop(part, "")
            self._skipped[part] = self._skipped.get(part, "") + text
            fresh[part] = text[len(expected) :]
            if len(expected) > len(text):
                self._ahead[part] = expected[len(text) :]
        calls = [
            replace(call, id="", name="", arguments=fresh[_part(call)]) if _part(call) in self._sent else call
            for call in piece.tool_calls
        ]
        return replace(
            piece,
            text=fresh["text"],
            reasoning=fresh["reasoning"],
            tool_calls=tuple(call for call in calls if call.name or call.arguments),
            logprobs=piece.logprobs if fresh["text"] else (),
        )

    def ended(self) -> list[Piece]:
        """What is left to send at the end. Raises AnswerError ``started_over``."""
        if not self._ahead:
            return []
        self._differs()
        return self._passed(_with_before(Piece(), self._skipped))

    def _differs(self) -> None:
        """The reader sees another attempt's words from here on."""
        if not self._is_prose or any(part not in ("text", "reasoning") for part in self._sent):
            raise AnswerError("The machine was lost and the answer starts over. Ask again.", code=STARTED_OVER)
        self._sent, self._ahead = {}, {}
        self._is_marked = False

    def _passed(self, piece: Piece) -> list[Piece]:
        parts = [(part, text) for part, text in _parts(piece) if text or part not in ("text", "reasoning")]
        for part, text in parts:
            self._sent.setdefault(part, []).append(text)
        marks = [] if self._is_marked else [Piece(text=MARK)]
        self._is_marked = True
        return [*marks, piece] if piece else marks


def _part(call: CallPiece) -> str:
    return f"call {call.index}"


def _parts(piece: Piece) -> list[tuple[str, str]]:
    calls = [(_part(call), call.arguments) for call in piece.tool_calls]
    return [("text", piece.text), ("reasoning", piece.reasoning), *calls]


def _with_before(piece: Piece, before: dict[str, str]) -> Piece:
    return replace(
        piece, text=before.get("text", "") + piece.text, reasoning=before.get("reasoning", "") + piece.reasoning
    )
