"""The two instances that an image needs, its builder and its candidate: what they are called, how long they may take,
what they cost. Pure."""

from tlfif.images.effort import EFFORTS
from tlfif.images.image import Profile, Stage
from tlfif.machines.machine_types import INSTANCE_TYPES, MACHINE_TYPES
from tlfif.money.money import MS_PER_HOUR, MicroUsd
from tlfif.money.prices.prices import Item, PriceBook
from tlfif.money.spend.spans import WORK_PREFIX
from tlfif.money.spend.tariff import Tariff

LIMIT_FACTOR = 3.0
"""A stage may take this many times what it is expected to."""
SOURCE_SECONDS = 100.0
"""Until a commit's files are in the bucket."""


def builder_id(version: str) -> str:
    """The machine id of the version's builder; of no machine of the home."""
    return f"{WORK_PREFIX}{version}-builder"


def candidate_id(version: str) -> str:
    """The machine id of the version's candidate."""
    return f"{WORK_PREFIX}{version}-candidate"


def version_of(work_id: str) -> str:
    """The version that a builder or a candidate works for."""
    return work_id.removeprefix(WORK_PREFIX).rpartition("-")[0]


def limit_seconds(profile: Profile, stage: Stage) -> float:
    """How long a stage may take."""
    effort = EFFORTS[profile]
    expected = {
        Stage.SOURCE: SOURCE_SECONDS,
        Stage.BUILD: effort.build_seconds + effort.image_seconds,
        Stage.BOOT: effort.test_seconds,
        Stage.SMOKE_TEST: effort.test_seconds,
    }
    return LIMIT_FACTOR * expected[stage]


def builder_type(book: PriceBook, region: str, *, at_ms: int) -> str:
    """The cheapest type that has a price: installing needs neither a GPU nor much of a processor."""
    return min(INSTANCE_TYPES, key=lambda name: book.price(Item.GPU_HOUR, region, name, at_ms=at_ms).micros)


def cost_of(
    profile: Profile, *, candidate_type: str, book: PriceBook, region: str, at_ms: int, keep_minutes: int = 0
) -> tuple[int, int]:
    """What the builder and the candidate cost where they take as long as expected, in micro-dollars; where one of
    them fails it is kept ``keep_minutes``, counted at the candidate's price, which is never the lower one."""
    effort, builder = EFFORTS[profile], Tariff(region=region, instance_type=builder_type(book, region, at_ms=at_ms))
    candidate = Tariff(region=region, instance_type=candidate_type)
    return (
        _time(builder.hourly(book, at_ms=at_ms), effort.build_seconds),
        _time(candidate.hourly(book, at_ms=at_ms), effort.test_seconds + 60 * keep_minutes)
        + candidate.once(book, at_ms=at_ms),
    )


def in_the_way(wanted: str, running: str) -> bool:
    """Whether a machine of the type ``running`` uses up the quota that the type ``wanted`` needs. New accounts
    may run one machine of a kind."""
    return MACHINE_TYPES[wanted].quota is MACHINE_TYPES[running].quota


def _time(hourly: MicroUsd, seconds: float) -> MicroUsd:
    return -(-hourly * int(seconds * 1000) // MS_PER_HOUR)
