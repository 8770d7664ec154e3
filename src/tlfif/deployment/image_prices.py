"""What an image of each profile takes and costs on AWS, before it is built. Estimates; a built one has its own size."""

from dataclasses import dataclass

from tlfif.images.effort import EFFORTS
from tlfif.images.image import Profile
from tlfif.machines.machine_types import INSTANCE_TYPES
from tlfif.money.money import MicroUsd
from tlfif.money.prices.prices import Item, PriceBook, launch_cost, running_rates

PIPELINE_MICROS_PER_MINUTE = 2000
"""CodePipeline V2, for each begun minute of a running action."""
FREE_PIPELINE_MINUTES = 100
"""Of each month (AWS CodePipeline pricing)."""


STORED_GB = {Profile.CPU_LLAMA: 4, Profile.GPU_LLAMA: 5, Profile.GPU_VLLM: 13}
"""Of an image's snapshot; estimates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePrice:
    """``build_micros`` once, ``stored_micros`` a month; micro-dollars without VAT."""

    profile: Profile
    minutes: int
    build_micros: MicroUsd
    stored_micros: MicroUsd


def image_prices(book: PriceBook, region: str, *, at_ms: int) -> tuple[ImagePrice, ...]:
    """One line for each profile: the cheapest type builds, the first type with the profile's engine tries it out.
    Raises InvalidInputError ``region_unknown``."""
    hourly = {name: sum(running_rates(book, region, name, at_ms=at_ms)) for name in INSTANCE_TYPES}
    cheapest = min(hourly.values())
    once = launch_cost(book, region, at_ms=at_ms)
    gigabyte = book.price(Item.SNAPSHOT_GB_MONTH, region, at_ms=at_ms).micros
    return tuple(
        ImagePrice(
            profile=profile,
            minutes=-(-int(effort.seconds) // 60),
            build_micros=once
            + -(
                -(
                    cheapest * int(effort.build_seconds)
                    + _tested_on(profile, hourly, cheapest) * int(effort.test_seconds)
                )
                // 3600
            ),
            stored_micros=gigabyte * STORED_GB[profile],
        )
        for profile, effort in EFFORTS.items()
    )


def _tested_on(profile: Profile, hourly: dict[str, MicroUsd], cheapest: MicroUsd) -> MicroUsd:
    return cheapest if profile is Profile.CPU_LLAMA else hourly[INSTANCE_TYPES[0]]
