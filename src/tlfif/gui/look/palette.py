"""The window's colours, light and dark, each pair of ink and ground with the contrast that WCAG 2.2 asks for at AA.

Knows no toolkit: ``tests/gui/test_palette.py`` computes every contrast from the figures here.
"""

from dataclasses import dataclass

from tlfif.gui.model.state import StatusKind

TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3 (AA): text against what lies behind it."""
PART_CONTRAST = 3.0
"""WCAG 2.2, 1.4.11 (AA): the edge of a control, the ring of the focus, a dot that tells something."""
SELECT_BAR = 3
"""Pixels at 100 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours as ``#rrggbb``. ``ground`` is the window, ``panel`` what lies on it, ``field`` what one types in.

    ``text``, ``muted``, ``link``, ``good``, ``caution``, ``bad`` and ``special`` are inks for all of them; ``edge``
    bounds controls, ``line`` only divides. ``accent`` and ``danger`` fill buttons under ``on_fill``. ``prompt`` lies
    behind a prompt.

    What is selected (a row, a tab, a line of a menu) looks the same everywhere: ``select`` behind letters in ``text``,
    and ``select_bar``, :data:`SELECT_BAR` wide, at its left edge. ``marked`` lies behind letters that are marked to be
    copied.
    """

    name: str
    ground: str
    panel: str
    field: str
    prompt: str
    active: str
    text: str
    muted: str
    link: str
    good: str
    caution: str
    bad: str
    special: str
    edge: str
    line: str
    focus: str
    accent: str
    danger: str
    quiet: str
    on_fill: str
    select: str
    marked: str

    @property
    def select_bar(self) -> str:
        """The bar at the left edge of what is selected."""
        return self.focus

    @property
    def inks(self) -> tuple[str, ...]:
        """What texts are written in."""
        return (self.text, self.muted, self.link, self.good, self.caution, self.bad, self.special)

    @property
    def grounds(self) -> tuple[str, ...]:
        """What texts are written on."""
        return (self.ground, self.panel, self.field, self.prompt, self.active, self.select)

    @property
    def fills(self) -> tuple[str, ...]:
        """What ``on_fill`` is written on."""
        return (self.accent, self.danger, self.quiet)


LIGHT = Palette(
    name="light",
    ground="#f3f5f8",
    panel="#ffffff",
    field="#ffffff",
    prompt="#eaf0fb",
    active="#e6e9ef",
    text="#1a1f28",
    muted="#4f5867",
    link="#1d54b8",
    good="#13693a",
    caution="#7d4a00",
    bad="#b3211f",
    special="#7a2f9e",
    edge="#7c8696",
    line="#d6dbe3",
    focus="#1d5fd0",
    accent="#1d5fd0",
    danger="#c02826",
    quiet="#566072",
    on_fill="#ffffff",
    select="#e0eafc",
    marked="#bcd3fb",
)
DARK = Palette(
    name="dark",
    ground="#14171c",
    panel="#1c2028",
    field="#171a21",
    prompt="#212a3c",
    active="#2a303b",
    text="#e9ecf1",
    muted="#abb4c2",
    link="#8fb6ff",
    good="#6bd394",
    caution="#f2bd66",
    bad="#ff918a",
    special="#d4a8ff",
    edge="#7f8a9b",
    line="#343b48",
    focus="#7aa8ff",
    accent="#2f69d9",
    danger="#cc3733",
    quiet="#5d6879",
    on_fill="#ffffff",
    select="#24324e",
    marked="#31508f",
)
_INK = {
    StatusKind.READY: "good",
    StatusKind.ANSWERING: "good",
    StatusKind.IDLE: "good",
    StatusKind.CONNECTING: "caution",
    StatusKind.LAUNCHING: "caution",
    StatusKind.LOADING: "caution",
    StatusKind.STOPPING: "caution",
    StatusKind.SIGNED_OUT: "caution",
    StatusKind.NO_CAPACITY: "bad",
    StatusKind.NO_QUOTA: "bad",
    StatusKind.BUDGET_LOCKED: "bad",
    StatusKind.BROKEN: "bad",
    StatusKind.UNATTENDED: "bad",
    StatusKind.NOT_CONNECTED: "bad",
    StatusKind.OFF: "muted",
    StatusKind.HELD: "muted",
}
_SIGNS = {"good": "●", "caution": "◐", "bad": "▲", "muted": "○"}
"""The mark differs in shape, too: nobody has to tell colours apart."""


def state_ink(palette: Palette, kind: StatusKind) -> str:
    """The colour of a state's mark."""
    return str(getattr(palette, _INK[kind]))


def state_sign(kind: StatusKind) -> str:
    """The shape of a state's mark."""
    return _SIGNS[_INK[kind]]
