"""What AWS charges: one dated price per item, region and moment. On demand, Linux, USD without VAT."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import MACHINE_TYPES, check_instance_type
from tlfif.money.amounts import unit_price
from tlfif.money.money import MICROS_PER_USD, MicroUsd

REGIONS = ("us-east-1", "eu-central-1", "eu-west-1")
DEFAULT_REGION = "eu-central-1"
DEFAULT_INSTANCE_TYPE = "g4dn.xlarge"
HOURS_PER_MONTH = 730
"""AWS's own month for prices per month."""
IMPLAUSIBLE_FACTOR = 10
"""A new price this many times the old one, or this fraction of it, counts as a mistake in the list."""


class Item(StrEnum):
    """What has a price; each :class:`Price` has its unit."""

    GPU_HOUR = "gpu_hour"
    """One hour of a running instance, with a GPU or without; priced by region and instance type. The name is older than
    the types without one, and stays as it is in books and answers."""
    EBS_GP3_GB_MONTH = "ebs_gp3_gb_month"
    GP3_MIBS_MONTH = "gp3_mibs_month"
    """One MiB/s of a gp3 disk's throughput above the 125 that come with it."""
    SNAPSHOT_GB_MONTH = "snapshot_gb_month"
    PUBLIC_IPV4_HOUR = "public_ipv4_hour"
    S3_GB_MONTH = "s3_gb_month"
    COST_EXPLORER_REQUEST = "cost_explorer_request"
    VOLUME_INIT_GB = "volume_init_gb"
    """Filling a new disk from its snapshot at a set speed, once per start."""
    TABLE_READ_MILLION = "table_read_million"
    """A million read units of an on-demand DynamoDB table."""
    SQS_MILLION = "sqs_million"
    API_MILLION = "api_million"
    NAT_HOUR = "nat_hour"
    NLB_HOUR = "nlb_hour"
    CACHE_T3_MICRO_HOUR = "cache_t3_micro_hour"
    INTERFACE_ENDPOINT_HOUR = "interface_endpoint_hour"
    """One service in one zone."""
    CONFIG_ITEM = "config_item"
    CONFIG_EVALUATION = "config_evaluation"
    KMS_KEY_MONTH = "kms_key_month"
    CERTIFICATE_MONTH = "certificate_month"
    """A domain name and an exportable certificate."""
    FREE_TIER = "free_tier"
    """What stays within AWS's free amounts: priced at zero, listed so that no line is missing."""


Key: TypeAlias = tuple[Item, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One rate: ``micros`` micro-dollars for one ``unit`` of ``item`` in ``region``, in force from ``valid_from_ms``.

    ``source`` and ``date`` (ISO) say where and when it was found; ``verified`` is False where it is from memory,
    derived or from one table only. Raises ValueError for a negative price.
    """

    item: Item
    region: str
    instance_type: str | None = None
    micros: MicroUsd
    unit: str
    source: str
    date: str
    verified: bool
    valid_from_ms: int = 0

    def __post_init__(self) -> None:
        if self.micros < 0:
            raise ValueError("a price is never negative")

    @property
    def key(self) -> Key:
        """Item, region and instance type."""
        return (self.item, self.region, self.instance_type)


class PriceBook:
    """All prices that were ever in force. Immutable; :meth:`with_prices` gives a larger book."""

    __slots__ = ("_history",)

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        found: dict[Key, dict[int, Price]] = {}
        for price in prices:
            found.setdefault(price.key, {})[price.valid_from_ms] = price
        self._history = MappingProxyType(
            {key: tuple(by_start[at] for at in sorted(by_start)) for key, by_start in found.items()}
        )

    def price(self, item: Item, region: str, instance_type: str | None = None, *, at_ms: int) -> Price:
        """The price in force at the moment: the newest that began by then, or the oldest where none had.

        Raises InvalidInputError: ``region_unknown``, ``instance_type_unknown``; LookupError where a known region has no
        price for the item.
        """
        known = self._history.get((item, region, instance_type))
        if known is None:
            check_region(region)
            if item is Item.GPU_HOUR:
                check_instance_type(instance_type or "")
            raise LookupError(f"no price for {item} {instance_type or ''} in {region}")
        return next((price for price in reversed(known) if price.valid_from_ms <= at_ms), known[0])

    def with_prices(self, new: Iterable[Price]) -> "PriceBook":
        """A book with ``new`` added; old prices stay for old moments, one from the same moment is replaced."""
        return PriceBook((*self.all(), *new))

    def current(self) -> tuple[Price, ...]:
        """The newest price of each thing, sorted by thing, region and type."""
        return tuple(self._history[key][-1] for key in self._keys())

    def all(self) -> tuple[Price, ...]:
        """Every price, sorted by thing, region, type and beginning."""
        return tuple(price for key in self._keys() for price in self._history[key])

    def _keys(self) -> list[Key]:
        return sorted(self._history, key=lambda key: (key[0], key[1], key[2] or ""))


USUAL_DISK_GB = MACHINE_TYPES[DEFAULT_INSTANCE_TYPE].profile().disk_gb
"""Of the machine that is tried first, unless the owner says otherwise."""
INCLUDED_MIBS = 125
"""The throughput that a gp3 disk has without a further price; a disk that is kept has no more."""
QUICK_MIBS = 400
"""The throughput of a disk that ends with its machine: what a start reads once is read three times as fast. More is no
use: g4dn.xlarge passes 437.5 MB/s at most (price notes, item 45)."""


def running_rates(
    book: PriceBook,
    region: str,
    instance_type: str,
    *,
    at_ms: int,
    kept_disk: bool = False,
    disk_gb: int | None = None,
) -> tuple[MicroUsd, ...]:
    """What a running machine costs per hour: the instance, its public address, its disk, the disk's throughput.

    ``disk_gb`` None: as much as the type's usual image needs. A disk that is kept (``kept_disk``) has no more
    throughput than is included. Prices per month are divided by 730 h
    and rounded to the nearest micro-dollar. Raises what :meth:`PriceBook.price` raises.
    """
    more_mibs = 0 if kept_disk else QUICK_MIBS - INCLUDED_MIBS
    instance = book.price(Item.GPU_HOUR, region, instance_type, at_ms=at_ms).micros
    if disk_gb is None:
        disk_gb = MACHINE_TYPES[instance_type].profile().disk_gb
    return (
        instance,
        book.price(Item.PUBLIC_IPV4_HOUR, region, at_ms=at_ms).micros,
        _per_hour(book.price(Item.EBS_GP3_GB_MONTH, region, at_ms=at_ms).micros * disk_gb),
        _per_hour(book.price(Item.GP3_MIBS_MONTH, region, at_ms=at_ms).micros * more_mibs),
    )


def _per_hour(per_month: MicroUsd) -> MicroUsd:
    return (2 * per_month + HOURS_PER_MONTH) // (2 * HOURS_PER_MONTH)


def launch_cost(book: PriceBook, region: str, *, at_ms: int, image_gb: int = 20) -> MicroUsd:
    """What one start costs in addition to its time: filling the disk from an image of ``image_gb`` GB at a set
    speed."""
    return book.price(Item.VOLUME_INIT_GB, region, at_ms=at_ms).micros * image_gb


def check_region(region: str) -> str:
    """``region`` if prices are known for it. Raises InvalidInputError ``region_unknown``."""
    if region not in REGIONS:
        raise InvalidInputError(
            f"There are no prices for the region {_shown(region)}. Known regions: {', '.join(REGIONS)}.",
            code="region_unknown",
            details={"known": list(REGIONS)},
        )
    return region


def check_refresh(old: Price, new_micros: MicroUsd) -> MicroUsd:
    """``new_micros`` if it can be the successor of ``old``: above zero, under ten times and over a tenth of it.

    Raises InvalidInputError ``price_implausible``; the caller keeps the old price. A price that was zero may become
    anything above zero.
    """
    what = f"The new list's price for {old.item} {old.instance_type or ''}".rstrip() + f" in {old.region}"
    if new_micros <= 0:
        reason = "is zero" if new_micros == 0 else "is below zero"
    elif old.micros and new_micros >= IMPLAUSIBLE_FACTOR * old.micros:
        reason = f"is ten times the old one or more ({_price(new_micros)} after {_price(old.micros)})"
    elif old.micros and new_micros * IMPLAUSIBLE_FACTOR <= old.micros:
        reason = f"is a tenth of the old one or less ({_price(new_micros)} after {_price(old.micros)})"
    else:
        return new_micros
    raise InvalidInputError(
        f"{what} {reason}, which looks like a mistake. The old price of {_price(old.micros)} from {old.date} is kept.",
        code="price_implausible",
        details={"item": str(old.item), "region": old.region, "old_micros": old.micros, "new_micros": new_micros},
    )


def _price(micros: MicroUsd) -> str:
    return unit_price(Decimal(micros) / MICROS_PER_USD)


def _shown(text: str) -> str:
    """User input made safe to print: short and without invisible characters."""
    return ascii(text[:40])
