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
USUAL, SMALLEST, LARGEST_SMALLEST = (1120, 760), (640, 480), (900, 600)
"""Pixels: how large the window opens the first time; the smallest in which nothing is cut off, at 100 % and with large
letters."""
PANELS = (24, 96)
"""Pixels at 100 % that panels, docks and the window's own title take of a screen."""
NARROW = 760
"""Pixels at 100 %: in a narrower window the status line has few words and one button beside Stop."""
COLUMN = 90
"""Characters of a line at most, however wide the window is: longer ones are hard to follow with the eye."""
_SAMPLE = "The quick brown fox jumps over the lazy dog, and what it costs stands below. "


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewContext:
    """``press`` sends an intent. ``copy`` puts a text on the clipboard. ``ask_path`` asks where to write a file that is
    to be named like the text (None: the owner changed their mind), ``ask_files`` which files to read. ``command_key``
    is Tk's name of the key that shortcuts go with, ``command_name`` what stands on it. ``opened_points`` is the size
    for which the toolkit drew its boxes and arrows."""

    look: Look
    press: Callable[[Intent], None]
    copy: Callable[[str], None]
    ask_path: Callable[[str], Path | None]
    ask_files: Callable[[], tuple[Path, ...]] = tuple
    command_key: str = "Control"
    command_name: str = "Ctrl"
    opened_points: int = NORMAL_SIZE


def is_compact(look: Look) -> bool:
    """Whether the text is large."""
    return look.letters > COMPACT


def is_short(look: Look) -> bool:
    """Whether the text is large for the height of the window."""
    return is_compact(look) and look.root.winfo_height() < look.letters * SHORT


def is_narrow(look: Look) -> bool:
    """Whether sentences beside buttons would become columns of words; with large letters they stand below each other
    in any case."""
    return not is_compact(look) and 1 < look.root.winfo_width() < look.letters * NARROW


def usual_size(scale: float, screen: tuple[int, int]) -> tuple[int, int]:
    """How large the window opens the first time: within what panels leave of the screen."""
    sides = zip(USUAL, screen, PANELS, strict=True)
    wide, high = (min(round(side * max(1.0, scale)), whole - round(panel * scale)) for side, whole, panel in sides)
    return wide, high


def smallest_size(letters: float, screen: tuple[int, int]) -> tuple[int, int]:
    """How small the window may be made with letters of that size; never more than the screen has."""
    sides = zip(SMALLEST, LARGEST_SMALLEST, screen, strict=True)
    wide, high = (min(round(small * max(1.0, letters)), large, whole) for small, large, whole in sides)
    return wide, high


def column(look: Look) -> int:
    """Pixels of :data:`COLUMN` characters in the font of texts."""
    return round(look.width(_SAMPLE) * COLUMN / len(_SAMPLE))


def column_margin(look: Look, width: int) -> int:
    """Pixels to the left and to the right of a column in the middle of ``width`` pixels."""
    return max(0, (width - column(look)) // 2)


def is_wide(look: Look, width: int) -> bool:
    """Whether ``width`` pixels hold the list of conversations beside the conversation."""
    return width >= look.px(WIDE)
