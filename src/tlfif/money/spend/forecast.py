"""What the month will have cost at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.money.billing_month import MS_PER_DAY, Month
from tlfif.money.money import MicroUsd
from tlfif.money.spend.standing_costs import StandingItem, accrued

RECENT_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCost:
    """What machines cost on one UTC day; ``day_ms`` is its first millisecond, ``on_ms`` how long they ran. Days left
    out cost nothing."""

    day_ms: int
    micros: MicroUsd
    on_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The month's end in micro-dollars: ``total == spent + standing_rest + machine_rest``."""

    total: MicroUsd
    spent: MicroUsd
    standing_rest: MicroUsd
    machine_rest: MicroUsd


def month_end(
    *,
    month: Month,
    now_ms: int,
    spent_micros: MicroUsd,
    standing: Sequence[StandingItem],
    machine_days: Sequence[DayCost],
) -> Forecast:
    """What ``month`` will have cost if the last days go on.

    ``total = spent + standing from now to the end + machines per day x days left``, where machines per day is the
    machine spend of the last seven UTC days, today among them, divided by the time from the first of those days (or of
    the first day known, if later) until now, one day at least. ``machine_days`` may reach back into the month before:
    so the first hours of a month rest on the days before it, and a single hour is never taken for a whole day's pace.
    ``spent_micros`` is all of the month so far, machines and standing items. Before the month now is its start, after
    it its end.
    """
    rest_from = min(max(now_ms, month.start_ms), month.end_ms)
    rest_ms = month.end_ms - rest_from
    standing_rest = accrued(standing, rest_from, month.end_ms)
    today = now_ms // MS_PER_DAY * MS_PER_DAY
    known = [day for day in machine_days if day.day_ms <= today]
    first = max(today - (RECENT_DAYS - 1) * MS_PER_DAY, min((day.day_ms for day in known), default=today))
    recent = sum(day.micros for day in known if day.day_ms >= first)
    machine_rest = recent * rest_ms // max(now_ms - first, MS_PER_DAY)
    return Forecast(
        total=spent_micros + standing_rest + machine_rest,
        spent=spent_micros,
        standing_rest=standing_rest,
        machine_rest=machine_rest,
    )
