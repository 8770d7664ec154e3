"""Have an image built from the program that deploys, and follow it until a person can decide."""

from collections.abc import Callable

from tlfif.deployment.deployment import ImageOrder
from tlfif.deployment.installation import Installation
from tlfif.images.image import Profile
from tlfif.kernel.clock import Clock

LOOK_SECONDS = 10.0
MOST_SECONDS = 5400.0
"""Beyond the limits of all stages: whoever follows does not wait for ever."""


async def build_image(
    installation: Installation, profile: Profile, *, clock: Clock, report: Callable[[str], None]
) -> ImageOrder:
    """Ask for an image of this program, and follow it. Its end, or how far it is after :data:`MOST_SECONDS`. Raises
    AWS's refusals; what was begun goes on on AWS without this computer."""
    order = await installation.order_image(profile)
    until = clock.monotonic() + MOST_SECONDS
    report(order.said)
    while order.going_on and order.version is not None and clock.monotonic() < until:
        await clock.sleep(LOOK_SECONDS)
        now = await installation.image_order(order.version)
        if now.said != order.said:
            report(now.said)
        order = now
    return order
