"""A label that wraps its text at its own width, and a row of buttons named by the state."""

import tkinter
from collections.abc import Callable

import ttkbootstrap as ttk

from tlfif.gui.model.state import LABELS, Press

MARGIN = 6
"""Pixels that the toolkit draws around a label's text; counted as text they would cut off its last letters."""


class WrappingLabel(ttk.Label):
    """Wraps at the width that the layout gives it. ``style`` is one of the theme's."""

    def __init__(self, parent: tkinter.Misc, *, style: str, text: str = "") -> None:
        super().__init__(parent, style=style, text=text, justify="left", anchor="w", takefocus=False)
        self._shown = text
        self.bind("<Configure>", self._fit)

    def show(self, text: str, style: str | None = None) -> None:
        """Change the text; the same text again does nothing. In a grid an empty label takes no space."""
        if not text and self.winfo_manager() == "grid":
            self.grid_remove()
        elif text and not self._shown and not self.winfo_manager():
            self.grid()
        if text != self._shown:
            self._shown = text
            self.configure(text=text)
        if style is not None and str(self.cget("style")) != style:
            self.configure(style=style)

    @property
    def shown(self) -> str:
        """The text as shown."""
        return self._shown

    def _fit(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        space = event.width - MARGIN
        if space > 0 and abs(int(str(self.cget("wraplength")) or 0) - space) > 1:
            self.configure(wraplength=space)


class PressRow(ttk.Frame):
    """The buttons that a text offers, in the order of the state."""

    def __init__(self, parent: tkinter.Misc, *, press: Callable[[Press], None], style: str = "TFrame") -> None:
        super().__init__(parent, style=style)
        self._press = press
        self._shown: tuple[Press, ...] = ()
        self.buttons: dict[Press, ttk.Button] = {}

    def show(self, presses: tuple[Press, ...]) -> None:
        """Show exactly these."""
        if presses == self._shown:
            return
        self._shown = presses
        for button in self.buttons.values():
            button.destroy()
        self.buttons = {}
        for place, press in enumerate(presses):
            button = ttk.Button(
                self,
                text=LABELS[press],
                bootstyle="primary" if place == 0 else "default",
                command=lambda press=press: self._press(press),
            )
            button.grid(row=0, column=place, padx=(0 if place == 0 else 6, 0))
            self.buttons[press] = button
        if not presses:
            self.configure(width=1, height=1)  # a grid keeps the size of its last child otherwise
