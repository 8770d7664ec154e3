"""Pictures of the window so coarse that only its layout and its shades are left."""

from pathlib import Path

from PIL import Image, ImageChops, ImageGrab, ImageStat

from tests.gui.window_states import desk_in
from tlfif.gui.look.palette import DARK, LIGHT, Palette
from tlfif.gui.look.theme import LINE, open_look
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.window import MainWindow

CELL = 20
"""Pixels of a window that are one pixel here: a line of text with its distance."""
LARGE, SMALL = (1100, 700), (640, 480)
EXPECTED: dict[str, tuple[str, Palette, tuple[int, int]]] = {
    "first-run-dark-small": ("first_run", DARK, SMALL),
    "answered-light-large": ("answered", LIGHT, LARGE),
    "too-long-light-small": ("too_long", LIGHT, SMALL),
    "closing-dark-large": ("closing", DARK, LARGE),
    "cost-light-large": ("cost", LIGHT, LARGE),
    "settings-dark-small": ("settings", DARK, SMALL),
}
"""What is kept in ``FOLDER``: ``python dev/window_sheet.py --expected`` draws it anew, after a look at the sheet."""
FOLDER = Path(__file__).parent / "pictures"
ROUNDS = 6


def draw(state: str, palette: Palette, size: tuple[int, int], display: str) -> Image.Image:
    """The window in that state, at the top left of the display, reduced."""
    desk = desk_in(state)
    look = open_look(points=Preferences().font_size, palette=palette)
    window = MainWindow(look.root, desk.core, look, system_dark=palette is DARK)
    try:
        look.root.geometry(f"{size[0]}x{size[1]}+0+0")
        window.open()
        for _ in range(ROUNDS):
            look.root.update()
            look.root.winfo_pointerxy()
        picture = ImageGrab.grab(bbox=(0, 0, *size), xdisplay=display)
    finally:
        window.leave()
    return reduced(picture)


def has_usual_lines() -> bool:
    """Whether the letters here are as high as those of the kept pictures."""
    look = open_look()
    try:
        return look.line() == LINE
    finally:
        look.root.destroy()


def reduced(picture: Image.Image) -> Image.Image:
    """One pixel for each cell."""
    size = picture.width // CELL, picture.height // CELL
    return picture.convert("RGB").resize(size, Image.Resampling.BOX)


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two reduced pictures are apart: the root mean square of their shades, 0 to 255; all of it where
    their sizes are not the same."""
    if one.size != other.size:
        return 255.0
    apart = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return sum(ImageStat.Stat(apart).rms) / 3
