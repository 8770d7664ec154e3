"""Styles that the toolkit draws itself, once its buttons and tabs are there: what cannot be read or seen is mended."""

from typing import Any

import ttkbootstrap as ttk

from tlfif.gui.theme import Look

_BUTTONS = ("TButton", "primary.TButton", "danger.TButton", "danger.TMenubutton")
_TAB = "TNotebook.Tab"


def finish_styles(look: Look, *, scarce: bool) -> None:
    """Words on buttons that are off can be read, the tab with the keyboard stands out; ``scarce``: tabs lie flat."""
    style, px, palette = ttk.Style(), look.px, look.palette
    for name in _BUTTONS:
        style.map(name, foreground=[("disabled", palette.edge)])
    for option, colour in (("background", palette.select), ("foreground", palette.on_select)):
        states: list[Any] = [one for one in style.map(_TAB, option) if "focus" not in one]
        style.map(_TAB, None, **{option: [("focus", "selected", colour), *states]})
    style.configure("TNotebook", tabmargins=(px(8), px(2 if scarce else 6), 0, 0))
    style.configure(_TAB, padding=(px(14), px(2 if scarce else 5)))
