"""What of a conversation is sent with a prompt, and how much is left out when the model cannot hold it."""

from collections.abc import Iterable, Sequence

from tlfif.kernel.errors import PromptTooLongError, TlfifError
from tlfif.wire.jobs import MessageView

MAX_EXCHANGES = 120
"""With the system prompt and the new question this stays below the server's limit of 256 messages."""
DROPPED_SHARE = 0.25
"""Of the characters sent, after the engine's refusal: more than needed as a rule, or nearly every later question would
be refused once."""


def messages_of(exchanges: Iterable[tuple[str, str]], question: str, *, system: str = "") -> list[MessageView]:
    """Everything to send with a new question. ``exchanges`` are (question, answer), the oldest first; a blank
    ``system`` is left out."""
    found: list[MessageView] = [{"role": "system", "content": system}] if system.strip() else []
    for asked, answered in exchanges:
        found.append({"role": "user", "content": asked})
        found.append({"role": "assistant", "content": answered})
    found.append({"role": "user", "content": question})
    return found


def how_many_to_drop(error: TlfifError, sizes: Sequence[int], *, extra_size: int) -> int:
    """How many of the oldest exchanges to leave out after this refusal; 0 where that cannot help.

    ``sizes`` are their characters, the oldest first, and ``extra_size`` the characters of all that stays (system
    prompt, new question). The server's refusal has numbers (its estimate); tokens are taken to be spread evenly. The
    engine's refusal, which ends a job, has none. At least one is left out if there is one; the caller asks again.
    """
    if error.code == "messages_too_many":
        return min(1, len(sizes))
    if error.code != PromptTooLongError.code:
        return 0
    tokens, limit = error.details.get("tokens"), error.details.get("limit")
    share = DROPPED_SHARE
    if isinstance(tokens, int) and isinstance(limit, int):
        share = (tokens - limit) / tokens if tokens > 0 else 0.0
    too_much = share * (sum(sizes) + extra_size)
    freed = 0
    for count, length in enumerate(sizes, start=1):
        freed += length
        if freed >= too_much:
            return count
    return len(sizes)


def dropped_words(count: int, *, left: int) -> str:
    """A sentence that tells the person what was left out."""
    what = "question and its answer were" if count == 1 else f"{count} questions and their answers were"
    rest = "none is left" if left == 0 else f"{left} {'is' if left == 1 else 'are'} kept"
    return f"The conversation is too long for the model: the oldest {what} left out, {rest}."
