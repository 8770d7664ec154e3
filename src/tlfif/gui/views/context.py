"""What every view gets: the look, the way to the core, what only the window can do, and how much space there is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tlfif.gui.look.theme import NORMAL_SIZE, Look
from tlfif.gui.model.intents import Intent

COMPACT = 1.4
"""With letters larger than this views join lines and leave words out."""
SHORT = 395
"""Pixels at 100 %: with large text a window lower than this keeps its space for the conversation."""
WIDE = 800
"""Pixels at 100 %: in a narrower tab the list of conversations is hidden until somebody asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewContext:
    """``press`` sends an intent. ``copy`` puts a text on the clipboard. ``ask_path`` asks where to write a file that is
    to be named like the text (None: the owner changed their mind). ``command_key`` is Tk's name of the key that
    shortcuts go with, ``command_name`` what stands on it. ``opened_points`` is the size for which the toolkit
    drew its boxes and arrows."""

    look: Look
    press: Callable[[Intent], None]
    copy: Callable[[str], None]
    ask_path: Callable[[str], Path | None]
    command_key: str = "Control"
    command_name: str = "Ctrl"
    opened_points: int = NORMAL_SIZE


def is_compact(look: Look) -> bool:
    """Whether the text is large."""
    return look.letters > COMPACT


def is_short(look: Look) -> bool:
    """Whether the text is large for the height of the window."""
    return is_compact(look) and look.root.winfo_height() < look.letters * SHORT


def is_wide(look: Look, width: int) -> bool:
    """Whether ``width`` pixels hold the list of conversations beside the conversation."""
    return width >= look.px(WIDE)
