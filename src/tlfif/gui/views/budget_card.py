"""The monthly limit: how much of it is used, set it, remove it, release its lock."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.model import intents
from tlfif.gui.model.state import BudgetPanel, Press
from tlfif.gui.views.context import ViewContext, is_compact
from tlfif.gui.views.widgets import Card, WrappingLabel


class BudgetCard(Card):
    """The limit counts real money, or in a rehearsal what AWS would have cost."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "Budget")
        self._rehearsal = tkinter.BooleanVar(self, value=False)
        self._shown: BudgetPanel | None = None
        self._real_money = False
        self.left = WrappingLabel(self.body, style="Panel.TLabel")
        self.bar = ttk.Progressbar(self.body, maximum=1000, bootstyle="primary")
        self.sentence = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        row = ttk.Frame(self.body, style="Panel.TFrame")
        self._label = ttk.Label(row, text="New limit, EUR a month", style="Panel.TLabel")
        self.entry = ttk.Entry(row, width=9, justify="right")
        self.apply = ttk.Button(row, text="Set limit", bootstyle="primary", command=self._apply)
        self.remove = ttk.Button(
            row, text="No limit", bootstyle="default", command=lambda: context.press(intents.RemoveBudget())
        )
        self.rehearse = ttk.Checkbutton(
            self.body,
            text="Rehearsal: count what AWS would have cost",
            variable=self._rehearsal,
            style="Panel.TCheckbutton",
        )
        self.release = ttk.Button(
            row,
            text="Release budget",
            bootstyle="danger",
            command=lambda: context.press(intents.PressButton(Press.RELEASE_BUDGET)),
        )
        self.problem = WrappingLabel(self.body, style="Bad.Panel.TLabel")
        for place, widget in enumerate((self._label, self.entry, self.apply, self.remove, self.release)):
            widget.grid(row=0, column=place, sticky="w")
        self._row = row
        for number, part in enumerate((self.left, self.bar, self.sentence, row, self.rehearse, self.problem)):
            part.grid(row=number, column=0, sticky="w" if part in (row, self.rehearse) else "ew")
        self.release.grid_remove()
        self.entry.bind("<KeyRelease>", self._typed)
        self.entry.bind("<Return>", lambda _: self._apply())
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        px = self._context.look.px
        self.left.configure(font="TlfifStrong")
        self.entry.configure(font="TlfifBody")
        for widget in (self.bar, self.sentence, self._row, self.rehearse):
            widget.grid_configure(pady=(px(6), 0))
        for item in (self.entry, self.apply, self.remove, self.release):
            item.grid_configure(padx=(px(8), 0))
        narrow = is_compact(self._context.look)
        self._label.grid_configure(columnspan=4 if narrow else 1)
        for place, one in enumerate((self.entry, self.apply, self.remove, self.release)):
            one.grid_configure(row=1 if narrow else 0, column=place + (0 if narrow else 1))
        if narrow:
            self.entry.grid_configure(padx=0)
        if self._shown is None or not self._shown.locked:
            self.release.grid_remove()

    def show(self, budget: BudgetPanel, *, real_money: bool = False) -> None:
        """Draw it. ``real_money``: machines run on AWS, so there is nothing to rehearse."""
        if budget == self._shown and real_money is self._real_money:
            return
        self._real_money = real_money
        (self.rehearse.grid_remove if real_money and not budget.rehearsal else self.rehearse.grid)()
        if self._shown is None or budget.rehearsal != self._shown.rehearsal:
            self._rehearsal.set(budget.rehearsal)
        self._shown = budget
        self.left.show(budget.left_text or "Not read yet")
        self.sentence.show(budget.sentence)
        if budget.fraction is None:
            self.bar.grid_remove()
        else:
            self.bar.grid()
            used = budget.fraction
            colour = "danger" if used >= 1 else "warning" if used >= 0.5 else "primary"
            self.bar.configure(value=round(min(1.0, used) * 1000), bootstyle=colour)
        if self.entry.get() != budget.entry:
            self.entry.delete(0, "end")
            self.entry.insert(0, budget.entry)
        self.problem.show(budget.entry_problem)
        self.apply.configure(text="Setting…" if budget.saving else "Set limit")
        (self.release.grid if budget.locked else self.release.grid_remove)()

    def _typed(self, _event: object) -> None:
        if self._shown is None or self.entry.get() != self._shown.entry:
            self._context.press(intents.TypeBudget(self.entry.get()))

    def _apply(self) -> None:
        self._context.press(intents.ApplyBudget(rehearsal=self._rehearsal.get()))
