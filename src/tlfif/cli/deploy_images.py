"""What ``tlfif deploy`` has to do with images: which pushes build one, and the first one."""

import argparse
import sys
from typing import TYPE_CHECKING

from tlfif.cli.exit_codes import DONE, NO_MACHINE
from tlfif.cli.output.console import Console
from tlfif.cli.output.progress import agreed
from tlfif.deployment.image_choices import DISKS, ImageChoices
from tlfif.images.image import Profile
from tlfif.money.amounts import usd_of

if TYPE_CHECKING:
    from tlfif.bootstrap.deployment import DeploymentContainer

NAMES = tuple(profile.value for profile in DISKS)


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.add_argument(
        "--build-image", action="store_true", help="build an image of this program at the end, without asking"
    )
    parser.add_argument(
        "--image-profile", choices=NAMES, help=f"what kind of image is built (default: unchanged; at first {NAMES[0]})"
    )
    parser.add_argument(
        "--connection", metavar="ARN", help='pushes build images: a confirmed connection to GitHub; "" for none'
    )
    parser.add_argument("--repository", metavar="OWNER/NAME", help="the repository behind the connection")
    parser.add_argument("--branch", metavar="BRANCH", help="pushes to it count (default: unchanged; at first main)")
    parser.add_argument(
        "--monthly-rebuild",
        action=argparse.BooleanOptionalAction,
        help="build the images in use anew each month, with the system's updates (default: unchanged; at first no)",
    )


def image_choices(args: argparse.Namespace) -> ImageChoices:
    """Raises InvalidInputError ``connection_invalid``."""
    return ImageChoices(
        connection=args.connection,
        repository=args.repository,
        branch=args.branch,
        profile=None if args.image_profile is None else Profile(args.image_profile),
        monthly=args.monthly_rebuild,
    )


async def offer_image(args: argparse.Namespace, console: Console, container: "DeploymentContainer", region: str) -> int:
    """Offer to build an image now, with its time and its price; the exit code. Nobody is asked without a terminal."""
    from tlfif.bootstrap.deployment_plan import offline_plan
    from tlfif.deployment.first_image import build_image

    if not args.build_image and (args.json or not sys.stdin.isatty()):
        return DONE
    profile = Profile(args.image_profile or NAMES[0])
    price = next(one for one in offline_plan(region).images if one.profile is profile)
    question = (
        f"\nBuild an image now ({profile})? About {price.minutes} minutes, about {usd_of(price.build_micros)}, then "
        f"about {usd_of(price.stored_micros)} a month."
    )
    if not agreed(console, question, yes=args.build_image):
        return DONE
    end = await build_image(container.installation, profile, clock=container.clock, report=console.note)
    console.note(end.said)
    if end.going_on:
        console.note("It goes on without this computer; you get a letter when it is done.")
    elif end.good:
        console.note(f"Then: ./tlfif login, ./tlfif image approve {end.version}, ./tlfif image promote {end.version}")
    return DONE if end.good or end.going_on else NO_MACHINE
