"""``tlfif budget``: the monthly limit that holds, practice mode, and its lock."""

import argparse
import asyncio
from decimal import Decimal

from tlfif.cli.arguments import add_json
from tlfif.cli.connection import only_on_this_computer, open_client
from tlfif.cli.exit_codes import DONE, USAGE
from tlfif.cli.output.console import Console
from tlfif.cli.output.progress import agreed
from tlfif.cli.output.tables import columns, paragraph
from tlfif.money.amounts import eur, usd
from tlfif.money.budget.budget_limit import DEFAULT_LIMIT_EUR, MAX_LIMIT_EUR, MIN_LIMIT_EUR, check_limit
from tlfif.wire.money import BudgetView, CostView
from tlfif.wording.budget import no_limit_text

NO_LIMIT = "none"
PRACTICE = "Practice mode (no real charges): the limit counts what AWS would have charged."

AMOUNT_HELP = f"euros per month without VAT, {MIN_LIMIT_EUR} to {MAX_LIMIT_EUR:,}, such as 20; “{NO_LIMIT}” removes it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = (
        "At the limit the machine is ended and nothing starts until you raise the limit, release the lock, or the "
        "month is over. Warnings come at 50 and 80 %. Prompts answered on this computer cost nothing, so a limit on "
        "real money is never reached there; --simulated-aws practises it. On AWS the limit counts real money."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    show = actions.add_parser("show", help="the limit, what is spent and what is free")
    add_json(show)
    setting = actions.add_parser(
        "set", help=f"set the limit per month (it begins as {eur(DEFAULT_LIMIT_EUR)})", description="Set the limit."
    )
    setting.add_argument("amount", metavar="AMOUNT", help=AMOUNT_HELP)
    setting.add_argument(
        "--simulated-aws",
        "--as-if-aws",  # its old name, for one release
        action="store_true",
        help="practice mode (no real charges): hold the limit against what AWS would have charged",
    )
    setting.add_argument("--yes", action="store_true", help=f"do not ask before “{NO_LIMIT}”")
    add_json(setting)
    release = actions.add_parser(
        "release",
        help="open the lock for the rest of this month",
        description="Open the lock for the rest of this month. The limit stays; the next lock comes when a quarter of "
        "it more is spent, or what one start needs where that is more.",
    )
    add_json(release)


def run(args: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    if args.action == "show":
        return asyncio.run(_show(console, as_json=args.json))
    if args.action == "set":
        limit = None if args.amount.strip().lower() == NO_LIMIT else str(check_limit(args.amount))
        if args.simulated_aws:
            only_on_this_computer("budget set --simulated-aws")
        return asyncio.run(_set(limit, console, args))
    return asyncio.run(_release(console, as_json=args.json))


async def _show(console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        cost = await client.cost()
    console.result(cost["budget"], budget_report(cost), as_json=as_json)
    return DONE


async def _set(limit: str | None, console: Console, args: argparse.Namespace) -> int:
    async with open_client() as client:
        before = await client.cost()
        if limit is None:
            what_follows = no_limit_text(before["budget"], here=before["region"] is None)
            if not agreed(console, f"{paragraph(what_follows)}\nHave no limit?", yes=args.yes):
                console.note("Not confirmed. Nothing was changed.")
                return USAGE
        after = await client.set_budget(limit, simulated_aws=args.simulated_aws)
    console.result(after, set_text(before, after), as_json=args.json)
    return DONE


async def _release(console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        before = (await client.cost())["budget"]
        after = await client.release_budget()
    console.result(after, release_text(before, after), as_json=as_json)
    return DONE


def budget_report(cost: CostView) -> str:
    """The budget for a person: its state, the sums, what to type."""
    budget = cost["budget"]
    counted = "counts what AWS would have cost" if budget["simulated_aws"] else "counts real money only"
    limit = budget["limit_eur"]
    rows = [("Limit per month", "none", "") if limit is None else ("Limit per month", eur(limit), counted)]
    if budget["extra_eur"]:
        rows.append(("Released on top", eur(budget["extra_eur"]), "this month only"))
    rows.append(("Spent", eur(budget["spent_eur"]), cost["month"]))
    if limit is not None:
        free = budget["free_eur"]
        rows.append(("Set aside", eur(budget["committed_eur"]), "for a machine that runs"))
        rows.append(("Free", eur(free or 0), usd((free or 0) * cost["exchange"]["usd_per_eur"])))
        rows.append(("One start needs", eur(budget["start_eur"]), "boot, idle time-out and the longest answer"))
    state = _STATES.get(budget["state"], budget["state"])
    press = "./tlfif budget release   or   " if budget["state"] == "locked" else ""
    lines = [
        paragraph(f"{_practice_title(budget)}Budget of {cost['month']}, {cost['vat']}: {state}"),
        "",
        *columns(rows, right=(1,), indent="  "),
        "",
        paragraph(budget["sentence"]),
        *_real_here(cost, budget),
        f"To change it: {press}./tlfif budget set AMOUNT",
    ]
    return "\n".join(lines)


_STATES = {
    "none": "no limit",
    "open": "open",
    "warn_50": "open, more than half is spent",
    "warn_80": "open, more than 80 % is spent",
    "locked": "locked",
}


def _practice_title(budget: BudgetView) -> str:
    return "Practice mode (no real charges). " if budget["simulated_aws"] else ""


def _real_here(cost: CostView, budget: BudgetView) -> list[str]:
    """On the owner's own computer a limit on real money is never reached; without a word it would look broken."""
    if cost["simulated_aws"] is None or budget["simulated_aws"] or budget["limit_eur"] is None:
        return []
    return [
        f"{cost['place'].capitalize()} costs nothing, so this limit is not reached here.",
        "To practise with it, without real charges:",
        "./tlfif budget set 0.05 --simulated-aws",
    ]


def set_text(before: CostView, after: BudgetView) -> str:
    """What was set, what that means now, and that practice mode is on, or over."""
    limit = after["limit_eur"]
    lines = []
    if limit is None:
        lines.append("There is no limit any more.")
    else:
        counted = "what AWS would have charged (practice mode)" if after["simulated_aws"] else "real money"
        lines.append(paragraph(f"The limit is now {eur(limit)} per month, without VAT, held against {counted}."))
    if before["budget"]["simulated_aws"] and not after["simulated_aws"]:
        lines.append("Practice mode is over.")
    if after["simulated_aws"] and limit is None:
        lines.append(paragraph(PRACTICE))
    lines.append(paragraph(after["sentence"]))
    lines += _real_here(before, after)
    if limit is not None and after["simulated_aws"]:
        lines.append("To end practice mode: ./tlfif budget set 20")
    elif _is_more(limit, than=before["budget"]["limit_eur"]):
        lines.append(_back(before["budget"]))
    return "\n".join(lines)


def _is_more(limit: float | None, *, than: float | None) -> bool:
    return than is not None and (limit is None or limit > than)


def _back(before: BudgetView) -> str:
    """How a change that allows more is taken back."""
    practised = " --simulated-aws" if before["simulated_aws"] else ""
    return f"To take this back: ./tlfif budget set {Decimal(str(before['limit_eur'])).normalize():f}{practised}"


def release_text(before: BudgetView, after: BudgetView) -> str:
    """Whether there was a lock to release, and how far the month may go now."""
    if before == after or (before["state"], before["extra_eur"]) == (after["state"], after["extra_eur"]):
        lines = ["There was no lock to release; nothing was changed."]
    else:
        mark = (after["limit_eur"] or 0) + after["extra_eur"]
        lines = [
            f"The lock is released for the rest of this month. The next one comes at {eur(mark)}, without VAT; "
            f"next month the limit is {eur(after['limit_eur'] or 0)} again.",
            _back(after),
        ]
    return "\n".join([*(paragraph(line) for line in lines), paragraph(after["sentence"])])
