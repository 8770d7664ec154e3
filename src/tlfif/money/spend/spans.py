"""The meter's ledger: when each machine ran, and what that cost. Phases and answers: ``span_costs``.

A machine is paid for from the moment the cloud says running to the moment it says not running, 60 seconds at least.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tlfif.money.billing_month import MS_PER_DAY, Month
from tlfif.money.money import MS_PER_HOUR, MicroUsd, charge, time_cost
from tlfif.money.prices.prices import HourlyRate

MINIMUM_MS = 60_000
"""Every start is billed for a minute at least (EC2 StartInstances: "one-minute minimum")."""

Hourly: TypeAlias = int | Sequence[HourlyRate]
"""What running costs: one rate in micro-dollars per hour, or several that add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpan:
    """One run of one machine, ``[from_ms, to_ms)`` in epoch milliseconds; ``to_ms`` None while it runs.

    ``ready_ms`` is when it could answer, None until then. ``corrected``: ``to_ms`` is the real stop time as the cloud
    told it later. Changed by :func:`opened`, :func:`ready`, :func:`closed`, :func:`corrected` only, in any order.
    """

    machine_id: str
    instance_type: str
    region: str
    from_ms: int
    to_ms: int | None = None
    ready_ms: int | None = None
    corrected: bool = False

    def end_ms(self, now_ms: int) -> int:
        """Where it ends, or has got to by now; never before its start."""
        return max(self.from_ms, now_ms if self.to_ms is None else self.to_ms)


def opened(*, machine_id: str, instance_type: str, region: str, at_ms: int) -> MachineSpan:
    """The cloud says running."""
    return MachineSpan(machine_id=machine_id, instance_type=instance_type, region=region, from_ms=at_ms)


def ready(span: MachineSpan, at_ms: int) -> MachineSpan:
    """The machine can answer. Told twice, the earlier moment holds; never before the start."""
    at_ms = max(span.from_ms, at_ms)
    return replace(span, ready_ms=at_ms if span.ready_ms is None else min(span.ready_ms, at_ms))


def closed(span: MachineSpan, at_ms: int) -> MachineSpan:
    """The cloud says not running, seen at ``at_ms``. Told twice, the earlier moment holds; a corrected end stays.

    A moment before the start (the clock jumped) becomes the start.
    """
    if span.corrected:
        return span
    at_ms = max(span.from_ms, at_ms)
    return replace(span, to_ms=at_ms if span.to_ms is None else min(span.to_ms, at_ms))


def corrected(span: MachineSpan, real_stop_ms: int) -> MachineSpan:
    """The real stop time turned up and replaces the end; before the start it becomes the start.

    Of two real stop times the later one holds, so that the meter is never under the bill.
    """
    real_stop_ms = max(span.from_ms, real_stop_ms)
    if span.corrected and span.to_ms is not None:
        real_stop_ms = max(span.to_ms, real_stop_ms)
    return replace(span, to_ms=real_stop_ms, corrected=True)


def clip(span: MachineSpan, from_ms: int, to_ms: int, now_ms: int) -> tuple[int, int] | None:
    """The part of the span's time inside ``[from_ms, to_ms)``, or None where they do not meet."""
    begin, end = max(span.from_ms, from_ms), min(span.end_ms(now_ms), to_ms)
    return (begin, end) if begin < end else None


def cost_between(span: MachineSpan, hourly: Hourly, from_ms: int, to_ms: int, now_ms: int) -> MicroUsd:
    """The span's cost that falls into ``[from_ms, to_ms)``.

    Pieces are differences of the cost since the span's start, and what the 60-second minimum adds belongs to the
    piece that has the start; so the pieces of all months add up to the whole.
    """
    rate = rate_of(hourly)
    part = clip(span, from_ms, to_ms, now_ms)
    cost = time_cost(rate, *part, since_ms=span.from_ms) if part else 0
    return cost + (minimum_of(span, rate, now_ms) if from_ms <= span.from_ms < to_ms else 0)


def minimum_of(span: MachineSpan, hourly: Hourly, now_ms: int) -> MicroUsd:
    """What the 60-second minimum adds to the span's own time; nothing for one whose start the clock has not reached."""
    if span.to_ms is None and now_ms < span.from_ms:
        return 0
    rate = rate_of(hourly)
    return max(0, charge(rate, MINIMUM_MS) - charge(rate, span.end_ms(now_ms) - span.from_ms))


def rate_of(hourly: Hourly) -> MicroUsd:
    """All rates together, in micro-dollars per hour. Raises ValueError for one below zero."""
    rates = [hourly] if isinstance(hourly, int) else [rate.micros_per_hour for rate in hourly]
    if any(rate < 0 for rate in rates):
        raise ValueError("a rate is never negative")
    return sum(rates)


def hours_by_day(spans: Iterable[MachineSpan], month: Month, now_ms: int) -> list[float]:
    """Hours that machines were on, for each day of the month (index 0 is day 1); two machines at once count twice."""
    on_ms = [0] * month.days
    for span in spans:
        part = clip(span, month.start_ms, month.end_ms, now_ms)
        while part:
            begin, end = part
            day = (begin - month.start_ms) // MS_PER_DAY
            midnight = month.start_ms + (day + 1) * MS_PER_DAY
            on_ms[day] += min(end, midnight) - begin
            part = (midnight, end) if midnight < end else None
    return [ms / MS_PER_HOUR for ms in on_ms]


def check_disjoint(spans: Iterable[MachineSpan]) -> None:
    """Raises ValueError where two spans of one machine overlap; half-open spans may touch."""
    last: dict[str, MachineSpan] = {}
    for span in sorted(spans, key=lambda span: (span.from_ms, span.to_ms is None, span.to_ms or 0)):
        before = last.get(span.machine_id)
        if before is not None and (before.to_ms is None or before.to_ms > span.from_ms):
            raise ValueError(f"machine {span.machine_id} ran twice at {span.from_ms} ms")
        last[span.machine_id] = span
