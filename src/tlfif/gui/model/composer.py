"""The prompt's box: what is in it, what goes along, and what came back."""

from dataclasses import dataclass

from tlfif.gui.model.attachments import AttachedFile
from tlfif.gui.model.problem import Press


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was typed and sent last; ``refused``: it is in the box again. ``exchange_id``, ``key`` and ``left_out`` are
    for sending it again: the same text with the same key cannot be stored twice. ``key`` is empty where a new one is
    needed."""

    text: str
    refused: bool = False
    conversation_id: str = ""
    exchange_id: str = ""
    key: str = ""
    prompt: str = ""
    left_out: int = 0
    editing: str = ""
    files: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """The prompt's box. ``clear`` goes up when what was typed has been taken over: the view empties the box then.
    ``returned`` goes up when ``draft`` was refused: the view puts its text back.

    ``problem`` says why the text cannot be sent, and ``presses`` are the buttons beside it; empty while there is
    nothing to say. ``cause`` is the code of what refused it.
    """

    can_send: bool = True
    problem: str = ""
    presses: tuple[Press, ...] = ()
    cause: str = ""
    clear: int = 0
    returned: int = 0
    draft: Draft | None = None
    editing: str = ""
    """The exchange whose prompt is in the box: what is sent is another version of it."""
    files: tuple[AttachedFile, ...] = ()
    """What goes along with the next prompt."""
