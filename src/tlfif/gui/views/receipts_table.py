"""The table of the last answers: what each took and cost."""

import tkinter
from datetime import datetime
from typing import Literal

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.table_columns import show_columns_that_fit
from tlfif.gui.views.widgets import FocusRing
from tlfif.money.amounts import usd
from tlfif.wire.money import AnswerCostView
from tlfif.wording.figures import seconds
from tlfif.wording.machines import model_title

_COLUMNS: tuple[tuple[str, str, Literal["w", "e"], str], ...] = (
    ("when", "When", "w", "00 Nov, 00:00"),
    ("model", "Model", "w", "SmolLM2-135M-Instruct"),
    ("status", "Ended", "w", "succeeded"),
    ("tokens", "Tokens", "e", "0000 + 0000"),
    ("time", "Time", "e", "00 min 00 s"),
    ("real", "Cost", "e", "$0.000000"),
    ("aws", "Simulated on AWS", "e", "$0.000000 …"),
)
_WEIGHT = ("when", "real", "aws", "time", "model", "tokens", "status")
"""Columns by importance: the first ones are left out last."""
_ELASTIC = "model"
"""The column that takes the space that is left."""
ROWS = 8


class ReceiptsTable(ttk.Frame):
    """Newest first. A sum with “…” still grows, because its machine has not ended."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        names = [name for name, *_ in _COLUMNS]
        self._ring = FocusRing(self, context)
        self.tree = ttk.Treeview(
            self._ring, columns=names, show="headings", selectmode="browse", height=ROWS, style="Receipts.Treeview"
        )
        self._ring.hold(self.tree)
        self._bar = ttk.Scrollbar(self, orient="vertical", command=self.tree.yview, bootstyle="secondary round")
        self.tree.configure(yscrollcommand=self._scrolled)
        for name, title, anchor, _ in _COLUMNS:
            self.tree.heading(name, text=title, anchor=anchor)
        self._ring.grid(row=0, column=0, sticky="nsew")
        self._bar.grid(row=0, column=1, sticky="ns")
        self.columnconfigure(0, weight=1)
        self._shown: tuple[AnswerCostView, ...] | None = None
        self._simulated = True
        self._widths: dict[str, int] = {}
        self.bind("<Configure>", lambda _: self._fit(), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        look = self._context.look
        self._ring.restyle()
        for name, title, anchor, widest in _COLUMNS:
            width = max(look.width(widest, SMALL), look.width(title, "TlfifStrong")) + look.px(14)
            self._widths[name] = width
            self.tree.column(name, width=width, minwidth=look.px(50), anchor=anchor, stretch=name == _ELASTIC)
        self._fit()

    def _fit(self) -> None:
        space = self.winfo_width() - self._context.look.px(16)
        columns = tuple(name for name in _WEIGHT if name != "aws" or self._simulated)
        show_columns_that_fit(self.tree, space, widths=self._widths, by_weight=columns, least=1)
        shown = [str(name) for name in self.tree.cget("displaycolumns") if name != _ELASTIC]
        left = space - sum(self._widths.get(name, 0) for name in shown)
        self.tree.column(_ELASTIC, width=max(self._widths.get(_ELASTIC, 0), left))

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        (self._bar.grid if float(first) > 0 or float(last) < 1 else self._bar.grid_remove)()

    def show(self, receipts: tuple[AnswerCostView, ...], *, simulated: bool) -> None:
        """Show exactly these. ``simulated``: what AWS would have charged stands beside what was charged."""
        if receipts == self._shown and simulated is self._simulated:
            return
        self._shown, self._simulated = receipts, simulated
        self._fit()
        self.tree.configure(height=max(1, min(ROWS, len(receipts))))
        self.tree.delete(*self.tree.get_children())
        for one in receipts:
            self.tree.insert("", "end", values=row_of(one))


def row_of(one: AnswerCostView) -> tuple[str, ...]:
    """The texts of a row."""
    when = datetime.fromtimestamp(one["created_at"])
    prompt, answer = one["prompt_tokens"], one["completion_tokens"]
    simulated = one["simulated_aws"]
    return (
        f"{when:%d %b, %H:%M}",
        model_title(one["model"]),
        one["status"],
        "" if prompt is None and answer is None else f"{prompt or 0} + {answer or 0}",
        "" if one["total_seconds"] is None else seconds(one["total_seconds"]),
        usd(one["cost"]["usd"]) if one["cost"]["usd"] else "nothing",
        "" if simulated is None else usd(simulated["usd"]) + ("" if simulated["final"] else " …"),
    )
