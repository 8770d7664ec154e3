"""The numbers behind the picture of a month: spend over time, and the forecast."""

from dataclasses import dataclass
from datetime import datetime

from tlfif.money.billing_month import MS_PER_DAY, Month
from tlfif.wire.money import CostView, SumsView

OFF_SCALE_FACTOR = 40
"""A limit this many times above the rest is named instead of drawn, because the rest would lie flat on the axis."""
Point = tuple[float, float]
"""Days since the month's first moment (UTC), and US dollars without VAT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendCurve:
    """One month of one kind of money; ``spent`` begins where the meter did. ``limit_usd`` None: no limit counts this
    money. ``hours``: one number a day. ``simulated``: what AWS would have charged, which nobody owes."""

    month: Month
    spent: tuple[Point, ...]
    forecast: tuple[Point, Point]
    limit_usd: float | None
    hours: tuple[float, ...]
    simulated: bool

    @property
    def now(self) -> Point:
        """The end of what is spent and the beginning of the forecast."""
        return self.forecast[0]


def spend_curve(cost: CostView, sums: SumsView, *, now_ms: int) -> SpendCurve:
    """``sums`` day by day: the machines' cost as of each day's end, standing items evenly since the meter's start.

    The last point is the month to date at ``now_ms`` (epoch milliseconds) exactly. The limit is the budget's with what
    a release has added, in dollars at the API's exchange rate, where it counts the money that is drawn.
    """
    budget, simulated = cost["budget"], cost["simulated_aws"] is not None
    month = Month.of(now_ms)
    if month.label != cost["month"]:  # the month changed while the answer was on its way
        month, now_ms = month.previous, month.start_ms - 1
    now = (now_ms - month.start_ms) / MS_PER_DAY
    began = min(max(0.0, _days_since(month, cost["since"])), now)
    by_day = {int(day["date"][8:10]): day for day in sums["days"]}
    machines = 0.0
    spent: list[Point] = [(began, 0.0)]
    for day in range(1, month.days + 1):
        machines += by_day[day]["usd"] if day in by_day else 0.0
        if began < day < now:
            spent.append((float(day), machines + sums["standing_usd"] * (day - began) / (now - began)))
    spent.append((now, sums["month_to_date_usd"]))
    limit = budget["limit_eur"] if budget["simulated_aws"] is simulated else None
    return SpendCurve(
        month=month,
        spent=tuple(spent),
        forecast=((now, sums["month_to_date_usd"]), (float(month.days), sums["forecast_usd"])),
        limit_usd=None if limit is None else (limit + budget["extra_eur"]) * cost["exchange"]["usd_per_eur"],
        hours=tuple(by_day[day]["hours"] if day in by_day else 0.0 for day in range(1, month.days + 1)),
        simulated=simulated,
    )


def _days_since(month: Month, iso: str) -> float:
    return (datetime.fromisoformat(iso).timestamp() * 1000 - month.start_ms) / MS_PER_DAY
