"""What is sent with a prompt: the conversation so far, and how it is made shorter when the model cannot hold it."""

from collections.abc import Sequence

from tlfif.client.wire import Asking, MessageView
from tlfif.domain.errors import TlfifError
from tlfif.gui.preferences import Preferences
from tlfif.gui.state import Exchange

MAX_EXCHANGES = 120
"""With the system prompt and the new question still under the server's limit of 256 messages."""


def memory(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Those that the model is told of: ended, with words in the answer, and not replaced by another answer."""
    return [one for one in exchanges if one.stage.is_over and not one.superseded and str(one.answer).strip()]


def asking_for(remembered: Sequence[Exchange], prompt: str, settings: Preferences) -> Asking:
    """What to send. A setting at None means the server's default."""
    messages: list[MessageView] = []
    if settings.system.strip():
        messages.append({"role": "system", "content": settings.system})
    for one in remembered:
        messages.append({"role": "user", "content": one.prompt})
        messages.append({"role": "assistant", "content": str(one.answer)})
    messages.append({"role": "user", "content": prompt})
    return {
        "messages": messages,
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        "seed": settings.seed,
    }


def how_many_to_drop(error: TlfifError, remembered: Sequence[Exchange], *, extra: int) -> int:
    """How many of the oldest exchanges to leave out after this refusal; 0 where that cannot help.

    Tokens are taken to be spread evenly over the characters; ``extra`` are those that stay (system prompt, question).
    An estimate: the server is asked again.
    """
    if not remembered:
        return 0
    if error.code == "messages_too_many":
        return 1
    tokens, limit = error.details.get("tokens"), error.details.get("limit")
    if error.code != "prompt_too_long" or not isinstance(tokens, int) or not isinstance(limit, int) or tokens <= 0:
        return 0
    sizes = [len(one.prompt) + one.answer.count for one in remembered]
    too_much = (tokens - limit) * (sum(sizes) + extra) / tokens
    freed = 0
    for count, length in enumerate(sizes, start=1):
        freed += length
        if freed >= too_much:
            return count
    return len(sizes)


def dropped_words(count: int, *, left: int) -> str:
    """What stands under the answer then."""
    what = "question and its answer were" if count == 1 else f"{count} questions and their answers were"
    rest = "none is left" if left == 0 else f"{left} {'is' if left == 1 else 'are'} kept"
    return f"The conversation is too long for the model: the oldest {what} left out, {rest}."
