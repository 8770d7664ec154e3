"""Draw the window in every state of ``tests/gui/window_states.py``: ``python dev/window_sheet.py FOLDER [STATE …]``.

Light and dark, in three sizes, without a server, in about a minute; and ``FOLDER/window-sheet.png`` with all of them
side by side. ``--expected`` instead draws the reduced ones in ``tests/gui/pictures`` anew. Needs Xvfb.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageGrab
from window_picture import start_screen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.gui.reduced import EXPECTED, FOLDER, draw
from tests.gui.window_states import STATES, desk_in
from tlfif.gui.look.theme import open_look
from tlfif.gui.model import intents
from tlfif.gui.window import MainWindow

SIZES = ((1920, 1080), (1366, 768), (640, 480))
THEMES = ("light", "dark")
HEIGHT = 210
"""Pixels of a picture in the sheet."""
LABEL = 18
ROUNDS = 20
"""Of drawing until nothing moves."""
REST_SECONDS = 0.01
"""Between two of them: a text measures its lines when it has time."""


def main() -> int:
    """Draw, save, join."""
    if sys.argv[1:] == ["--expected"]:
        return draw_expected()
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(STATES)
    folder.mkdir(parents=True, exist_ok=True)
    screen = start_screen(SIZES[0])
    try:
        rows = [list(drawn(name, folder)) for name in names]
    finally:
        screen.terminate()
        screen.wait()
    sheet = joined(names, rows)
    # 64 colours are enough for windows this small, and a third of the bytes.
    sheet.quantize(64, dither=Image.Dither.NONE).save(folder / "window-sheet.png", optimize=True)
    print(f"{sum(map(len, rows))} pictures in {folder}")
    return 0


def draw_expected() -> int:
    """The reduced pictures that the tests compare with."""
    screen = start_screen(SIZES[0])
    FOLDER.mkdir(exist_ok=True)
    try:
        for name, (state, palette, size) in EXPECTED.items():
            draw(state, palette, size, os.environ["DISPLAY"]).save(FOLDER / f"{name}.png", optimize=True)
    finally:
        screen.terminate()
        screen.wait()
    print(f"{len(EXPECTED)} pictures in {FOLDER}")
    return 0


def drawn(name: str, folder: Path) -> Iterator[Image.Image]:
    """The pictures of one state: one window, which changes its look and its size."""
    desk = desk_in(name)
    look = open_look()
    window = MainWindow(look.root, desk.core, look)
    window.open()
    for theme in THEMES:
        desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, appearance=theme)))
        for wide, high in SIZES:
            look.root.geometry(f"{wide}x{high}+0+0")
            for _ in range(ROUNDS):
                look.root.update()
                look.root.winfo_pointerxy()
                time.sleep(REST_SECONDS)
            picture = ImageGrab.grab(bbox=(0, 0, wide, high), xdisplay=os.environ["DISPLAY"])
            picture.save(folder / f"{name}-{theme}-{wide}.png")
            yield picture
    window.leave()


def joined(names: list[str], rows: list[list[Image.Image]]) -> Image.Image:
    """All pictures, a state a row."""
    small = [
        [one.resize((one.width * HEIGHT // one.height, HEIGHT), Image.Resampling.LANCZOS) for one in row]
        for row in rows
    ]
    gap = 8
    wide = max(sum(one.width + gap for one in row) for row in small) + gap
    sheet = Image.new("RGB", (wide, (HEIGHT + LABEL + gap) * len(rows) + gap), "#8b919b")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, (name, row) in enumerate(zip(names, small, strict=True)):
        top, left = gap + (HEIGHT + LABEL + gap) * number, gap
        pen.text((left, top), name.replace("_", " "), fill="#ffffff", font=font)
        for one in row:
            sheet.paste(one, (left, top + LABEL))
            left += one.width + gap
    return sheet


if __name__ == "__main__":
    sys.exit(main())
