"""What is sent with a prompt: the conversation so far, and which of two answers to a prompt is part of it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tlfif.client.conversation_window import how_many_to_drop, messages_of
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import Exchange
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import Asking


def memory(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges that the model is sent: ended, with text in the answer, and of two answers the one that counts."""
    return [
        one
        for one in exchanges
        if one.stage.is_over and not one.superseded and not one.gave_way and str(one.answer).strip()
    ]


def asking_for(remembered: Sequence[Exchange], prompt: str, settings: Preferences) -> Asking:
    """What to send. A setting at None means the server's default."""
    pairs = ((one.prompt, str(one.answer)) for one in remembered)
    return {
        "messages": messages_of(pairs, prompt, system=settings.system),
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        "seed": settings.seed,
    }


def surplus(error: TlfifError, remembered: Sequence[Exchange], *, extra: int) -> int:
    """How many of the oldest to leave out after this refusal; ``extra`` are the characters that stay in any case."""
    sizes = [len(one.prompt) + one.answer.count for one in remembered]
    return how_many_to_drop(error, sizes, extra_size=extra)


def with_one_answer_each(exchanges: Iterable[Exchange]) -> tuple[Exchange, ...]:
    """An answer stops counting once another one is asked for in its place, unless that one failed."""
    found = tuple(exchanges)
    replaced = {one.instead_of: not one.gave_way for one in found if one.instead_of is not None}
    if not replaced:
        return found
    return tuple(
        one if replaced.get(one.id, one.superseded) is one.superseded else replace(one, superseded=replaced[one.id])
        for one in found
    )
