"""``tlfif logs``: what the home has written down about itself, here or on AWS."""

import argparse
import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from tlfif.cli.arguments import add_json, whole_in
from tlfif.cli.aws_place import add_aws, aws_place
from tlfif.cli.exit_codes import DONE
from tlfif.cli.output.console import Console
from tlfif.client.locators import aws_profile_of
from tlfif.kernel.data_folder import DataFolder, data_folder_from_environment
from tlfif.kernel.errors import InvalidInputError
from tlfif.wording.log_lines import LogLine, shown

HERE = ("server", "machine", "engine")
ON_AWS = ("api", "router", "images", "machine", "requests")
EPILOG = f"""SOURCE on this computer: {", ".join(HERE)}; on AWS: {", ".join(ON_AWS)}. Without one, all of them. No
prompt and no answer is in a log; secrets are hidden. --minutes, --region, --profile and --name are for the home on AWS,
whose lines are read with your own AWS key and kept for 14 days. tlfif profile says which home is active; --name means
AWS."""
MOST_LINES = 10_000
MOST_MINUTES = 14 * 24 * 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = EPILOG
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="which log")
    configure_reading(parser)


def configure_reading(parser: argparse.ArgumentParser) -> None:
    """The arguments of whoever reads one log: which is ``args.source``."""
    parser.add_argument("--lines", metavar="N", default="50", help=f"the newest lines, 1 to {MOST_LINES} (default: 50)")
    parser.add_argument("--minutes", metavar="M", default="60", help="on AWS: how far back (default: 60)")
    add_aws(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the lines, the oldest first."""
    most = whole_in(args.lines, "--lines", 1, MOST_LINES)
    minutes = whole_in(args.minutes, "--minutes", 1, MOST_MINUTES)
    data_folder = data_folder_from_environment()
    if aws_profile_of(data_folder) is None and args.name is None:
        lines = lines_here(data_folder, _sources(args.source, HERE), most=most)
    else:
        from tlfif.bootstrap.logs import aws_logs  # loading AWS's library is slow

        place, sources = aws_place(args, data_folder), _sources(args.source, ON_AWS)
        console.status("reading the logs on AWS")
        lines = asyncio.run(
            aws_logs(
                home=place.home,
                region=place.region,
                profile=place.profile,
                sources=sources,
                minutes=minutes,
                most=most,
            )
        )
    console.status("")
    if not lines and not args.json:
        console.note("No line is there. On AWS, --minutes looks further back.")
        return DONE
    console.result(
        {"lines": [{"source": one.source, "time": _utc(one), "text": one.text} for one in lines]},
        "\n".join(_row(one) for one in lines),
        as_json=args.json,
    )
    return DONE


def lines_here(data_folder: DataFolder, sources: Sequence[str], *, most: int) -> list[LogLine]:
    """The newest ``most`` lines of each of these logs of this computer. A log that does not exist has none."""
    found: list[LogLine] = []
    for source in sources:
        try:
            with (data_folder.logs / f"{source}.log").open(encoding="utf-8", errors="replace") as file:
                newest = deque((line for line in file if line.strip()), maxlen=most)
        except FileNotFoundError:
            continue
        found += [LogLine(source=source, text=shown(line)) for line in newest]
    return found


def _sources(named: str | None, there: Sequence[str]) -> Sequence[str]:
    if named is None:
        return there
    if named not in there:
        raise InvalidInputError(
            f"There is no log {named[:50]!r} in the home that is active. There are: {', '.join(there)}. Which home "
            "that is: ./tlfif profile",
            code="usage",
        )
    return (named,)


def _utc(line: LogLine) -> str | None:
    return None if line.at is None else datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds")


def _row(line: LogLine) -> str:
    when = "" if line.at is None else f"{datetime.fromtimestamp(line.at):%Y-%m-%d %H:%M:%S}  "
    return f"{line.source:8}  {when}{line.text}"
