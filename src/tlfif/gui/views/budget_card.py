"""What is spent this month, large, and the monthly limit: how much is left, set it, remove it, release its lock."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import FIGURE, SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.cost_panel import BudgetPanel, CostPanel
from tlfif.gui.model.state import Press
from tlfif.gui.presenters.cost_figures import headline_of
from tlfif.gui.views.context import ViewContext, is_compact
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, WrappingLabel

PRACTICE = "Practice mode (no real charges): count what AWS would have charged"


class BudgetCard(Card):
    """The limit counts real money, or in practice mode what AWS would have charged."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "This month")
        self._practice = tkinter.BooleanVar(self, value=False)
        self._shown: BudgetPanel | None = None
        self._on_aws = False
        head = self._head = ttk.Frame(self.body, style="Panel.TFrame")
        self.value = ttk.Label(head, style="Panel.TLabel")
        self.words = WrappingLabel(head, style="Muted.Panel.TLabel")
        head.columnconfigure(1, weight=1)
        self.bar = ttk.Progressbar(self.body, maximum=1000, bootstyle="primary")
        self.left = WrappingLabel(self.body, style="Panel.TLabel")
        row = ttk.Frame(self.body, style="Panel.TFrame")
        self._label = ttk.Label(row, text="New limit, € a month", style="Panel.TLabel")
        self.entry = ttk.Entry(row, width=9, justify="right")
        self.apply = ttk.Button(row, text="Set limit", bootstyle="primary", command=self._apply)
        self.remove = ttk.Button(
            row, text="No limit…", bootstyle="default", command=lambda: context.press(intents.RemoveBudget())
        )
        self.release = ttk.Button(
            row,
            text="Release budget…",
            bootstyle="default",
            command=lambda: context.press(intents.PressButton(Press.RELEASE_BUDGET)),
        )
        self.practice = ttk.Checkbutton(self.body, text=PRACTICE, variable=self._practice, style="Panel.TCheckbutton")
        self.not_yours = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        self.problem = WrappingLabel(self.body, style="Bad.Panel.TLabel")
        self._buttons = (self.entry, self.apply, self.remove, self.release)
        for place, widget in enumerate((self._label, *self._buttons)):
            widget.grid(row=0, column=place, sticky="w")
        self._row = row
        for number, part in enumerate((head, self.bar, self.left, row, self.practice, self.not_yours, self.problem)):
            part.grid(row=number, column=0, sticky="w" if part in (row, self.practice) else "ew")
        self.release.grid_remove()
        self.entry.bind("<KeyRelease>", self._typed)
        self.entry.bind("<Return>", lambda _: self._apply())
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        px, narrow = self._context.look.px, is_compact(self._context.look)
        self.value.configure(font=FIGURE)
        self.value.grid(row=0, column=0, sticky="w")
        self.words.grid(
            row=1 if narrow else 0, column=0 if narrow else 1, sticky="sew", padx=(0 if narrow else px(10), 0)
        )
        regrid(self.words, pady=(0, 0 if narrow else px(6)), columnspan=2 if narrow else 1)
        self.entry.configure(font="TlfifBody")
        self.not_yours.configure(font=SMALL)
        for widget in (self.bar, self.left, self.practice, self.not_yours):
            regrid(widget, pady=(px(6), 0))
        regrid(self._row, pady=(px(12), 0))
        regrid(self._label, columnspan=4 if narrow else 1)
        for place, one in enumerate(self._buttons):
            left = 0 if narrow and one is self.entry else px(8)
            regrid(one, row=1 if narrow else 0, column=place + (0 if narrow else 1), padx=(left, 0))
        self._which_buttons()

    def show(self, cost: CostPanel, *, on_aws: bool = False) -> None:
        """Draw it. ``on_aws``: there money is real, so there is nothing to practise."""
        headline, budget = headline_of(cost), cost.budget
        if str(self.value.cget("text")) != headline.value:
            self.value.configure(text=headline.value)
        self.value.configure(style="Muted.Panel.TLabel" if cost.stale else "Panel.TLabel")
        self.words.show(headline.words)
        if budget == self._shown and on_aws is self._on_aws:
            return
        if self._shown is None or budget.practice != self._shown.practice:
            self._practice.set(budget.practice)
        self._on_aws, self._shown = on_aws, budget
        self.left.show(budget.sentence if budget.locked else budget.left_text)
        self._show_bar(budget.fraction)
        if self.entry.get() != budget.entry:
            self.entry.delete(0, "end")
            self.entry.insert(0, budget.entry)
        self.problem.show(budget.entry_problem)
        self.not_yours.show(budget.not_yours)
        self.apply.configure(text="Setting…" if budget.saving else "Set limit")
        self._which_buttons()

    def _which_buttons(self) -> None:
        budget = self._shown
        mine = budget is None or not budget.not_yours
        practised = budget is not None and budget.practice
        (self._row.grid if mine else self._row.grid_remove)()
        (self.practice.grid if mine and (practised or not self._on_aws) else self.practice.grid_remove)()
        (self.release.grid if budget is not None and budget.locked else self.release.grid_remove)()

    def _show_bar(self, used: float | None) -> None:
        if used is None:
            self.bar.grid_remove()
            return
        self.bar.grid()
        colour = "danger" if used >= 1 else "warning" if used >= 0.5 else "primary"
        self.bar.configure(value=round(min(1.0, used) * 1000), bootstyle=colour)

    def _typed(self, _event: object) -> None:
        if self._shown is None or self.entry.get() != self._shown.entry:
            self._context.press(intents.TypeBudget(self.entry.get()))

    def _apply(self) -> None:
        self._context.press(intents.ApplyBudget(practice=self._practice.get()))
