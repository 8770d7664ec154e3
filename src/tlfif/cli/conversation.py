"""The memory of a chat, and how it is made shorter when the model cannot hold it any more."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tlfif.client.wire import MessageView

MAX_EXCHANGES = 120
"""With the system prompt and the new question still under the server's limit of 256 messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question and its answer."""

    question: str
    answer: str

    @property
    def size(self) -> int:
        """Characters of both."""
        return len(self.question) + len(self.answer)


@dataclass(slots=True)
class Conversation:
    """Exchanges, the oldest first. The system prompt is not among them: it is never left out."""

    exchanges: list[Exchange] = field(default_factory=list)

    def messages(self, question: str) -> list[MessageView]:
        """Everything to send with a new question."""
        found: list[MessageView] = []
        for exchange in self.exchanges:
            found.append({"role": "user", "content": exchange.question})
            found.append({"role": "assistant", "content": exchange.answer})
        found.append({"role": "user", "content": question})
        return found

    def add(self, question: str, answer: str) -> None:
        """Remember an exchange, if there is anything to remember."""
        if answer.strip():
            self.exchanges.append(Exchange(question=question, answer=answer))

    def trim(self, count: int) -> int:
        """Forget the ``count`` oldest exchanges. Returns how many were forgotten."""
        dropped = max(0, min(count, len(self.exchanges)))
        del self.exchanges[:dropped]
        return dropped


def how_many_to_drop(sizes: Sequence[int], *, extra_size: int, tokens: int, limit: int) -> int:
    """How many of the oldest exchanges to leave out so that a prompt of ``tokens`` shrinks to ``limit``.

    ``sizes`` are their characters and ``extra_size`` those of all that stays (system prompt, new question). Tokens
    are taken to be spread evenly over them; an estimate, so the server is asked again. At least one, if there is one.
    """
    whole = sum(sizes) + extra_size
    too_much = (tokens - limit) * whole / tokens if tokens > 0 else 0.0
    freed = 0
    for count, length in enumerate(sizes, start=1):
        freed += length
        if freed >= too_much:
            return count
    return len(sizes)


def trimmed_note(dropped: int, *, left: int) -> str:
    """What a person is told about it."""
    what = "question and its answer were" if dropped == 1 else f"{dropped} questions and their answers were"
    rest = "none is left" if left == 0 else f"{left} {'is' if left == 1 else 'are'} kept"
    return f"— the conversation is too long for the model: the oldest {what} left out, {rest} —"
