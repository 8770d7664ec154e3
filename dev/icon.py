"""Draw TL-FIF's mark: ``python dev/icon.py src/tlfif/gui/look``. Writes ``icon.png`` and ``icon.ico``.

A speech bubble with a bolt: it answers, and it has power only while it does.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 128
FINE = 8
"""The mark is drawn so many times larger and then reduced, which smooths its edges."""
GROUND, MARK = "#1d5fd0", "#ffffff"
BOLT = ((0.56, 0.25), (0.36, 0.52), (0.485, 0.52), (0.44, 0.70), (0.645, 0.425), (0.515, 0.425))
TAIL = ((0.27, 0.66), (0.25, 0.90), (0.50, 0.74))


def main() -> int:
    """Draw and save."""
    folder = Path(sys.argv[1])
    mark = drawn(SIZE * FINE).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    mark.save(folder / "icon.png", optimize=True)
    mark.save(folder / "icon.ico", sizes=[(side, side) for side in (16, 32, 48, 128)])
    return 0


def drawn(side: int) -> Image.Image:
    """The mark in that size."""
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.polygon([(x * side, y * side) for x, y in TAIL], fill=GROUND)
    pen.rounded_rectangle((0.08 * side, 0.10 * side, 0.92 * side, 0.80 * side), radius=0.20 * side, fill=GROUND)
    pen.polygon([(x * side, (y - 0.025) * side) for x, y in BOLT], fill=MARK)
    return picture


if __name__ == "__main__":
    sys.exit(main())
