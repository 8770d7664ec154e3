"""The figures of the Cost tab in words: one of them is large, the others stand below it, each with its name."""

from dataclasses import dataclass

from tlfif.gui.model.cost_panel import CostPanel
from tlfif.gui.presenters.cost import STALE_SECONDS
from tlfif.money.amounts import eur, usd, usd_and_eur

NOT_READ = "Not read yet"
NOT_CHARGED = "simulated; nobody charges it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The large figure: ``$6.20``, and behind it ``5.39 € this month · limit 20.00 €``."""

    value: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One more figure, never added to another one."""

    name: str
    value: str
    note: str = ""


def headline_of(cost: CostPanel) -> Headline:
    """What is spent of the limit this month: real money, or in practice mode what AWS would have charged."""
    practised = cost.budget.practice and cost.simulated is not None
    meter = cost.simulated if practised else cost.real
    if meter is None:
        return Headline(value=NOT_READ, words="")
    limit = "no limit" if cost.budget.limit_eur is None else f"limit {eur(cost.budget.limit_eur)}"
    in_eur = f"{eur(meter.eur)} " if meter.usd else ""
    mode = " · practice mode (no real charges)" if practised else ""
    return Headline(value=usd(meter.usd), words=f"{in_eur}this month · {limit}{mode}")


def figures_of(cost: CostPanel) -> tuple[Figure, ...]:
    """The other figures, in the order in which they are asked for."""
    report = cost.report
    if report is None:
        return ()
    sums = report["simulated_aws"] if report["region"] is None else report
    if sums is None:
        return ()
    simulated, rate = sums is not report, report["exchange"]["usd_per_eur"]
    found = []
    if simulated and cost.simulated is not None:
        total = usd_and_eur(cost.simulated.usd, cost.simulated.eur)
        found.append(Figure(name="On AWS this would have cost", value=total, note=NOT_CHARGED))
    hourly = sums["running_usd_per_hour"]
    if hourly:
        name = "Running now, on AWS" if simulated else "Running now"
        found.append(Figure(name=name, value=f"{usd(hourly)} an hour", note=f"{usd(hourly / 3600)} a second"))
    if not simulated:
        kept = sums["standing_usd_per_month"]
        words = "a month, even if no machine ever runs"
        found.append(Figure(name="Kept on AWS", value=usd_and_eur(kept, kept / rate), note=words))
    ahead = usd_and_eur(sums["forecast_usd"], sums["forecast_eur"])
    pace = "at the pace of the last seven days"
    found.append(Figure(name="At the month's end", value=ahead, note=f"{pace}; {NOT_CHARGED}" if simulated else pace))
    if cost.billed is not None:
        found.append(Figure(name=cost.billed.title, value=cost.billed.value, note=cost.billed.note))
    return tuple(found)


def basis_of(cost: CostPanel) -> str:
    """What the figures rest on, in small letters below them."""
    stale = f"No report for {STALE_SECONDS:g} seconds." if cost.stale else ""
    return " ".join(text for text in (stale, cost.billed_text, cost.formula_text, cost.exchange_text) if text)
