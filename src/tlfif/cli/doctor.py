"""``tlfif doctor``: check this computer and the AWS account for every known surprise, each with its cure."""

import argparse
import asyncio
from collections.abc import Sequence

from tlfif.bootstrap.doctor import Wanted, examine_all
from tlfif.cli.arguments import add_json
from tlfif.cli.aws_place import add_aws, aws_place
from tlfif.cli.doctor_probes import own_probes
from tlfif.cli.exit_codes import DONE, NO_ACCESS, NO_MACHINE
from tlfif.cli.output.console import Console
from tlfif.cli.output.tables import GAP, paragraph
from tlfif.client.profile import REDIRECT_PORTS
from tlfif.client.set_aside import set_aside_database
from tlfif.doctor.checks import GRAVITY, Finding, State
from tlfif.doctor.examine import Examination
from tlfif.kernel.data_folder import DataFolder, data_folder_from_environment
from tlfif.money.money import MICROS_PER_USD
from tlfif.wording.figures import how_many

EPILOG = """Nothing is changed, here or at AWS (but with --set-aside-database), and nothing costs money unless you add
--paid ($0.01). Without a key for AWS only this computer is checked, and AWS is asked for nothing but the time. Exit
codes: 0 no problem, 4 something would prevent a start, or costs money that nobody wants, 5 there is a key for AWS, but
AWS could not be asked."""
HEADS = {
    State.FAIL: "PROBLEMS",
    State.WARN: "WARNINGS",
    State.NOT_ASKED: "NOT CHECKED",
    State.OK: "OK",
}
TITLE_WIDTH = 23
CURE = "      > "
INDENT = " " * (TITLE_WIDTH + 2 * len(GAP))


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = EPILOG
    add_aws(parser)
    parser.add_argument("--paid", action="store_true", help="ask Cost Explorer too, which costs $0.01")
    parser.add_argument(
        "--set-aside-database",
        action="store_true",
        help="where the job file is damaged: end the server and keep the file under another name; a new one is made",
    )
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run all checks, then print them."""
    data_folder = data_folder_from_environment()
    if args.set_aside_database:
        return _set_aside(data_folder, console, as_json=args.json)
    place = aws_place(args, data_folder, lenient=True)
    region = place.region
    console.status("checking this computer and AWS")
    wanted = Wanted(
        data_folder=data_folder,
        home=place.home,
        region=region,
        profile=place.profile,
        ports=REDIRECT_PORTS,
        paid=args.paid,
    )
    found = asyncio.run(examine_all(wanted, own=own_probes(data_folder)))
    console.status("")
    console.result(
        {"region": region, "checks": [as_object(one) for one in found.findings]},
        report(found, region),
        as_json=args.json,
    )
    return exit_code(found)


def _set_aside(data_folder: DataFolder, console: Console, *, as_json: bool) -> int:
    try:
        place = asyncio.run(set_aside_database(data_folder))
    except OSError as error:
        raise data_folder.not_usable(error) from error
    kept = (
        f"The job file is kept as {place}. The next question makes a new one; the budget has to be set again."
        if place is not None
        else "There is no job file. The next question makes one."
    )
    console.result({"kept_as": None if place is None else str(place)}, kept, as_json=as_json)
    return DONE


def exit_code(found: Examination) -> int:
    """See :data:`EPILOG`."""
    if found.account_silent:
        return NO_ACCESS
    return NO_MACHINE if found.fails else DONE


def as_object(one: Finding) -> dict[str, object]:
    """One finding for programs."""
    shown: dict[str, object] = {
        "id": one.check.id,
        "title": one.check.title,
        "state": str(one.state),
        "evidence": one.evidence,
        "cure": one.cure,
    }
    if one.micros_per_month is not None:
        shown["cost"] = {"usd_per_month": one.micros_per_month / MICROS_PER_USD, "vat": "without VAT"}
    return shown


def report(found: Examination, region: str) -> str:
    """All findings for a person: in groups, the most serious first, lines of at most 80 characters where possible."""
    groups = {state: [one for one in found.findings if one.state is state] for state in GRAVITY}
    counts = ", ".join(_count(state, len(some)) for state, some in groups.items() if some)
    lines = [paragraph(f"{counts} (AWS region {region}).")]
    for state, some in groups.items():
        if some:
            lines += ["", HEADS[state], *_group(some)]
    return "\n".join(lines)


def _count(state: State, number: int) -> str:
    """``2 problems``, ``1 warning``, ``9 OK``."""
    match state:
        case State.FAIL:
            return how_many(number, "problem")
        case State.WARN:
            return how_many(number, "warning")
        case _:
            return f"{number} {HEADS[state].lower() if state is State.NOT_ASKED else HEADS[state]}"


def _group(some: Sequence[Finding]) -> list[str]:
    """One block for each finding; several with the same reason and no cure are named together."""
    lines, shared = [], _shared_reason(some)
    alike = [one for one in some if one.evidence == shared and not one.cure]
    for one in some:
        if one in alike:
            continue
        lines.append(paragraph(one.evidence, first=f"{GAP}{one.check.title:{TITLE_WIDTH}}{GAP}", indent=INDENT))
        if one.cure:
            lines += [paragraph(one.cure, first=CURE, indent=" " * len(CURE)), ""]
    if alike:
        names = ", ".join(one.check.title for one in alike)
        lines.append(paragraph(f"{shared} Not checked: {names}.", first=GAP, indent=GAP))
    return lines[:-1] if lines[-1] == "" else lines


def _shared_reason(some: Sequence[Finding]) -> str | None:
    reasons = [one.evidence for one in some if not one.cure and one.state is State.NOT_ASKED]
    return next((reason for reason in reasons if reasons.count(reason) > 2), None)
