"""Standing costs, which accrue while no machine runs: those of this design, and of RQL 1 as written, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tlfif.money.billing_month import Month
from tlfif.money.money import MicroUsd
from tlfif.money.prices.prices import HOURS_PER_MONTH, Item, Price, PriceBook

COST_EXPLORER_CALLS = 30
"""One a day."""
IDLE_READ_MILLIONS = Decimal("0.46")
"""Read units of DynamoDB: the router's 43,800 ticks read 10.5 each, when there is nothing to do
(``tests/aws/test_idle_month.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingItem:
    """One line of an idle month: ``quantity`` of ``unit`` at ``price`` is ``micros_per_month`` (a month is 730 h).

    ``section`` is the requirement list's section that requires it, empty for this design. ``estimated``: the quantity
    is an estimate, not a count.
    """

    label: str
    item: Item
    quantity: Decimal
    unit: str
    micros_per_month: MicroUsd
    price: Price
    section: str = ""
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rql1Month:
    """RQL 1's idle month: ``items`` as written; ``extras`` come on top where it is read literally (9.3, 5.4, 7.2)."""

    items: tuple[StandingItem, ...]
    extras: tuple[StandingItem, ...]


def lean_items(
    book: PriceBook,
    region: str,
    at_ms: int,
    *,
    snapshots: int = 2,
    snapshot_gb: int = 20,
    kept_disk_gb: int = 0,
    stored_gb: int = 3,
) -> tuple[StandingItem, ...]:
    """This design's idle month (price notes, "Leanest design"), at the prices in force at ``at_ms``.

    ``kept_disk_gb`` 0 is variant A, where machines are terminated; 40 is variant B, where one is stopped and its disk
    kept. Sizes in GB. Raises ValueError for a size below zero, InvalidInputError ``region_unknown``.
    """
    if min(snapshots, snapshot_gb, kept_disk_gb, stored_gb) < 0:
        raise ValueError("sizes start at zero")
    line = _Lines(book, region, at_ms)
    line.add(
        f"{snapshots} image snapshots of {snapshot_gb} GB",
        Item.SNAPSHOT_GB_MONTH,
        snapshots * snapshot_gb,
        estimated=True,
    )
    if kept_disk_gb:
        line.add(f"disk of {kept_disk_gb} GB kept while stopped", Item.EBS_GP3_GB_MONTH, kept_disk_gb)
    line.add("model and answers in S3", Item.S3_GB_MONTH, stored_gb, estimated=True)
    line.add("one Cost Explorer call a day", Item.COST_EXPLORER_REQUEST, COST_EXPLORER_CALLS)
    line.add("the router's reads of its tables, once a minute", Item.TABLE_READ_MILLION, IDLE_READ_MILLIONS)
    line.add("queue, functions, sign-in, schedules within the free amounts", Item.FREE_TIER, 1)
    return tuple(line.lines)


def rql1_items(book: PriceBook, region: str, at_ms: int) -> Rql1Month:
    """RQL 1 as written, its machine stopped all month (price notes, table (a)), at the prices in force at ``at_ms``.

    Raises InvalidInputError ``region_unknown``.
    """
    line = _Lines(book, region, at_ms)
    line.add("NAT gateway", Item.NAT_HOUR, HOURS_PER_MONTH, section="9.1")
    line.add("public address of the NAT gateway", Item.PUBLIC_IPV4_HOUR, HOURS_PER_MONTH, section="9.1")
    line.add("network load balancer", Item.NLB_HOUR, HOURS_PER_MONTH, section="9.2")
    line.add("fixed address of the load balancer, one zone", Item.PUBLIC_IPV4_HOUR, HOURS_PER_MONTH, section="9.2")
    line.add("ElastiCache, smallest node", Item.CACHE_T3_MICRO_HOUR, HOURS_PER_MONTH, section="4.1", estimated=True)
    line.add("gp3 disk of 100 GiB", Item.EBS_GP3_GB_MONTH, 100, section="5.1")
    line.add("250 MiB/s on that disk, 125 above what is free", Item.GP3_MIBS_MONTH, 125, section="5.1")
    line.add("5 image snapshots of 20 GB", Item.SNAPSHOT_GB_MONTH, 100, section="7.3", estimated=True)
    line.add("daily snapshots, the first full copy only", Item.SNAPSHOT_GB_MONTH, 20, section="10.1", estimated=True)
    line.add("AWS Config, 200 recorded changes", Item.CONFIG_ITEM, 200, section="10.3", estimated=True)
    line.add("AWS Config, 400 rule evaluations", Item.CONFIG_EVALUATION, 400, section="10.3", estimated=True)
    line.add("metrics and alarms within the free amounts", Item.FREE_TIER, 1, section="6.1, 6.3")
    line.add("sign-in, API, functions, table, storage, pipeline", Item.FREE_TIER, 1, section="1-3, 8")
    extra = _Lines(book, region, at_ms)
    extra.add("5 interface endpoints in 2 zones", Item.INTERFACE_ENDPOINT_HOUR, 10 * HOURS_PER_MONTH, section="9.3")
    extra.add("domain and exportable certificate", Item.CERTIFICATE_MONTH, 1, section="5.4", estimated=True)
    extra.add("own key for sharing images", Item.KMS_KEY_MONTH, 1, section="7.2")
    return Rql1Month(items=tuple(line.lines), extras=tuple(extra.lines))


def total_per_month(items: Sequence[StandingItem]) -> MicroUsd:
    """The sum of the lines."""
    return sum(item.micros_per_month for item in items)


def accrued(items: Sequence[StandingItem], from_ms: int, to_ms: int) -> MicroUsd:
    """What the lines cost in ``[from_ms, to_ms)`` (epoch milliseconds); nothing where that is empty.

    A line's price per month is spread evenly over the real month (28 to 31 days), each piece being the difference of
    two sums since the month's start: a whole month is exactly the price, and adjacent pieces add up.
    """
    total = 0
    at = from_ms
    while at < to_ms:
        month = Month.of(at)
        until = min(to_ms, month.end_ms)
        for item in items:
            before = item.micros_per_month * (at - month.start_ms) // month.length_ms
            total += item.micros_per_month * (until - month.start_ms) // month.length_ms - before
        at = until
    return total


class _Lines:
    """Collects lines at one region's prices of one moment."""

    def __init__(self, book: PriceBook, region: str, at_ms: int) -> None:
        self._book, self._region, self._at_ms = book, region, at_ms
        self.lines: list[StandingItem] = []

    def add(
        self, label: str, item: Item, quantity: int | Decimal, *, section: str = "", estimated: bool = False
    ) -> None:
        """One line: ``quantity`` times the item's price."""
        price = self._book.price(item, self._region, at_ms=self._at_ms)
        self.lines.append(
            StandingItem(
                label=label,
                item=item,
                quantity=Decimal(quantity),
                unit=price.unit,
                micros_per_month=round(price.micros * quantity),
                price=price,
                section=section,
                estimated=estimated,
            )
        )
