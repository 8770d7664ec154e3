"""The monthly limit: what the owner does to it, what is asked before, and how it is taken back."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import Command, SetBudget, UnlockBudget
from tlfif.gui.model.cost_panel import BudgetPanel, BudgetUndo
from tlfif.gui.model.messages import BudgetChanged, CommandFailed
from tlfif.gui.model.state import Choice, Dialog, Press, WindowState
from tlfif.gui.presenters.problems import own_message, plain, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice, without_notices
from tlfif.kernel.errors import InvalidInputError
from tlfif.money.amounts import eur, usd_and_eur
from tlfif.money.budget.budget_limit import check_limit
from tlfif.wire.money import BudgetView
from tlfif.wording.budget import limit_words, no_limit_text, release_consequence

BLANK = "Type an amount such as 20. To have no limit at all, press No limit."
NAME = "budget"
NO_LIMIT, RELEASE = "no_limit", "release"
CHANGED, WARNED = "budget_changed", "budget_warned"
UNDO_SECONDS = 60.0
_MARKS = {
    "warn_50": "More than half of this month's budget is gone",
    "warn_80": "More than four fifths of this month's budget are gone",
}


def present_budget(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """The field, the buttons, the questions before them, and Undo."""
    budget = state.cost.budget
    match event:
        case intents.TypeBudget(text=text):
            return Step(with_budget(state, replace(budget, entry=text, entry_problem=limit_problem(text))))
        case intents.ApplyBudget(practice=practice):
            found = limit_problem(budget.entry) or ("" if budget.entry.strip() else BLANK)
            if found:
                return Step(with_budget(state, replace(budget, entry_problem=found)))
            return _send(state, SetBudget(limit=str(check_limit(budget.entry)), simulated_aws=practice))
        case intents.RemoveBudget() | intents.PressButton(press=Press.RELEASE_BUDGET):
            return _ask(state, NO_LIMIT if isinstance(event, intents.RemoveBudget) else RELEASE)
        case intents.AnswerDialog(choice=choice) if state.dialog is not None and state.dialog.name == NAME:
            act, closed = state.dialog.subject, replace(state, dialog=None)
            return _do(closed, act) if choice is Choice.GO_ON else Step(closed)
        case intents.PressButton(press=Press.UNDO_BUDGET) if budget.undo is not None:
            back = SetBudget(limit=budget.undo.limit, simulated_aws=budget.undo.simulated_aws)
            gone = without_notices(with_budget(state, replace(budget, undo=None, saving=True)), CHANGED)
            return Step(gone, (back,))
        case intents.Tick() if budget.undo is not None and 0 < budget.undo.until <= moment.now:
            return Step(without_notices(with_budget(state, replace(budget, undo=None)), CHANGED))
        case _:
            return _heard(state, event, moment)


def _heard(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    budget = state.cost.budget
    not_done = replace(budget, saving=False, undo=None)
    match event:
        case BudgetChanged(budget=view):
            changed = replace(budget_panel(view, budget), saving=False, entry="", entry_problem="")
            told = without_notices(_reported(with_budget(state, changed), view), "budget_locked", "budget_no_room")
            return Step(_with_undo(with_warning(told, budget, moment), view, moment))
        case CommandFailed(command="SetBudget", error=error):
            return Step(with_budget(state, replace(not_done, entry_problem=plain(error.message))))
        case CommandFailed(command="UnlockBudget", error=error):
            return Step(with_notice(with_budget(state, not_done), problem_of(error), moment.at))
        case _:
            return Step(state)


def _reported(state: WindowState, view: BudgetView) -> WindowState:
    """The last report with this budget: until the next one comes, what is left follows from it."""
    report = state.cost.report
    return state if report is None else replace(state, cost=replace(state.cost, report={**report, "budget": view}))


def limit_problem(text: str) -> str:
    """Why this cannot be a limit; empty where it can, and while nothing is typed yet."""
    if not text.strip():
        return ""
    try:
        check_limit(text)
    except InvalidInputError as error:
        return plain(error.message)
    return ""


def _ask(state: WindowState, act: str) -> Step:
    view = None if state.cost.report is None else state.cost.report["budget"]
    if act == NO_LIMIT:
        title, text, label = "Have no limit?", no_limit_text(view, here=not state.home.view.on_aws), "No limit"
    else:
        title, text, label = "Release the budget for this month?", release_consequence(view), "Release budget"
    choices = ((Choice.KEEP, "Change nothing"), (Choice.GO_ON, label))
    text = text if view is None else f"{text} Undo takes it back, for a minute."
    return Step(replace(state, dialog=Dialog(name=NAME, title=title, text=text, choices=choices, subject=act)))


def _do(state: WindowState, act: str) -> Step:
    return _send(state, SetBudget(limit=None, simulated_aws=False) if act == NO_LIMIT else UnlockBudget())


def _send(state: WindowState, command: Command) -> Step:
    """Send it, and remember what was in force before."""
    report = state.cost.report
    before = None
    if report is not None:
        view = report["budget"]
        limit = None if view["limit_eur"] is None else str(view["limit_eur"])
        before = BudgetUndo(limit=limit, simulated_aws=view["simulated_aws"])
    changed = without_notices(with_budget(state, replace(state.cost.budget, saving=True, undo=before)), CHANGED)
    return Step(changed, (command,))


def _with_undo(state: WindowState, view: BudgetView, moment: Moment) -> WindowState:
    """For a minute there is a button that takes the change back."""
    budget = state.cost.budget
    before = budget.undo
    if before is None or before.until:
        return state
    limit = None if view["limit_eur"] is None else str(view["limit_eur"])
    if (limit, view["simulated_aws"], view["extra_eur"]) == (before.limit, before.simulated_aws, 0.0):
        return with_budget(state, replace(budget, undo=None))
    old = limit_words(None if before.limit is None else float(before.limit))
    if view["extra_eur"]:
        title = f"The budget is released until {eur((view['limit_eur'] or 0.0) + view['extra_eur'])} are spent"
    else:
        title = "There is no limit now" if limit is None else f"The limit is {limit_words(view['limit_eur'])} now"
    told = own_message(CHANGED, title, f"Before: {old}.", presses=(Press.UNDO_BUDGET,))
    kept = replace(budget, undo=replace(before, until=moment.now + UNDO_SECONDS))
    return with_notice(with_budget(state, kept), told, moment.at, good=True)


def budget_panel(view: BudgetView, old: BudgetPanel) -> BudgetPanel:
    """The budget as the server reports it; what is being typed stays."""
    return budget_left(
        replace(
            old,
            state=view["state"],
            sentence=plain(view["sentence"]),
            practice=view["simulated_aws"],
            locked=view["state"] == "locked",
        ),
        view,
        0.0,
    )


def budget_left(
    panel: BudgetPanel, view: BudgetView, spent_since_eur: float, usd_per_eur: float | None = None
) -> BudgetPanel:
    """The same with what is left once ``spent_since_eur`` more is spent; in dollars, too, where the rate is given."""
    limit = None if view["limit_eur"] is None else view["limit_eur"] + view["extra_eur"]
    if limit is None:
        return replace(panel, left_text="No monthly limit is set", limit_eur=None, left_eur=None, fraction=None)
    spent = view["spent_eur"] + spent_since_eur
    left = max(0.0, limit - spent)
    name = "Practice mode: " if view["simulated_aws"] else ""
    aside = f", {eur(view['committed_eur'])} of it set aside by the machine" if view["committed_eur"] else ""
    in_both = eur(left) if usd_per_eur is None else usd_and_eur(left * usd_per_eur, left)
    return replace(
        panel,
        left_text=f"{name}{in_both} of {eur(limit)} left this month{aside}",
        limit_eur=limit,
        left_eur=left,
        fraction=spent / limit if limit else 1.0,
    )


def with_warning(state: WindowState, before: BudgetPanel, moment: Moment) -> WindowState:
    """The state with a notice where the month has passed a mark of its limit since ``before``, once for each."""
    now = state.cost.budget
    if now.state == before.state:
        return state
    title = _MARKS.get(now.state)
    if title is None:
        return without_notices(state, WARNED)
    advice = "At the limit no machine starts, and one that runs has a minute to finish."
    told = own_message(WARNED, title, f"{now.left_text}.", advice=advice, presses=(Press.OPEN_COST,))
    return with_notice(state, told, moment.at)


def with_budget(state: WindowState, budget: BudgetPanel) -> WindowState:
    """The state with this budget."""
    return replace(state, cost=replace(state.cost, budget=budget))
