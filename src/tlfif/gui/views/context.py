"""What every view gets: the look, the way to the core, and what only the window can do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tlfif.gui.look.theme import NORMAL_SIZE, Look
from tlfif.gui.model.intents import Intent


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
