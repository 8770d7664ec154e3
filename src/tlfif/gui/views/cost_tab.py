"""The Cost tab: what is spent of the limit, the other figures, the month, the adviser, the last answers."""

import time
import tkinter

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.cost_figures import basis_of, figures_of
from tlfif.gui.views.adviser_card import AdviserCard
from tlfif.gui.views.budget_card import BudgetCard
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.figures_table import FiguresTable
from tlfif.gui.views.month_plot import MonthPlot
from tlfif.gui.views.receipts_table import ReceiptsTable
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, ScrolledPage, WrappingLabel


class CostTab(ScrolledPage):
    """Figures of different kinds have names of their own and are never added up."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context)
        body = self.body
        self.budget = BudgetCard(body, context)
        self._more = Card(body, context, "Other figures")
        self.figures = FiguresTable(self._more.body, context)
        self.figures.grid(row=0, column=0, sticky="ew")
        self.basis = WrappingLabel(self._more.body, style="Muted.Panel.TLabel")
        self.basis.grid(row=1, column=0, sticky="ew")
        self._month = Card(body, context, "Day by day")
        self.plot = MonthPlot(self._month.body, context)
        self.plot.grid(row=0, column=0, sticky="ew")
        self.adviser = AdviserCard(body, context)
        self._last = Card(body, context, "Last answers")
        self.receipts = ReceiptsTable(self._last.body, context)
        self.receipts.grid(row=0, column=0, sticky="ew")
        self._cards = (self.budget, self._more, self._month, self.adviser, self._last)
        body.columnconfigure(0, weight=1)
        for row, card in enumerate(self._cards):
            card.grid(row=row, column=0, sticky="nsew")
        self._report: object = None
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        super().restyle()
        for card in self._cards:
            card.restyle()
            regrid(card, pady=(0, px(10)))
        self.basis.configure(font=SMALL)
        regrid(self.basis, pady=(px(10), 0))
        self.figures.restyle()
        self.plot.restyle()
        self.receipts.restyle()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed; nothing while another tab is in front."""
        same = old is not None and old.cost is new.cost and old.machine.idle is new.machine.idle
        if new.tab != "cost" or (same and old is not None and old.tab == new.tab):
            return
        cost, idle = new.cost, new.machine.idle
        self.budget.show(cost, on_aws=new.home.view.on_aws)
        self.figures.show(figures_of(cost))
        self.basis.show(basis_of(cost))
        self.adviser.show(cost.advice, in_force=idle.in_force, may_set=not idle.not_yours)
        self.receipts.show(
            cost.receipts, simulated=cost.report is not None and cost.report["simulated_aws"] is not None
        )
        if cost.report is not self._report:
            self._report = cost.report
            self.plot.show(cost.report, now_ms=round(time.time() * 1000))
