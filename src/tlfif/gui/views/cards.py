"""A titled panel on a page."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import HEADING
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.wrapping import WrappingLabel


class Card(ttk.Frame):
    """Put children into :attr:`body`; one column that takes the width."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, title: str) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self.title = WrappingLabel(self, text=title, style="Panel.TLabel")
        self.body = ttk.Frame(self, style="Panel.TFrame")
        self.title.grid(row=0, column=0, sticky="ew")
        self.body.grid(row=1, column=0, sticky="nsew")
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        self.body.columnconfigure(0, weight=1)
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        self.configure(padding=(px(16), px(12)))
        self.title.configure(font=HEADING)
        self.body.grid_configure(pady=(px(8), 0))
