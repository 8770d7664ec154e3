"""Money: what is owed and what AWS would have charged, side by side and never mixed; the budget; the adviser."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import ReadAdvice, SetBudget, UnlockBudget
from tlfif.gui.model.messages import AdviceUpdated, BudgetChanged, CommandFailed, CostUpdated
from tlfif.gui.model.state import BilledPanel, BudgetPanel, CostPanel, Meter, Press, WindowState
from tlfif.gui.presenters.problems import plain, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice, without_notices
from tlfif.kernel.errors import InvalidInputError
from tlfif.money.amounts import eur, unit_price, usd, usd_and_eur
from tlfif.money.budget.budget_limit import check_limit
from tlfif.wire.money import BilledView, BudgetView, CostView, SumsView
from tlfif.wording.figures import day, exchange_text
from tlfif.wording.machines import HERE, types_text

STALE_SECONDS = 10.0
REAL = "Running estimate"
SIMULATED = "On AWS this would have cost"
BLANK = "Type an amount such as 20. To have no limit at all, press No limit."
NOT_BILLED_HERE = "Billed by AWS: nothing, because no machine runs there."
NO_FIGURE = "No figure yet"
OWN_METER = "By TL-FIF's own meter; AWS's bill is what counts in the end."


def present_cost(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """Reports, the clock, and what the owner does to the budget."""
    panel = state.cost
    match event:
        case CostUpdated(cost=report):
            return Step(replace(state, cost=reported(panel, report, moment.now)))
        case intents.Tick() if panel.report is not None:
            return Step(with_live_cost(state, moment.now))
        case AdviceUpdated(advice=advice):
            return Step(replace(state, cost=replace(panel, advice=advice)))
        case intents.ShowTab(name="cost"):
            return Step(state, (ReadAdvice(),))
        case _:
            return _budget(state, event, moment)


def _budget(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    budget = state.cost.budget
    saving = replace(budget, saving=True)
    match event:
        case intents.TypeBudget(text=text):
            return Step(_with_budget(state, replace(budget, entry=text, entry_problem=limit_problem(text))))
        case intents.ApplyBudget(rehearsal=rehearsal):
            found = limit_problem(budget.entry) or ("" if budget.entry.strip() else BLANK)
            if found:
                return Step(_with_budget(state, replace(budget, entry_problem=found)))
            return Step(_with_budget(state, saving), (SetBudget(limit=budget.entry.strip(), simulated_aws=rehearsal),))
        case intents.RemoveBudget():
            return Step(_with_budget(state, saving), (SetBudget(limit=None, simulated_aws=False),))
        case intents.PressButton(press=Press.RELEASE_BUDGET):
            return Step(_with_budget(state, saving), (UnlockBudget(),))
        case BudgetChanged(budget=view):
            changed = replace(budget_panel(view, budget), saving=False, entry="", entry_problem="")
            return Step(without_notices(_with_budget(state, changed), "budget_locked", "budget_no_room"))
        case CommandFailed(command="SetBudget", error=error):
            return Step(_with_budget(state, replace(budget, saving=False, entry_problem=plain(error.message))))
        case CommandFailed(command="UnlockBudget", error=error):
            return Step(with_notice(_with_budget(state, replace(budget, saving=False)), problem_of(error), moment.at))
        case _:
            return Step(state)


def limit_problem(text: str) -> str:
    """Why this cannot be a limit; empty where it can, and while nothing is typed yet."""
    if not text.strip():
        return ""
    try:
        check_limit(text)
    except InvalidInputError as error:
        return plain(error.message)
    return ""


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
        days=tuple(shown["days"]),
        days_name=SIMULATED if shown is simulated else REAL,
        forecast_text=(
            f"{SIMULATED if shown is simulated else REAL}, to the end of the month at the pace of the last seven days: "
            f"{usd_and_eur(shown['forecast_usd'], shown['forecast_eur'])}"
        ),
        receipts=tuple(report["receipts"]),
        exchange_text=f"{exchange_text(report['exchange'])}",
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
    counted = other if budget.rehearsal and other is not None else real
    running = bool(report["running_usd_per_hour"] or (simulated and simulated["running_usd_per_hour"]))
    return replace(
        panel,
        real=real,
        simulated=other,
        budget=_left(budget, report["budget"], (counted.usd - counted.usd_at_report) / per_eur, rate),
        stale=running and age > STALE_SECONDS,
    )


def billed_panel(view: BilledView | None) -> BilledPanel | None:
    """AWS's own figure as the server reports it."""
    if view is None:
        return None
    amount, in_eur, note = view["usd"], view["eur"], plain(view["sentence"])
    if amount is None or in_eur is None:
        return BilledPanel(title=view["title"], value=NO_FIGURE, note=note)
    return BilledPanel(title=view["title"], value=usd(amount), note=f"{eur(in_eur)}. {note}")


def budget_panel(view: BudgetView, old: BudgetPanel) -> BudgetPanel:
    """The budget as the server reports it; what is being typed stays."""
    return _left(
        replace(
            old,
            state=view["state"],
            sentence=plain(view["sentence"]),
            rehearsal=view["simulated_aws"],
            locked=view["state"] == "locked",
        ),
        view,
        0.0,
    )


def _left(
    panel: BudgetPanel, view: BudgetView, spent_since_eur: float, usd_per_eur: float | None = None
) -> BudgetPanel:
    limit = None if view["limit_eur"] is None else view["limit_eur"] + view["extra_eur"]
    if limit is None:
        return replace(panel, left_text="No monthly limit is set", limit_eur=None, left_eur=None, fraction=None)
    spent = view["spent_eur"] + spent_since_eur
    left = max(0.0, limit - spent)
    name = "Rehearsal: " if view["simulated_aws"] else ""
    aside = f", {eur(view['committed_eur'])} of it set aside by the machine" if view["committed_eur"] else ""
    in_usd = "" if usd_per_eur is None else f" ({usd(left * usd_per_eur)})"
    return replace(
        panel,
        left_text=f"{name}{eur(left)}{in_usd} of {eur(limit)} left this month{aside}",
        limit_eur=limit,
        left_eur=left,
        fraction=spent / limit if limit else 1.0,
    )


def _meter(name: str, sums: SumsView, age: float, usd_per_eur: float, *, nothing: bool, before: Meter | None) -> Meter:
    """The report's figure and what has run up since; while something runs it never goes back, as it would with each
    report of a machine's first minute, which is paid in full from its beginning."""
    hourly = sums["running_usd_per_hour"]
    now = sums["month_to_date_usd"] + hourly * age / 3600
    if before is not None and now < before.usd <= now + hourly / 60:
        now = before.usd
    in_eur = now / usd_per_eur
    free = nothing and not now
    pace = f"{usd(hourly)} an hour now, {unit_price(hourly / 3600)} USD a second" if hourly else "nothing runs now"
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
    return f"Kept on AWS: {usd(monthly)} a month ({eur(in_eur)}), even if no machine ever runs"


def _formula(report: CostView, sums: SumsView) -> str:
    place = f"{sums['instance_type']} in {sums['region']}" if sums["region"] else HERE
    return (
        f"{report['month']}, {place}: machines {usd(sums['machines_usd'])} + standing items "
        f"{usd(sums['standing_usd'])}. Metered since {day(report['since'])}; {report['vat']}. "
        f"{types_text(report.get('types', []))}"  # a home that was deployed earlier does not send it
    ).strip()


def _with_budget(state: WindowState, budget: BudgetPanel) -> WindowState:
    return replace(state, cost=replace(state.cost, budget=budget))
