"""``tlfif profile``: show or choose the home that commands talk to, and whether this computer answers for AWS
meanwhile."""

import argparse

from tlfif.cli.arguments import add_json
from tlfif.cli.exit_codes import DONE
from tlfif.cli.output.console import Console
from tlfif.cli.output.tables import columns
from tlfif.client.locators import aws_profile_of
from tlfif.client.profile import AWS, COMPUTER, Profile, Profiles, load_profiles, set_bridge, use
from tlfif.kernel.data_folder import data_folder_from_environment, profile_from_environment

NOWHERE = "This computer. There is no home on AWS yet; ./tlfif deploy sets one up."


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = "TLFIF_PROFILE=computer or TLFIF_PROFILE=aws before a command chooses for that command alone."
    add_json(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=type(parser))
    choose = actions.add_parser("use", help="let commands talk to this computer, or to AWS, from now on")
    choose.add_argument("name", metavar="NAME", help=f"{COMPUTER} or {AWS}")
    bridge = actions.add_parser("bridge", help="let this computer answer while a machine on AWS starts, or not")
    bridge.add_argument("switch", metavar="on|off", choices=("on", "off"), help="off unless you switch it on")


def run(args: argparse.Namespace, console: Console) -> int:
    """Show it, or change it."""
    data_folder = data_folder_from_environment()
    if args.action == "use":
        profiles = use(data_folder, args.name)
        console.note(f"Commands talk to {place_of(profiles.aws if args.name == AWS else None)} from now on.")
        named = profile_from_environment()
        if named is not None and named != args.name:
            console.note(f"In this terminal TLFIF_PROFILE is set to {named}, which overrides that.")
        return DONE
    if args.action == "bridge":
        console.note(bridge_words(on=set_bridge(data_folder, on=args.switch == "on").bridge))
        return DONE
    active = aws_profile_of(data_folder)  # first, because it also looks at what the environment says
    profiles = load_profiles(data_folder)
    console.result(profile_object(profiles, active), profile_text(profiles, active), as_json=args.json)
    return DONE


def bridge_words(*, on: bool) -> str:
    """What the switch does, and what it costs."""
    if on:
        return (
            "While a machine on AWS starts, this computer's own model answers first, which costs nothing; AWS's answer "
            "then takes its place. Programs ask for it with each request: docs/reference/clients.md."
        )
    return "A prompt waits until its machine on AWS has started."


def place_of(profile: Profile | None) -> str:
    """The place of a profile."""
    return "this computer" if profile is None else f"the home on AWS in {profile.region} ({profile.api_url})"


def profile_object(profiles: Profiles, active: Profile | None) -> dict[str, object]:
    """For programs."""
    aws = profiles.aws
    found = {"api_url": aws.api_url, "issuer": aws.issuer, "region": aws.region} if aws is not None else None
    return {"active": COMPUTER if active is None else AWS, "aws": found, "bridge": profiles.bridge}


def profile_text(profiles: Profiles, active: Profile | None) -> str:
    """For a person."""
    aws = profiles.aws
    if aws is None:
        return NOWHERE
    bridge = "on: this computer answers first" if profiles.bridge else "off (./tlfif profile bridge on)"
    rows = [
        ("Home on AWS", aws.api_url),
        ("Region", aws.region),
        ("Signs in at", aws.issuer),
        ("While a machine starts", bridge),
    ]
    other = COMPUTER if active is not None else AWS
    return "\n".join(
        [
            f"Commands talk to {'this computer' if active is None else 'the home on AWS'}.",
            "",
            *columns(rows, indent="  "),
            "",
            f"To change that: ./tlfif profile use {other}",
        ]
    )
