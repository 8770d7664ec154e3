"""The tariff that machine time is priced by: a machine type in a region."""

from dataclasses import dataclass, replace

from tlfif.machines.machine_types import EngineKind, check_instance_type, disks_of
from tlfif.money.money import MicroUsd
from tlfif.money.prices.prices import (
    DEFAULT_INSTANCE_TYPE,
    DEFAULT_REGION,
    PriceBook,
    check_region,
    launch_cost,
    running_rates,
)
from tlfif.money.spend.spans import WORK_PREFIX, MachineSpan, cost_between
from tlfif.money.spend.standing_costs import StandingItem, lean_items


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The prices that apply to a machine's time.

    ``fallbacks``: the types that a start may get where ``instance_type`` has no capacity. With any, each span is priced
    by the type and the region that it had, and a start reserves for the most expensive of them. Without, every span of
    a machine is priced as ``instance_type``; what built or tested an image by the type that it had. ``kept_disk_gb``:
    the disk that is kept for the next start (standby), 0 where none is. ``gpu_engine`` and
    ``disk_gb`` decide the size of a running machine's disk (``machine_types.disks_of``).
    Raises InvalidInputError ``region_unknown``, ``instance_type_unknown``.
    """

    region: str = DEFAULT_REGION
    instance_type: str = DEFAULT_INSTANCE_TYPE
    fallbacks: tuple[str, ...] = ()
    kept_disk_gb: int = 0
    gpu_engine: EngineKind = EngineKind.VLLM
    disk_gb: int = 0

    def __post_init__(self) -> None:
        check_region(self.region)
        for name in self.types:
            check_instance_type(name)

    @property
    def types(self) -> tuple[str, ...]:
        """All that a start may get, the one that is tried first in front."""
        return (self.instance_type, *self.fallbacks)

    def of(self, span: MachineSpan) -> "Tariff":
        """The tariff of this span."""
        own = self.fallbacks or span.machine_id.startswith(WORK_PREFIX)
        if not own:
            return self
        return replace(self, region=span.region, instance_type=span.instance_type, fallbacks=())

    def dearest_hourly(self, book: PriceBook, *, at_ms: int) -> MicroUsd:
        """The most that a machine started now may cost per hour."""
        return max(self.hourly(book, at_ms=at_ms, instance_type=name) for name in self.types)

    def hourly(self, book: PriceBook, *, at_ms: int, instance_type: str | None = None) -> MicroUsd:
        """What a running machine costs per hour: instance, public address, disk and its throughput. ``instance_type``:
        another than the first."""
        kind, kept = instance_type or self.instance_type, self.kept_disk_gb > 0
        disk_gb = disks_of((kind,), self.gpu_engine, self.disk_gb)[kind]
        return sum(running_rates(book, self.region, kind, at_ms=at_ms, kept_disk=kept, disk_gb=disk_gb))

    def once(self, book: PriceBook, *, at_ms: int) -> MicroUsd:
        """What each start costs in addition to its time: its disk is filled from the image."""
        return launch_cost(book, self.region, at_ms=at_ms)

    def prices(self, book: PriceBook, *, at_ms: int) -> tuple[MicroUsd, MicroUsd]:
        """:meth:`hourly` and :meth:`once` together."""
        return self.hourly(book, at_ms=at_ms), self.once(book, at_ms=at_ms)

    def span_between(self, book: PriceBook, span: MachineSpan, from_ms: int, to_ms: int, now_ms: int) -> MicroUsd:
        """The part of a span's cost in ``[from_ms, to_ms)``, at the prices of its start."""
        hourly, once = self.of(span).prices(book, at_ms=span.from_ms)
        return span_cost_between(span, hourly, once, from_ms, to_ms, now_ms)

    def standing(self, book: PriceBook, *, at_ms: int) -> tuple[StandingItem, ...]:
        """What costs money while nothing runs."""
        return lean_items(book, self.region, at_ms, kept_disk_gb=self.kept_disk_gb)


def span_cost_between(
    span: MachineSpan, hourly: MicroUsd, once: MicroUsd, from_ms: int, to_ms: int, now_ms: int
) -> MicroUsd:
    """The part of a span's cost in ``[from_ms, to_ms)``, with ``once`` paid per start.

    ``once`` belongs to the part with the start; adjacent parts add up to the whole.
    """
    started = from_ms <= span.from_ms < to_ms and now_ms >= span.from_ms
    return cost_between(span, hourly, from_ms, to_ms, now_ms) + (once if started else 0)
