"""What AWS itself says that a month costs: when it may be asked, for which days, and how its answer is summed.

A query to Cost Explorer costs a cent, whether it succeeds or not, and its figures are up to a day old: so it is asked
once a day at most, and never for a prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from tlfif.money.billing_month import MS_PER_DAY, Month, day_of
from tlfif.money.money import MICROS_PER_USD, MicroUsd

WAIT_MS = MS_PER_DAY
"""From one query to the next, also after one that failed: AWS may charge for that as well."""
ANSWER_MS = 120_000
"""A query without a result after this long was given up: nothing waits for its answer any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPeriod:
    """The days ``[first, end)`` of one month."""

    month: Month
    first: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledDay:
    """A UTC day as AWS bills it, in US dollars. ``charges`` is all but ``credits`` (deductions, below zero)
    and ``tax``. ``recorded``: AWS reports some use on that day, if only free use. ``estimated``: it may still
    change."""

    day: date
    charges: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    recorded: bool = True
    estimated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The whole account's ``month`` so far, as AWS bills it: ``micros`` without VAT and less ``credits`` (from zero
    up). ``up_to`` is the last day with recorded use; None where there is none yet."""

    month: Month
    micros: MicroUsd
    credits: MicroUsd
    up_to: date | None
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BillFailure:
    """Why a query failed: a ``code`` for programs and a sentence for the owner."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillQuery:
    """One query, stored before it is sent (epoch milliseconds)."""

    id: str
    asked_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRecord:
    """What is stored. ``settled``: the newest ``query`` has its result. ``bill`` is the newest bill that was ever
    received, queried at ``billed_ms``; ``failure`` is why the newest query failed."""

    query: BillQuery | None = None
    settled: bool = False
    failure: BillFailure | None = None
    bill: Bill | None = None
    billed_ms: int | None = None


class Step(Enum):
    """What to do about the bill now."""

    WAIT = "wait"
    ASK = "ask"
    RESTART_WAIT = "restart_wait"
    """A clock was wrong: count the wait from now on, without asking."""


CLOCK_WAS_WRONG = BillFailure(
    code="bill_clock_wrong",
    message="The last query is recorded for a day in the future, so a clock was wrong.",
)


def next_step(record: BillRecord, now_ms: int) -> Step:
    """Whether to ask. A wrong clock delays a query by two days at most, and costs one more query for each time that it
    jumped ahead."""
    if record.query is None:
        return Step.ASK
    age = now_ms - record.query.asked_ms
    if age < -WAIT_MS:
        return Step.RESTART_WAIT
    return Step.ASK if age >= WAIT_MS else Step.WAIT


def next_query_ms(record: BillRecord) -> int | None:
    """When it may be asked again; None: at any time."""
    return None if record.query is None else record.query.asked_ms + WAIT_MS


def begun(record: BillRecord, query: BillQuery) -> BillRecord:
    """The record while ``query`` is under way."""
    return replace(record, query=query, settled=False, failure=None)


def settled(record: BillRecord, result: Bill | BillFailure) -> BillRecord:
    """The record with the result of its query. Raises ValueError where there is no query."""
    if record.query is None:
        raise ValueError("there is no query")
    if isinstance(result, BillFailure):
        return replace(record, settled=True, failure=result)
    return replace(record, settled=True, failure=None, bill=result, billed_ms=record.query.asked_ms)


def period_at(now_ms: int) -> BillPeriod:
    """The month of yesterday, up to yesterday. On the first of a month that is the whole month before: today has no
    figures yet, and AWS refuses an empty period."""
    today = day_of(now_ms)
    month = Month.of(now_ms - MS_PER_DAY)
    return BillPeriod(month=month, first=day_of(month.start_ms), end=today)


def bill_of(period: BillPeriod, days: Sequence[BilledDay]) -> Bill:
    """The days summed. Raises ValueError unless they are each day of ``period`` once, in order."""
    wanted = [period.first + timedelta(days=number) for number in range((period.end - period.first).days)]
    if [one.day for one in days] != wanted:
        raise ValueError("these are not the days that were asked for")
    deducted = sum((one.credits for one in days), Decimal(0))
    return Bill(
        month=period.month,
        micros=_micros(sum((one.charges for one in days), deducted)),
        credits=_micros(-deducted),
        up_to=max((one.day for one in days if one.recorded), default=None),
        estimated=any(one.estimated for one in days),
    )


def _micros(usd: Decimal) -> MicroUsd:
    return int((usd * MICROS_PER_USD).to_integral_value(rounding=ROUND_HALF_UP))
