"""What is sent with a prompt: the conversation so far, along the branch that is shown."""

from collections.abc import Sequence

from tlfif.client.conversation_window import how_many_to_drop, messages_of
from tlfif.gui.model.preferences import Persona, Preferences
from tlfif.gui.model.state import Exchange
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import Asking


def memory(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges that the model is sent: ended, with text in the answer."""
    return [one for one in exchanges if one.stage.is_over and not one.gave_way and str(one.answer).strip()]


def asking_for(remembered: Sequence[Exchange], prompt: str, settings: Preferences) -> Asking:
    """What to send. A setting at None means the server's default; the persona's count before the others."""
    acting = settings.acting or Persona(name="")
    pairs = ((one.prompt, str(one.answer)) for one in remembered)
    return {
        "messages": messages_of(pairs, prompt, system=system_of(settings)),
        "model": settings.model,
        "max_tokens": acting.max_tokens or settings.max_tokens,
        "temperature": settings.temperature if acting.temperature is None else acting.temperature,
        "seed": settings.seed,
    }


def system_of(settings: Preferences) -> str:
    """The system prompt: the persona's, where one is chosen."""
    return settings.system if settings.acting is None else settings.acting.system


def surplus(error: TlfifError, remembered: Sequence[Exchange], *, extra: int) -> int:
    """How many of the oldest to leave out after this refusal; ``extra`` are the characters that stay in any case."""
    sizes = [len(one.prompt) + one.answer.count for one in remembered]
    return how_many_to_drop(error, sizes, extra_size=extra)
