"""The memory of a chat at the terminal."""

from dataclasses import dataclass, field

from tlfif.client.conversation_window import dropped_words, messages_of
from tlfif.wire.jobs import MessageView


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
        return messages_of(((one.question, one.answer) for one in self.exchanges), question)

    def add(self, question: str, answer: str) -> None:
        """Remember an exchange whose answer is not empty."""
        if answer.strip():
            self.exchanges.append(Exchange(question=question, answer=answer))

    def trim(self, count: int) -> int:
        """Forget the ``count`` oldest exchanges. Returns how many were forgotten."""
        dropped = max(0, min(count, len(self.exchanges)))
        del self.exchanges[:dropped]
        return dropped


def trimmed_note(dropped: int, *, left: int) -> str:
    """The note about it between two answers."""
    return f"— {dropped_words(dropped, left=left)} —"
