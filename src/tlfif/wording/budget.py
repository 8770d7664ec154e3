"""What follows from a change of the budget, said before it is made."""

from tlfif.money.amounts import eur
from tlfif.wire.money import BudgetView


def no_limit_text(budget: BudgetView | None, *, here: bool) -> str:
    """What it means to have no limit. ``budget``: None where it is not known. ``here``: prompts are answered on this
    computer, which costs nothing."""
    limit = None if budget is None else budget["limit_eur"]
    now = "" if limit is None else f" The limit is {eur(limit)} a month now."
    if here:
        ends = "This ends practice mode. " if budget is not None and budget["simulated_aws"] else ""
        return f"{ends}Prompts that this computer answers cost nothing, with a limit or without one.{now}"
    return (
        "AWS may then charge without a limit from TL-FIF. Only the idle time-out and the longest run time of a machine "
        f"still end it.{now}"
    )


def release_consequence(budget: BudgetView | None) -> str:
    """How much more may be spent once the lock is released: a quarter of the limit, or one start where that is more."""
    if budget is None:
        return "Machines start again this month, until about a quarter of the limit more is spent."
    limit = budget["limit_eur"] or 0.0
    more = max(limit / 4, budget["committed_eur"] + budget["start_eur"])
    practised = " Practice mode (no real charges)." if budget["simulated_aws"] else ""
    return (
        f"Machines start again this month until {eur(budget['spent_eur'] + more)} are spent, about {eur(more)} more "
        f"than now. Next month the limit is {eur(limit)} again.{practised}"
    )


def limit_words(limit_eur: float | None) -> str:
    """``20.00 € a month``, or that there is none."""
    return "no limit" if limit_eur is None else f"{eur(limit_eur)} a month"
