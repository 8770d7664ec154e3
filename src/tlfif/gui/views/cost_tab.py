"""The Cost tab: what is owed, what AWS would have charged, the budget, the month, the adviser, the last answers."""

import time
import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL, TITLE
from tlfif.gui.model.state import BilledPanel, CostPanel, Meter, WindowState
from tlfif.gui.views.budget_card import BudgetCard
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.month_plot import MonthPlot
from tlfif.gui.views.receipts_table import ReceiptsTable
from tlfif.gui.views.widgets import Card, ScrolledPage, WrappingLabel
from tlfif.money.amounts import eur, usd

SIMULATED = "On AWS this would have cost"
KEPT = "What is kept on AWS, by the month"


class _Figure(Card):
    """One sum alone in its card, so that nobody adds it to another."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, title: str) -> None:
        super().__init__(parent, context, title)
        self.value = ttk.Label(self.body, style="Panel.TLabel")
        self.note = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        self.value.grid(row=0, column=0, sticky="ew")
        self.note.grid(row=1, column=0, sticky="ew")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        self.value.configure(font=TITLE)
        self.note.configure(font=SMALL)

    def show_text(self, value: str, note: str) -> None:
        """Show a sum that does not run."""
        self.value.configure(text=value, style="Panel.TLabel")
        self.note.show(note)

    def show(self, meter: Meter | None, *, stale: bool, nothing: str, aside: str) -> None:
        """Draw it."""
        if meter is None:
            value, note = nothing, aside
        elif not meter.usd and not meter.usd_per_hour:
            value, note = usd(0), aside or meter.text
        else:
            value = usd(meter.usd)
            note = f"{eur(meter.eur)} this month, {meter.per_hour_text}. {aside}".strip()
        if str(self.value.cget("text")) != value:
            self.value.configure(text=value)
        self.value.configure(style="Muted.Panel.TLabel" if stale else "Panel.TLabel")
        self.note.show(f"No report for ten seconds. {note}" if stale else note)


class CostTab(ScrolledPage):
    """Figures of different kinds stand in different cards and are never added up."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context)
        body = self.body
        self.real = _Figure(body, context, "Running estimate")
        self.simulated = _Figure(body, context, SIMULATED)
        self.billed = _Figure(body, context, "Billed by AWS")
        self.budget = BudgetCard(body, context)
        self._month = Card(body, context, "This month")
        self.plot = MonthPlot(self._month.body, context)
        self.plot.grid(row=0, column=0, sticky="ew")
        self.month_note = WrappingLabel(self._month.body, style="Muted.Panel.TLabel")
        self.month_note.grid(row=1, column=0, sticky="ew")
        self._adviser = Card(body, context, "Adviser: which idle time-out would have been best")
        self.advice = WrappingLabel(self._adviser.body, style="Panel.TLabel")
        self.advice.grid(row=0, column=0, sticky="ew")
        self.options = WrappingLabel(self._adviser.body, style="Muted.Panel.TLabel")
        self.options.grid(row=1, column=0, sticky="ew")
        self._last = Card(body, context, "Last answers")
        self.receipts = ReceiptsTable(self._last.body, context)
        self.receipts.grid(row=0, column=0, sticky="ew")
        self._cards = (self.real, self.simulated, self.billed, self.budget, self._month, self._adviser, self._last)
        body.columnconfigure((0, 1), weight=1, uniform="half")
        for card, row, column, span in zip(
            self._cards, (0, 0, 1, 2, 3, 4, 5), (0, 1, 0, 0, 0, 0, 0), (1, 1, 2, 2, 2, 2, 2), strict=True
        ):
            card.grid(row=row, column=column, columnspan=span, sticky="nsew")
        self.billed.grid_remove()  # AWS bills nothing for this computer
        self._report: object = None
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        super().restyle()
        for card in self._cards:
            card.restyle()
            if card.winfo_manager():
                card.grid_configure(pady=(0, px(10)))
        self.real.grid_configure(padx=(0, px(5)))
        self.simulated.grid_configure(padx=(px(5), 0))
        self.month_note.configure(font=SMALL)
        self.plot.restyle()
        self.receipts.restyle()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed; nothing while another tab is in front."""
        if new.tab != "cost" or (old is not None and old.cost is new.cost and old.tab == new.tab):
            return
        cost = new.cost
        report = cost.report
        real_money = report is not None and report["simulated_aws"] is None
        self.real.show(cost.real, stale=cost.stale, nothing="not read yet", aside=cost.billed_text)
        self.simulated.title.show(KEPT if real_money else SIMULATED)
        if report is not None and real_money:
            self.simulated.show_text(usd(report["standing_usd_per_month"]), cost.standing_text)
        else:
            self.simulated.show(cost.simulated, stale=cost.stale, nothing="not read yet", aside="")
        self._show_billed(cost.billed)
        self.budget.show(cost.budget, real_money=real_money)
        self.receipts.show(cost.receipts)
        self._words(cost)
        if cost.report is not self._report:
            self._report = cost.report
            self.plot.show(cost.report, now_ms=round(time.time() * 1000))

    def _show_billed(self, billed: BilledPanel | None) -> None:
        if billed is None:
            self.billed.grid_remove()
            return
        self.billed.title.show(billed.title)
        self.billed.show_text(billed.value, billed.note)
        self.billed.grid(pady=(0, self._context.look.px(10)))

    def _words(self, cost: CostPanel) -> None:
        parts = [text for text in (cost.forecast_text, cost.formula_text, cost.exchange_text) if text]
        self.month_note.show("\n".join(parts))
        advice = cost.advice
        self.advice.show(advice["sentence"] if advice else "Not read yet.")
        self.options.show("\n".join(option["sentence"] for option in advice["options"]) if advice else "")
