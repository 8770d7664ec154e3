"""``tlfif destroy``: remove the home from AWS, and check that nothing is left."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tlfif.cli.arguments import add_json
from tlfif.cli.aws_place import add_aws, aws_place
from tlfif.cli.exit_codes import DONE, INTERRUPTED, NO_ACCESS, USAGE
from tlfif.cli.interrupts import Interrupts
from tlfif.cli.output.console import Console
from tlfif.cli.output.progress import Progress, agreed
from tlfif.cli.output.tables import columns, paragraph
from tlfif.kernel.data_folder import data_folder_from_environment

if TYPE_CHECKING:
    from tlfif.deployment.deployment import Found
    from tlfif.deployment.destroy import Destroyed

EPILOG = """Machines are terminated first; the command waits until AWS confirms that. Prompts, answers and users on AWS
are lost. Only what has the home's tag or exactly its names is removed. Running it twice is harmless; after an
interruption it continues. Exit codes: 0 nothing is left, 2 not confirmed, 5 something is left or could not be checked,
130 interrupted."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = EPILOG
    add_aws(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """List what exists, ask for confirmation, remove, check."""
    return asyncio.run(_destroy(args, console))


async def _destroy(args: argparse.Namespace, console: Console) -> int:
    with Interrupts():
        try:
            return await _destroy_here(args, console)
        except asyncio.CancelledError:
            console.note("You interrupted the command. Not everything is removed. To continue: ./tlfif destroy")
            return INTERRUPTED


async def _destroy_here(args: argparse.Namespace, console: Console) -> int:
    from tlfif.bootstrap.deployment import open_deployment  # loading AWS's library is slow
    from tlfif.client.deployed_profile import DeployedProfile

    data_folder = data_folder_from_environment()
    place = aws_place(args, data_folder)
    region = place.region
    console.status("asking AWS whose credentials these are")
    container = await open_deployment(data_folder, home=place.home, region=region, profile=place.profile)
    caller = await container.installation.caller()
    known = container.journal.load()
    if known is not None:
        known.check_place(home=place.home, account_id=caller.account_id, region=region)
    destruction = container.destruction(DeployedProfile(data_folder), Progress(console))
    console.status("listing what exists")
    found = await destruction.survey()
    console.note(
        survey_text(found, caller.account_id, region, restores=known is not None and known.settings_before is not None)
    )
    if not agreed(console, "Remove all of it for good?", yes=args.yes):
        console.note("Not confirmed. Nothing was removed.")
        return USAGE
    done = await destruction.run()
    console.status("")
    console.result(result_object(done, region), result_text(done), as_json=args.json)
    return DONE if done.nothing_left else NO_ACCESS


def survey_text(found: "Mapping[str, Sequence[Found]]", account_id: str, region: str, *, restores: bool = False) -> str:
    """What will be removed, and what has a similar name and stays; ``restores``: account settings are put back."""
    rows = [
        (str(len(ours)), kind, ", ".join(ours[:3]) + (", …" if len(ours) > 3 else ""))
        for kind, some in found.items()
        if (ours := [one.name for one in some if one.ours])
    ]
    others = [f"{kind}: {one.name}" for kind, some in found.items() for one in some if not one.ours]
    lines = [f"Account {account_id}, {region}. Removing costs nothing; what runs costs until AWS confirms its end."]
    lines += ["", *columns(rows, right=(0,), indent="  ")] if rows else ["", "  Nothing of the home is there."]
    if others:
        lines.append("\n  Stays, because it has a similar name but not the home's tag: " + ", ".join(others))
    lines += ["", "Prompts, answers and users on AWS are lost with it. What is on this computer stays."]
    lines += [
        "Backups that somebody turned on outside TL-FIF (point-in-time recovery, AWS Backup) stay, at their own cost."
    ]
    if restores:
        lines.append(
            paragraph(
                "Your account's settings for new disks and for public access in S3 are put back as they were before "
                "the home; S3's stay where a bucket would become public."
            )
        )
    return "\n".join(lines)


def result_text(done: "Destroyed") -> str:
    """One line for each kind: how it was looked for, and how many were found, removed, left."""
    head = ("KIND", "FOUND", "REMOVED", "LEFT", "LOOKED FOR BY")
    rows = [
        (
            one.kind,
            str(one.found),
            str(one.removed),
            "?" if one.trouble and not one.left else str(len(one.left)),
            one.looked_for,
        )
        for one in done.kinds
    ]
    lines = columns([head, *rows], right=(1, 2, 3))
    if done.objects:
        lines.append(f"{done.objects} objects were deleted from the buckets.")
    if done.settings_restored:
        lines.append(
            "Your account's two safety settings are as they were before, where nobody has changed them since."
            if not done.stay_closed
            else paragraph(
                "S3's block on public access stays on for your account: without it these buckets would be public: "
                f"{', '.join(done.stay_closed)}. Switch it off in the AWS console if that is what you want (S3, Block "
                "Public Access settings for this account). The encryption of new disks is as before."
            )
        )
    if done.profile_removed:
        lines.append("Your commands talk to this computer again.")
    lines += [paragraph(f"{one.kind} left: {', '.join(one.left)}. {one.trouble}") for one in done.kinds if one.left]
    lines += [paragraph(f"{one.kind}: {one.trouble}") for one in done.kinds if one.trouble and not one.left]
    lines += [paragraph(trouble) for trouble in done.troubles]
    if done.nothing_left:
        lines.append("\nNothing is left, and nothing costs anything any more.")
    else:
        lines.append("\nSomething is left or could not be checked. Run ./tlfif destroy again; it continues.")
    return "\n".join(lines)


def result_object(done: "Destroyed", region: str) -> dict[str, object]:
    """The result for programs."""
    return {
        "region": region,
        "nothing_left": done.nothing_left,
        "kinds": [
            {
                "kind": one.kind,
                "looked_for": one.looked_for,
                "found": one.found,
                "removed": one.removed,
                "left": list(one.left),
                "trouble": one.trouble,
            }
            for one in done.kinds
        ],
        "objects_deleted": done.objects,
        "account_settings_restored": done.settings_restored,
        "public_block_kept_for": list(done.stay_closed),
        "profile_removed": done.profile_removed,
        "troubles": list(done.troubles),
    }
