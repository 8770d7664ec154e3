"""What of a conversation is sent with a prompt, and how it is made shorter when the model cannot hold it."""

from collections.abc import Iterable, Sequence

from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import MessageView

MAX_EXCHANGES = 120
"""With the system prompt and the new question still under the server's limit of 256 messages."""


def messages_of(exchanges: Iterable[tuple[str, str]], question: str, *, system: str = "") -> list[MessageView]:
    """Everything to send with a new question: (question, answer) the oldest first; a blank ``system`` is left out."""
    found: list[MessageView] = [{"role": "system", "content": system}] if system.strip() else []
    for asked, answered in exchanges:
        found.append({"role": "user", "content": asked})
        found.append({"role": "assistant", "content": answered})
    found.append({"role": "user", "content": question})
    return found


def how_many_to_drop(error: TlfifError, sizes: Sequence[int], *, extra_size: int) -> int:
    """How many of the oldest exchanges to leave out after this refusal; 0 where that cannot help.

    ``sizes`` are their characters and ``extra_size`` those of all that stays (system prompt, new question). Tokens
    are taken to be spread evenly over them; an estimate, so the server is asked again. At least one, if there is one.
    """
    if error.code == "messages_too_many":
        return min(1, len(sizes))
    tokens, limit = error.details.get("tokens"), error.details.get("limit")
    if error.code != "prompt_too_long" or not isinstance(tokens, int) or not isinstance(limit, int):
        return 0
    too_much = (tokens - limit) * (sum(sizes) + extra_size) / tokens if tokens > 0 else 0.0
    freed = 0
    for count, length in enumerate(sizes, start=1):
        freed += length
        if freed >= too_much:
            return count
    return len(sizes)


def dropped_words(count: int, *, left: int) -> str:
    """What a person is told about it, as a sentence."""
    what = "question and its answer were" if count == 1 else f"{count} questions and their answers were"
    rest = "none is left" if left == 0 else f"{left} {'is' if left == 1 else 'are'} kept"
    return f"The conversation is too long for the model: the oldest {what} left out, {rest}."
