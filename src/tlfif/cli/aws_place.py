"""Which home on AWS a command is about, and with whose key: the options, completed from what this computer knows."""

import argparse
from dataclasses import dataclass

from tlfif.bootstrap.deployment_plan import open_journal
from tlfif.client.profile import load_profiles
from tlfif.deployment.deployment import HOME_NAME, check_home_name
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import TlfifError
from tlfif.money.prices.prices import DEFAULT_REGION, REGIONS, check_region


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsPlace:
    """``profile``: the profile of ``~/.aws`` whose key is used; None: as AWS's own programs choose it."""

    home: str
    region: str
    profile: str | None


def add_aws(parser: argparse.ArgumentParser) -> None:
    """The options of a command that talks to AWS with the owner's own key."""
    parser.add_argument(
        "--region", metavar="REGION", help=f"{', '.join(REGIONS)} (default: your home's, or {DEFAULT_REGION})"
    )
    parser.add_argument(
        "--profile", metavar="PROFILE", help="the AWS profile in ~/.aws whose key is used (default: AWS_PROFILE's)"
    )
    parser.add_argument(
        "--name", metavar="HOME", help=f"the home's name, where an account has several (default: yours, or {HOME_NAME})"
    )


def aws_place(args: argparse.Namespace, data_folder: DataFolder, *, lenient: bool = False) -> AwsPlace:
    """What ``args`` say, else what this computer remembers of its home, else the defaults.

    ``lenient``: as if it remembered nothing where its files are damaged. Raises InvalidInputError:
    ``region_unknown``, ``home_name_invalid``, ``deployment_damaged``, ``profile_damaged``.
    """
    try:
        region, home = _remembered(data_folder)
    except TlfifError:
        if not lenient:
            raise
        region, home = "", ""
    return AwsPlace(
        home=check_home_name(args.name if args.name is not None else home or HOME_NAME),
        region=check_region(args.region or region or DEFAULT_REGION),
        profile=args.profile or None,
    )


def _remembered(data_folder: DataFolder) -> tuple[str, str]:
    known = open_journal(data_folder).load()
    if known is not None:
        return known.region, known.home
    profile = load_profiles(data_folder).aws
    return (profile.region if profile is not None else ""), ""
