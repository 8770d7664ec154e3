"""What AWS itself says that a month costs: when it may be asked, for which days, and what its answer comes to.

A question to Cost Explorer costs a cent, whatever comes of it, and its figures are up to a day old: so it is asked once
a day at most, and never for a prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from tlfif.money.billing_month import MS_PER_DAY, Month, day_of
from tlfif.money.money import MICROS_PER_USD, MicroUsd

WAIT_MS = MS_PER_DAY
"""From one question to the next, also after one that brought nothing: AWS may charge for that as well."""
ANSWER_MS = 120_000
"""A question without a result after this long has nobody who waits for its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPeriod:
    """The days ``[first, end)`` of one month."""

    month: Month
    first: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledDay:
    """A UTC day as AWS bills it, in US dollars. ``charges`` is all but ``credits`` (what AWS takes off it, below zero)
    and ``tax``. ``recorded``: AWS knows of something on that day, if only of something free. ``estimated``: it may
    still change."""

    day: date
    charges: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    recorded: bool = True
    estimated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The whole account's ``month`` so far, as AWS bills it: ``micros`` without VAT and less ``credits`` (from zero
    up). ``up_to`` is the last day of which AWS knows anything; None where it knows of none yet."""

    month: Month
    micros: MicroUsd
    credits: MicroUsd
    up_to: date | None
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BillFailure:
    """Why a question brought no figure: a ``code`` for programs and a sentence for the owner."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, written down before it is asked (epoch milliseconds)."""

    id: str
    asked_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRecord:
    """What is kept. ``settled``: the newest ``question`` has its result. ``bill`` is the newest figure that ever came,
    asked for at ``billed_ms``; ``failure`` is why the newest question brought none."""

    question: Question | None = None
    settled: bool = False
    failure: BillFailure | None = None
    bill: Bill | None = None
    billed_ms: int | None = None


class Step(Enum):
    """What to do about the bill now."""

    WAIT = "wait"
    ASK = "ask"
    COUNT_ANEW = "count_anew"
    """A clock was wrong: count the wait from now on, without asking."""


CLOCK_WAS_WRONG = BillFailure(
    code="bill_clock_wrong",
    message="The last question is written down for a day that is still to come, so a clock was wrong.",
)


def next_step(record: BillRecord, now_ms: int) -> Step:
    """Whether to ask. A wrong clock costs waiting: two days at most, and one question more for each time that it
    leapt ahead."""
    if record.question is None:
        return Step.ASK
    age = now_ms - record.question.asked_ms
    if age < -WAIT_MS:
        return Step.COUNT_ANEW
    return Step.ASK if age >= WAIT_MS else Step.WAIT


def next_question_ms(record: BillRecord) -> int | None:
    """When it may be asked again; None: at any time."""
    return None if record.question is None else record.question.asked_ms + WAIT_MS


def begun(record: BillRecord, question: Question) -> BillRecord:
    """The record while ``question`` is under way."""
    return replace(record, question=question, settled=False, failure=None)


def settled(record: BillRecord, result: Bill | BillFailure) -> BillRecord:
    """The record with what came of its question. Raises ValueError where there is none."""
    if record.question is None:
        raise ValueError("nothing was asked")
    if isinstance(result, BillFailure):
        return replace(record, settled=True, failure=result)
    return replace(record, settled=True, failure=None, bill=result, billed_ms=record.question.asked_ms)


def period_at(now_ms: int) -> BillPeriod:
    """The month of yesterday, up to yesterday: on the first of a month that is the whole month before, since of today
    there is nothing yet, and no day at all cannot be asked for."""
    today = day_of(now_ms)
    month = Month.of(now_ms - MS_PER_DAY)
    return BillPeriod(month=month, first=day_of(month.start_ms), end=today)


def bill_of(period: BillPeriod, days: Sequence[BilledDay]) -> Bill:
    """The days in one figure. Raises ValueError unless they are each day of ``period`` once, in order."""
    wanted = [period.first + timedelta(days=number) for number in range((period.end - period.first).days)]
    if [one.day for one in days] != wanted:
        raise ValueError("these are not the days that were asked for")
    taken_off = sum((one.credits for one in days), Decimal(0))
    return Bill(
        month=period.month,
        micros=_micros(sum((one.charges for one in days), taken_off)),
        credits=_micros(-taken_off),
        up_to=max((one.day for one in days if one.recorded), default=None),
        estimated=any(one.estimated for one in days),
    )


def _micros(usd: Decimal) -> MicroUsd:
    return int((usd * MICROS_PER_USD).to_integral_value(rounding=ROUND_HALF_UP))
