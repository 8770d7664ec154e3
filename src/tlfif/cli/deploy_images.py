"""What ``tlfif deploy`` has to do with images: which pushes build one, which ones machines have, and the first one."""

import argparse
import re
import sys
from collections.abc import Sequence

from tlfif.cli.exit_codes import DONE, NO_MACHINE
from tlfif.cli.output.console import Console
from tlfif.cli.output.progress import agreed
from tlfif.deployment.first_image import build_image
from tlfif.deployment.image_choices import DISKS, ImageChoices
from tlfif.deployment.image_prices import ImagePrice
from tlfif.deployment.installation import Installation
from tlfif.images.image import Profile
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import MOST_DISK_GB, EngineKind
from tlfif.models.catalogue import ON_AWS
from tlfif.money.amounts import usd_of

NAMES = tuple(profile.value for profile in DISKS)
ENGINES = tuple(engine.value for engine in EngineKind)


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.add_argument(
        "--build-image", action="store_true", help="build an image of this program at the end, without asking"
    )
    parser.add_argument(
        "--image-profile", choices=NAMES, help=f"what kind of image is built (default: unchanged; at first {NAMES[0]})"
    )
    parser.add_argument(
        "--gpu-engine",
        choices=ENGINES,
        help="what machine types with a GPU have: vllm (images of the kind gpu-vllm) or llama (gpu-llama, which starts "
        f"sooner) (default: unchanged; at first {ENGINES[0]})",
    )
    parser.add_argument(
        "--disk-gb",
        metavar="GB",
        help="size of a machine's disk; 0: as large as its image needs (default: unchanged; at first 0)",
    )
    parser.add_argument(
        "--model", metavar="NAME", help=f"what images hold (default: unchanged; at first {ON_AWS[0].name})"
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
    """Raises InvalidInputError ``connection_invalid``, ``disk_size_invalid``."""
    return ImageChoices(
        connection=args.connection,
        repository=args.repository,
        branch=args.branch,
        profile=None if args.image_profile is None else Profile(args.image_profile),
        monthly=args.monthly_rebuild,
        gpu_engine=None if args.gpu_engine is None else EngineKind(args.gpu_engine),
        disk_gb=None if args.disk_gb is None else disk_size(args.disk_gb),
        model=args.model,
    )


def disk_size(text: str) -> int:
    """The size that was typed, in GB. Raises InvalidInputError ``disk_size_invalid``."""
    if not re.fullmatch(r"[0-9]{1,3}", text.strip(), re.ASCII):
        raise InvalidInputError(
            f"A disk's size is a whole number of GB up to {MOST_DISK_GB}, or 0 for as much as the image needs. Nothing "
            "was changed.",
            code="disk_size_invalid",
        )
    return int(text)


async def offer_image(
    args: argparse.Namespace,
    console: Console,
    installation: Installation,
    *,
    prices: Sequence[ImagePrice],
    clock: Clock,
) -> int:
    """Offer to build an image now, with its time and its price; the exit code. Nobody is asked without a terminal."""
    if not args.build_image and (args.json or not sys.stdin.isatty()):
        return DONE
    profile = Profile(args.image_profile or NAMES[0])
    price = next(one for one in prices if one.profile is profile)
    question = (
        f"\nBuild an image now ({profile})? About {price.minutes} minutes, about {usd_of(price.build_micros)}, then "
        f"about {usd_of(price.stored_micros)} a month."
    )
    if not agreed(console, question, yes=args.build_image):
        return DONE
    end = await build_image(installation, profile, clock=clock, report=console.note)
    console.note(end.said)
    if end.going_on:
        console.note("It goes on without this computer; you get a letter when it is done.")
    elif end.good:
        console.note(f"Then: ./tlfif login, ./tlfif image approve {end.version}, ./tlfif image promote {end.version}")
    return DONE if end.good or end.going_on else NO_MACHINE
