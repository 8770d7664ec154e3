"""Figures below each other: their names at the left, the amounts at the right of their column, notes behind them."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL, STRONG
from tlfif.gui.presenters.cost_figures import Figure
from tlfif.gui.views.context import ViewContext, is_compact
from tlfif.gui.views.widgets import WrappingLabel


class FiguresTable(ttk.Frame):
    """Where letters are large a note stands below its figure."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._shown: tuple[Figure, ...] = ()
        self._rows: list[tuple[ttk.Label, ttk.Label, WrappingLabel]] = []

    def restyle(self) -> None:
        """Apply the look."""
        px, compact = self._context.look.px, is_compact(self._context.look)
        self.columnconfigure(0, weight=1 if compact else 0)
        self.columnconfigure(2, weight=0 if compact else 1)
        for row, (name, value, note) in enumerate(self._rows):
            name.configure(wraplength=px(230) if compact else 0)
            name.grid(row=2 * row, column=0, sticky="w", pady=(px(5), 0))
            value.configure(font=STRONG)
            value.grid(row=2 * row, column=1, sticky="ne", padx=px(24), pady=(px(5), 0))
            note.configure(font=SMALL)
            place = {"row": 2 * row + 1, "column": 0, "columnspan": 2} if compact else {"row": 2 * row, "column": 2}
            note.grid(sticky="ew", pady=(px(6), 0), **place)

    def show(self, figures: tuple[Figure, ...]) -> None:
        """Show exactly these."""
        if figures == self._shown:
            return
        self._shown = figures
        if len(figures) != len(self._rows):
            self._make(len(figures))
        for (name, value, note), figure in zip(self._rows, figures, strict=True):
            name.configure(text=figure.name)
            if str(value.cget("text")) != figure.value:
                value.configure(text=figure.value)
            note.show(figure.note or " ")

    def _make(self, count: int) -> None:
        for row in self._rows:
            for part in row:
                part.destroy()
        self._rows = [
            (
                ttk.Label(self, style="Panel.TLabel", justify="left"),
                ttk.Label(self, style="Panel.TLabel", anchor="e"),
                WrappingLabel(self, style="Muted.Panel.TLabel"),
            )
            for _ in range(count)
        ]
        self.restyle()
