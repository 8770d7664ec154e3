"""The window looks as it did when somebody last looked at it and was content."""

import pytest
from PIL import Image, ImageDraw

from tests.gui.reduced import EXPECTED, FOLDER, LARGE, difference, draw, has_usual_lines, reduced
from tlfif.gui.look.palette import LIGHT

TOLERANCE = 4.0
"""What another version of the toolkit or of the font may change. One tab in a solid colour is twice as much."""


@pytest.mark.parametrize("name", EXPECTED)
def test_it_looks_as_expected(screen: str, name: str) -> None:
    if not has_usual_lines():
        pytest.skip(
            "the pictures are drawn in a font with lines of 18 pixels; in another one everything stands elsewhere"
        )
    state, palette, size = EXPECTED[name]
    apart = difference(draw(state, palette, size, screen), Image.open(FOLDER / f"{name}.png"))
    assert apart <= TOLERANCE, f"{apart:.1f} apart: look at it (dev/window_sheet.py), then draw it anew (--expected)"


def test_a_tab_in_a_solid_colour_would_be_seen() -> None:
    whole = Image.open(FOLDER / "answered-light-large.png").convert("RGB").resize(LARGE, Image.Resampling.NEAREST)
    changed = whole.copy()
    ImageDraw.Draw(changed).rectangle((8, 92, 78, 126), fill=LIGHT.accent)
    assert difference(reduced(whole), reduced(changed)) > TOLERANCE
    assert difference(reduced(whole), reduced(whole.resize((640, 480)))) > TOLERANCE
