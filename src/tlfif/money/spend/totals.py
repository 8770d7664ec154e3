"""Totals of the ledger: what a month's machines and standing items cost under a tariff."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from tlfif.kernel.clock import Clock
from tlfif.money.billing_month import MS_PER_DAY, Month
from tlfif.money.money import MS_PER_HOUR, MicroUsd
from tlfif.money.prices.prices import PriceBook
from tlfif.money.prices.pricing import Pricing
from tlfif.money.spend.forecast import DayCost, Forecast, month_end
from tlfif.money.spend.last_seen import LastSeen
from tlfif.money.spend.ledger import Ledger, LedgerState
from tlfif.money.spend.spans import MachineSpan, clip
from tlfif.money.spend.standing_costs import StandingItem, accrued, total_per_month
from tlfif.money.spend.tariff import Tariff, span_cost_between

SPANS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthTotals:
    """A month so far, in micro-dollars without VAT: ``total == machines + standing_accrued``.

    ``running_per_hour`` is what runs now, ``standing_per_month`` what an idle month of 730 h costs. ``days`` has the
    days on which a machine ran, oldest first.
    """

    month: Month
    machines: MicroUsd = 0
    standing_accrued: MicroUsd = 0
    running_per_hour: MicroUsd = 0
    standing_per_month: MicroUsd = 0
    forecast: Forecast | None = None
    days: tuple[DayCost, ...] = ()

    @property
    def total(self) -> MicroUsd:
        """The month to date."""
        return self.machines + self.standing_accrued


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The month so far in micro-dollars, machines and standing items together.

    ``running`` is what each running machine has cost since its start, by machine; ``per_hour`` what one more hour costs
    now, standing items included, rounded up.
    """

    total: MicroUsd
    running: Mapping[str, MicroUsd] = field(default_factory=dict)
    per_hour: MicroUsd = 0


@dataclass(slots=True)
class _DailyTotals:
    """Ended spans under one tariff, added up by day; updated by the ledger's revision."""

    tariff: Tariff
    book: PriceBook
    since_ms: int
    revision: int = 0
    days: dict[int, tuple[int, MicroUsd]] = field(default_factory=dict)
    known: dict[str, tuple[int, list[DayCost]]] = field(default_factory=dict)
    running: dict[str, MachineSpan] = field(default_factory=dict)
    changes_ms: list[int] = field(default_factory=list)
    prices: dict[tuple[int, Tariff], tuple[MicroUsd, MicroUsd]] = field(default_factory=dict)

    def update(self, revision: int, span: MachineSpan) -> None:
        """Add a span that is new or has changed. An older revision of a span changes nothing."""
        old_revision, old_days = self.known.get(span.machine_id, (0, []))
        if revision <= old_revision:
            return
        self.revision = max(self.revision, revision)
        self._add(old_days, sign=-1)
        self.running.pop(span.machine_id, None)
        days = [] if span.to_ms is None else self.days_of(span, span.to_ms)
        if span.to_ms is None:
            self.running[span.machine_id] = span
        self.known[span.machine_id] = (revision, days)
        self._add(days, sign=1)

    def days_of(self, span: MachineSpan, now_ms: int) -> list[DayCost]:
        """The span's days since ``since_ms``."""
        found = []
        rate, once = self._prices(span)
        day = max(span.from_ms, self.since_ms) // MS_PER_DAY * MS_PER_DAY
        while day <= span.end_ms(now_ms):
            part = clip(span, day, day + MS_PER_DAY, now_ms)
            micros = span_cost_between(span, rate, once, day, day + MS_PER_DAY, now_ms)
            if part or micros:
                found.append(DayCost(day_ms=day, on_ms=part[1] - part[0] if part else 0, micros=micros))
            day += MS_PER_DAY
        return found

    def all_days(self, ends_ms: Mapping[str, int]) -> list[DayCost]:
        """Every day with a machine, open spans included, up to ``ends_ms``."""
        days = dict(self.days)
        for span in self.running.values():
            for day in self.days_of(span, ends_ms[span.machine_id]):
                on_ms, micros = days.get(day.day_ms, (0, 0))
                days[day.day_ms] = (on_ms + day.on_ms, micros + day.micros)
        return [DayCost(day_ms=at, on_ms=days[at][0], micros=days[at][1]) for at in sorted(days) if any(days[at])]

    def _prices(self, span: MachineSpan) -> tuple[MicroUsd, MicroUsd]:
        """The tariff's prices for the span, looked up once between two changes of any price."""
        if not self.changes_ms:
            self.changes_ms = sorted({price.valid_from_ms for price in self.book.all()})
        tariff = self.tariff.of(span)
        key = (bisect_right(self.changes_ms, span.from_ms), tariff)
        if key not in self.prices:
            self.prices[key] = tariff.prices(self.book, at_ms=span.from_ms)
        return self.prices[key]

    def _add(self, days: list[DayCost], *, sign: int) -> None:
        for day in days:
            on_ms, micros = self.days.get(day.day_ms, (0, 0))
            self.days[day.day_ms] = (on_ms + sign * day.on_ms, micros + sign * day.micros)


class Totals:
    """Adds up the ledger. Ended spans are added once, so a call takes as long after a year as on the first day."""

    def __init__(self, ledger: Ledger, pricing: Pricing, last_seen: LastSeen, clock: Clock) -> None:
        self._ledger = ledger
        self._pricing = pricing
        self._last_seen = last_seen
        self._clock = clock
        self._by_tariff: dict[Tariff, _DailyTotals] = {}

    def now_ms(self) -> int:
        """Now, in epoch milliseconds."""
        return int(self._clock.now() * 1000)

    async def month(self, tariff: Tariff | None, *, state: LedgerState | None = None) -> MonthTotals:
        """The present month under ``tariff``; None is the owner's own computer, where all is zero.

        Raises StorageError.
        """
        now_ms = self.now_ms()
        month = Month.of(now_ms)
        if tariff is None:
            return MonthTotals(month=month)
        state = state or await self._ledger.state()
        daily = await self._daily(tariff, state, month)
        days = daily.all_days(await self._last_seen.ends_ms(daily.running.values()))
        own = tuple(day for day in days if month.start_ms <= day.day_ms < month.end_ms)
        machines = sum(day.micros for day in own)
        standing = tariff.standing(daily.book, at_ms=now_ms)
        accrued_now = _standing_accrued(standing, state, month, now_ms)
        return MonthTotals(
            month=month,
            machines=machines,
            standing_accrued=accrued_now,
            running_per_hour=_hourly(daily),
            standing_per_month=total_per_month(standing),
            forecast=month_end(
                month=month,
                now_ms=now_ms,
                spent_micros=machines + accrued_now,
                standing=standing,
                machine_days=days,
            ),
            days=own,
        )

    async def spending(self, tariff: Tariff | None, *, state: LedgerState) -> Spending:
        """The month's total and what runs now, which the budget is checked against for every prompt.

        Raises StorageError.
        """
        now_ms = self.now_ms()
        month = Month.of(now_ms)
        if tariff is None:
            return Spending(total=0)
        daily = await self._daily(tariff, state, month)
        closed = sum(micros for at, (_, micros) in daily.days.items() if month.start_ms <= at < month.end_ms)
        ends = await self._last_seen.ends_ms(daily.running.values())
        running = sum(
            tariff.span_between(daily.book, span, month.start_ms, month.end_ms, ends[span.machine_id])
            for span in daily.running.values()
        )
        standing = tariff.standing(daily.book, at_ms=now_ms)
        return Spending(
            total=closed + running + _standing_accrued(standing, state, month, now_ms),
            running={
                span.machine_id: tariff.span_between(
                    daily.book, span, span.from_ms, ends[span.machine_id] + 1, ends[span.machine_id]
                )
                for span in daily.running.values()
            },
            per_hour=_hourly(daily) + -(-total_per_month(standing) * MS_PER_HOUR // month.length_ms),
        )

    async def _daily(self, tariff: Tariff, state: LedgerState, month: Month) -> _DailyTotals:
        book = await self._pricing.book()
        daily = self._by_tariff.get(tariff)
        if daily is None or daily.book is not book:
            daily = _DailyTotals(tariff=tariff, book=book, since_ms=month.previous.start_ms)
            self._by_tariff[tariff] = daily
        if daily.revision < state.revision:
            # Only the first read may skip what ended long ago: later it may be the end of a span known as open.
            from_ms = daily.since_ms if daily.revision == 0 else _EVER
            changed = await self._ledger.spans_after(daily.revision, from_ms=from_ms)
            for number, (revision, span) in enumerate(changed, start=1):
                daily.update(revision, span)
                if number % SPANS_AT_ONCE == 0:
                    await self._clock.sleep(0)  # two months of many short runs take half a second: let other tasks run
            daily.revision = max(daily.revision, state.revision)
        return daily


_EVER = -(2**62)
"""Before every moment."""


def _hourly(daily: _DailyTotals) -> MicroUsd:
    running = daily.running.values()
    return sum(daily.tariff.of(span).hourly(daily.book, at_ms=span.from_ms) for span in running)


def _standing_accrued(standing: tuple[StandingItem, ...], state: LedgerState, month: Month, now_ms: int) -> MicroUsd:
    begin = max(state.since_ms, month.start_ms)
    return accrued(standing, begin, max(now_ms, begin))
