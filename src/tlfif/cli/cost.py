"""``tlfif cost``: what it costs, what AWS would have cost, and by which prices."""

import argparse
import asyncio
import time
from pathlib import Path

from tlfif.cli.arguments import add_json, check_png_path
from tlfif.cli.connection import local_server, open_client
from tlfif.cli.exit_codes import DONE
from tlfif.cli.output.console import Console
from tlfif.cli.output.cost_report import cost_text
from tlfif.cli.output.price_report import prices_text, refresh_text
from tlfif.cli.output.standing_report import advice_text, standing_text
from tlfif.kernel.errors import InvalidInputError, UnavailableError
from tlfif.machines.machine_types import INSTANCE_TYPES, check_instance_type
from tlfif.money.prices.prices import REGIONS, check_region
from tlfif.wire.money import CostView

EPILOG = """Every sum is without VAT. Prompts answered on this computer cost nothing; what AWS would have cost is
metered beside that. With the home on AWS the sums are what you owe, by TL-FIF's own meter: AWS's bill counts. What
AWS itself has billed is shown apart, with the day up to which it holds; this command never asks AWS for it.
Nothing here costs anything; "prices --refresh" reads public lists, without an account."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = EPILOG
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--plot", metavar="FILE.png", help="draw the month: spend against the budget, hours by day")
    what.add_argument(
        "--standing", action="store_true", help="an idle month line by line, this design beside RQL 1, for each region"
    )
    what.add_argument(
        "--advice", action="store_true", help="what other idle time-outs would have cost, from your own prompts"
    )
    _add_tariff(parser)
    add_json(parser)
    actions = parser.add_subparsers(dest="action", metavar="[prices]", parser_class=type(parser))
    prices = actions.add_parser(
        "prices",
        help="the prices counted with, their sources and dates",
        description="The prices counted with: each with its source, its date and whether it was checked.",
        argument_default=argparse.SUPPRESS,  # what was given before the word "prices" is not forgotten
    )
    prices.add_argument(
        "--refresh",
        action="store_true",
        help="read AWS's public price list and the European Central Bank's rate first; takes up to some minutes",
    )
    _add_tariff(prices)
    add_json(prices)


def _add_tariff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", metavar="REGION", help=f"AWS region to price by: {', '.join(REGIONS)}")
    parser.add_argument("--type", metavar="TYPE", help=f"AWS machine to price by: {', '.join(INSTANCE_TYPES)}")


def run(args: argparse.Namespace, console: Console) -> int:
    """Check everything, then ask for one of the reports."""
    if args.region is not None:
        check_region(args.region)
    if args.type is not None:
        check_instance_type(args.type)
    if args.action == "prices":
        return asyncio.run(_prices(args, console))
    if args.standing:
        return asyncio.run(_standing(args, console))
    if args.advice:
        return asyncio.run(_advice(args, console))
    plot = check_png_path(args.plot) if args.plot is not None else None
    return asyncio.run(_cost(args, plot, console))


async def _cost(args: argparse.Namespace, plot: Path | None, console: Console) -> int:
    async with open_client() as client:
        cost = await client.cost(region=args.region, instance_type=args.type)
    if plot is not None:
        console.status("Drawing the picture")
        draw(cost, plot, now=time.time())
        console.status("")
    if args.json:
        console.json(cost)
    elif plot is not None:
        console.line(f"The picture of {cost['month']} is in {plot}")
    else:
        console.line(cost_text(cost, now=time.time()))
    return DONE


def draw(cost: CostView, plot: Path, *, now: float) -> None:
    """Write the picture. ``now`` in epoch seconds. Raises UnavailableError ``plot_failed``."""
    try:
        # Only where a picture is wanted: what draws it is slow to load, and an installed package may be without it.
        from tlfif.charts.cost_chart import draw_cost

        draw_cost(cost, plot, now_ms=int(now * 1000))
    except ImportError as error:
        raise UnavailableError(
            f"The picture cannot be drawn: {error}. Install the package matplotlib, or leave --plot out.",
            code="plot_failed",
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"The picture cannot be written to {plot}: {error.strerror or error}. Choose another place.",
            code="plot_failed",
        ) from error


async def _standing(args: argparse.Namespace, console: Console) -> int:
    if args.type is not None:
        raise InvalidInputError(
            "--type does not go with --standing: no machine runs in an idle month. Leave it out.", code="usage"
        )
    async with open_client() as client:
        found = await client.standing_cost(region=args.region)
        exchange = (await client.cost())["exchange"]
    console.result(found, standing_text(found, exchange), as_json=args.json)
    return DONE


async def _advice(args: argparse.Namespace, console: Console) -> int:
    async with open_client() as client:
        advice = await client.idle_advice(region=args.region, instance_type=args.type)
    console.result(advice, advice_text(advice, here=local_server() is not None), as_json=args.json)
    return DONE


def reading_words(*, here: bool) -> str:
    """What a refresh reads. The functions on AWS do not read price lists of hundreds of megabytes."""
    if here:
        return "Reading AWS's public price lists and the European Central Bank's rate; this may take minutes."
    return "Reading the European Central Bank's rate. The home on AWS keeps the prices that it was deployed with."


async def _prices(args: argparse.Namespace, console: Console) -> int:
    """List or refresh. A refresh that reaches nobody is not a failure: the known prices stay in force."""
    if args.plot is not None or args.standing or args.advice:
        raise InvalidInputError("--plot, --standing and --advice do not go with prices.", code="usage")
    async with open_client() as client:
        if getattr(args, "refresh", False):
            console.note(reading_words(here=local_server() is not None))
            report = await client.refresh_prices()
            console.result(report, refresh_text(report), as_json=args.json)
            return DONE
        cost = await client.cost(region=args.region, instance_type=args.type)
    console.result(
        {"rates": cost["rates"], "exchange": cost["exchange"], "vat": cost["vat"]}, prices_text(cost), as_json=args.json
    )
    return DONE
