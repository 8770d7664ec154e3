"""Contrast by the figures: WCAG 2.2 at AA for every ink on every ground, light and dark."""

import pytest

from tlfif.gui.look.palette import DARK, LIGHT, PART_CONTRAST, TEXT_CONTRAST, Palette, state_ink, state_sign
from tlfif.gui.model.state import StatusKind

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_the_standard_s() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.requirement("1.1.10")
@PALETTES
def test_every_text_can_be_read(palette: Palette) -> None:
    pairs = [(ink, ground) for ink in palette.inks for ground in palette.grounds]
    pairs += [(palette.on_fill, fill) for fill in palette.fills] + [(palette.text, palette.marked)]
    poor = [(pair, round(contrast(*pair), 2)) for pair in pairs if contrast(*pair) < TEXT_CONTRAST]
    assert not poor


@PALETTES
def test_edges_focus_and_buttons_can_be_seen(palette: Palette) -> None:
    parts = (palette.edge, palette.focus)
    pairs = [(part, ground) for part in parts for ground in (palette.ground, palette.panel, palette.field)]
    pairs += [(palette.select_bar, ground) for ground in (*palette.grounds,)]
    pairs += [(fill, ground) for fill in (palette.accent, palette.danger) for ground in (palette.ground, palette.panel)]
    poor = [(pair, round(contrast(*pair), 2)) for pair in pairs if contrast(*pair) < PART_CONTRAST]
    assert not poor


@PALETTES
def test_each_state_has_a_mark_that_can_be_seen(palette: Palette) -> None:
    for kind in StatusKind:
        assert contrast(state_ink(palette, kind), palette.panel) >= PART_CONTRAST
        assert state_sign(kind)
