"""Money: what is owed and what AWS would have charged, side by side and never mixed; the budget; the adviser."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import ReadAdvice
from tlfif.gui.model.cost_panel import BilledPanel, CostPanel, Meter
from tlfif.gui.model.messages import AdviceUpdated, CostUpdated
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.budget import budget_left, budget_panel, present_budget, with_warning
from tlfif.gui.presenters.prices import with_new_prices
from tlfif.gui.presenters.problems import plain
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.money.amounts import usd, usd_and_eur
from tlfif.wire.money import BilledView, CostView, SumsView
from tlfif.wording.figures import day, exchange_text
from tlfif.wording.machines import HERE, types_text

STALE_SECONDS = 30.0
"""Three reports of a home on AWS (``gui/bridge/watching.py``) did not come."""
REAL = "Running estimate"
SIMULATED = "On AWS this would have cost"
NOT_BILLED_HERE = "AWS bills nothing, because no machine runs there."
NO_FIGURE = "No figure yet"
OWN_METER = "By TL-FIF's own meter; AWS's bill is what counts in the end."


def present_cost(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """Reports, the clock, and what the owner does to the budget."""
    panel = state.cost
    match event:
        case CostUpdated(cost=report):
            priced = with_new_prices(state, report["receipts"])
            told = replace(priced, cost=reported(panel, report, moment.now))
            return Step(with_warning(told, panel.budget, moment))
        case intents.Tick() if panel.report is not None:
            return present_budget(with_live_cost(state, moment.now), event, moment)
        case AdviceUpdated(advice=advice):
            return Step(replace(state, cost=replace(panel, advice=advice)))
        case intents.ShowTab(name="cost"):
            return Step(state, (ReadAdvice(),))
        case _:
            return present_budget(state, event, moment)


def reported(panel: CostPanel, report: CostView, now: float) -> CostPanel:
    """The panel after a report of the server."""
    here = report["region"] is None
    simulated = report["simulated_aws"]
    shown: SumsView = simulated if here and simulated is not None else report
    fresh = replace(
        panel,
        updated_at=now,
        report=report,
        billed_text=NOT_BILLED_HERE if here else OWN_METER,
        billed=billed_panel(report.get("billed")),  # a home that was deployed earlier does not send it
        standing_text="" if here else _standing(report),
        formula_text=_formula(report, shown),
        budget=budget_panel(report["budget"], panel.budget),
        receipts=tuple(report["receipts"]),
        exchange_text=f"{exchange_text(report['exchange'], source=False)}.",
    )
    return live(fresh, now)


def with_live_cost(state: WindowState, now: float) -> WindowState:
    """The state whose figures are as they are at ``now``; the same object where none moved."""
    panel = live(state.cost, now)
    return state if panel == state.cost else replace(state, cost=panel)


def live(panel: CostPanel, now: float) -> CostPanel:
    """The figures at ``now``: the last report's, plus what the running machine has cost since."""
    report, updated_at = panel.report, panel.updated_at
    if report is None or updated_at is None:
        return panel
    age = max(0.0, now - updated_at)
    here = report["region"] is None
    simulated = report["simulated_aws"]
    per_eur = report["exchange"]["usd_per_eur"]
    real = _meter(REAL, report, age, per_eur, nothing=here, before=panel.real)
    other = (
        None if simulated is None else _meter(SIMULATED, simulated, age, per_eur, nothing=False, before=panel.simulated)
    )
    budget, rate = panel.budget, None if here else per_eur
    counted = other if budget.practice and other is not None else real
    running = bool(report["running_usd_per_hour"] or (simulated and simulated["running_usd_per_hour"]))
    return replace(
        panel,
        real=real,
        simulated=other,
        budget=budget_left(budget, report["budget"], (counted.usd - counted.usd_at_report) / per_eur, rate),
        stale=running and age > STALE_SECONDS,
    )


def billed_panel(view: BilledView | None) -> BilledPanel | None:
    """AWS's own figure as the server reports it."""
    if view is None:
        return None
    amount, in_eur, note = view["usd"], view["eur"], plain(view["sentence"])
    if amount is None or in_eur is None:
        return BilledPanel(title=view["title"], value=NO_FIGURE, note=note)
    return BilledPanel(title=view["title"], value=usd_and_eur(amount, in_eur), note=note)


def _meter(name: str, sums: SumsView, age: float, usd_per_eur: float, *, nothing: bool, before: Meter | None) -> Meter:
    """The report's figure and what has run up since; while something runs it never goes back, as it would with each
    report of a machine's first minute, which is paid in full from its beginning."""
    hourly = sums["running_usd_per_hour"]
    now = sums["month_to_date_usd"] + hourly * age / 3600
    if before is not None and now < before.usd <= now + hourly / 60:
        now = before.usd
    in_eur = now / usd_per_eur
    free = nothing and not now
    pace = f"{usd(hourly)} an hour now, {usd(hourly / 3600)} a second" if hourly else "nothing runs now"
    return Meter(
        name=name,
        usd_at_report=sums["month_to_date_usd"],
        usd_per_hour=hourly,
        usd=now,
        eur=in_eur,
        text="Costs nothing: it runs on this computer" if free else f"{name} this month: {usd_and_eur(now, in_eur)}",
        per_hour_text=pace,
    )


def _standing(report: CostView) -> str:
    """What costs money although no machine runs: a line of its own, part of the month's sum."""
    monthly = report["standing_usd_per_month"]
    in_eur = monthly / report["exchange"]["usd_per_eur"]
    return f"Kept on AWS: {usd_and_eur(monthly, in_eur)} a month, even if no machine ever runs"


def _formula(report: CostView, sums: SumsView) -> str:
    place = f"{sums['instance_type']} in {sums['region']}" if sums["region"] else HERE
    return (
        f"{report['month']}, {place}: machines {usd(sums['machines_usd'])} + standing items "
        f"{usd(sums['standing_usd'])}. Metered since {day(report['since'])}; {report['vat']}. "
        f"{types_text(report.get('types', []))}"  # a home that was deployed earlier does not send it
    ).strip()
