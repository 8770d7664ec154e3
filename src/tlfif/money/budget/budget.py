"""The owner's monthly limit: reserve before a start, warn at 50 and 80 %, lock at 100 % until a person acts."""

import math
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from tlfif.money.amounts import both_of, eur_of
from tlfif.money.billing_month import Month, day_label
from tlfif.money.budget.budget_limit import DEFAULT_LIMIT_EUR
from tlfif.money.money import MICROS_PER_USD, MS_PER_HOUR, ExchangeRate, MicroUsd
from tlfif.money.spend.spans import MINIMUM_MS

WARN_PERCENT = (50, 80)
HEADROOM_PERCENT = 25
"""A release adds this much of the limit, or the cost of one start where that is more."""
DRAIN_SECONDS = 60.0
"""How long a machine may still run after a lock: it drains, then ends."""

PRACTICE = " Practice mode (no real charges)."
"""Appended to every text of a budget that limits the simulated AWS cost."""


class BudgetState(StrEnum):
    """The state of the month's budget."""

    NONE = "none"
    """No limit is set; that is not a limit of zero."""
    OPEN = "open"
    WARN_50 = "warn_50"
    WARN_80 = "warn_80"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limit per month in EUR without VAT (None: no limit), and the lock.

    ``simulated_aws``: practice mode; the limit applies to the simulated AWS cost. ``extra_eur`` is what a release
    added for ``extra_month`` only. ``locked_at_ms`` and ``lock_month`` are both set or both None; the lock applies
    to that month only.
    """

    limit_eur: Decimal | None = DEFAULT_LIMIT_EUR
    simulated_aws: bool = False
    extra_eur: Decimal = Decimal(0)
    extra_month: Month | None = None
    locked_at_ms: int | None = None
    lock_month: Month | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLock:
    """A lock in force: for how many seconds, and whether it is practice mode."""

    seconds: float
    simulated_aws: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """The headroom: how much of the month's limit is left, in micro-dollars; ``limit`` and ``free`` None where there is
    no limit.

    ``spent`` is metered, ``committed`` is reserved by machines that run; ``free`` is the rest, and zero under a
    lock. ``sentence`` is for the owner.
    """

    state: BudgetState
    limit: MicroUsd | None
    spent: MicroUsd
    committed: MicroUsd
    free: MicroUsd | None
    month: Month
    simulated_aws: bool
    rate: ExchangeRate
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a start may cost until its first answer and its idle time-out are over, in micro-dollars, rounded up.

    ``once`` is paid for every start; ``minimum`` is added to reach the least that a start with an answer costs.
    """

    boot: MicroUsd
    idle: MicroUsd
    answer: MicroUsd
    once: MicroUsd = 0
    minimum: MicroUsd = 0

    @property
    def total(self) -> MicroUsd:
        """The sum to reserve."""
        return self.boot + self.idle + self.answer + self.once + self.minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class StartDecision:
    """Whether a machine may start; if not, ``code`` is ``budget_locked`` or ``budget_no_room`` and ``message`` says
    why, with figures and what to press. Both are empty if it may."""

    ok: bool
    code: str = ""
    message: str = ""


def limit_micros(budget: Budget, rate: ExchangeRate, month: Month) -> MicroUsd | None:
    """The month's limit with what a release added, in micro-dollars; None for no limit."""
    if budget.limit_eur is None:
        return None
    extra = budget.extra_eur if budget.extra_month == month else Decimal(0)
    return rate.to_usd_micros(budget.limit_eur + extra)


def verdict(
    budget: Budget, spent_micros: MicroUsd, committed_micros: MicroUsd, rate: ExchangeRate, month: Month, now_ms: int
) -> Headroom:
    """The headroom of ``month`` at ``now_ms``. A lock of another month, or whose month is over, does not apply."""
    limit = limit_micros(budget, rate, month)
    latched = budget.locked_at_ms is not None and budget.lock_month == month and now_ms < month.end_ms
    state = BudgetState.NONE if limit is None else _state(spent_micros, limit, latched)
    free = None if limit is None else max(0, limit - spent_micros - committed_micros)
    headroom = Headroom(
        state=state,
        limit=limit,
        spent=spent_micros,
        committed=committed_micros,
        free=0 if state is BudgetState.LOCKED else free,
        month=month,
        simulated_aws=budget.simulated_aws,
        rate=rate,
        sentence="",
    )
    return replace(headroom, sentence=_status_text(headroom))


def _state(spent: MicroUsd, limit: MicroUsd, latched: bool) -> BudgetState:
    if latched or spent >= limit:
        return BudgetState.LOCKED
    half, most = WARN_PERCENT
    if spent * 100 >= limit * most:
        return BudgetState.WARN_80
    return BudgetState.WARN_50 if spent * 100 >= limit * half else BudgetState.OPEN


def start_reservation(
    hourly: MicroUsd,
    *,
    boot_seconds: float,
    idle_seconds: float,
    answer_seconds: float,
    once_micros: MicroUsd = 0,
    ending_seconds: float = 0.0,
) -> Reservation:
    """What must be free before a machine may start: boot, the whole idle time-out, the longest answer.

    Each part is rounded up. Together they are at least boot and answer (or the 60-second minimum where that is more)
    plus ``ending_seconds``, the time to end a machine: with less, the lock would come before the first answer.
    ``once_micros`` is paid per start. Raises ValueError for a time that is negative or not a number.
    """
    boot, idle, answer = (_upper_cost(hourly, seconds) for seconds in (boot_seconds, idle_seconds, answer_seconds))
    least = _upper_cost(hourly, max(MINIMUM_MS / 1000, boot_seconds + answer_seconds) + ending_seconds)
    return Reservation(
        boot=boot, idle=idle, answer=answer, once=once_micros, minimum=max(0, least - boot - idle - answer)
    )


def _upper_cost(rate: MicroUsd, seconds: float) -> MicroUsd:
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("a time must be a number from 0 up")
    return -(-rate * math.ceil(seconds * 1000) // MS_PER_HOUR)


def headroom_for_start(headroom: Headroom, reservation: Reservation) -> StartDecision:
    """Whether the reservation fits into the headroom. Without a limit it always does."""
    if headroom.state is BudgetState.LOCKED:
        return StartDecision(ok=False, code="budget_locked", message=locked_text(headroom))
    if headroom.free is None or reservation.total <= headroom.free:
        return StartDecision(ok=True)
    return StartDecision(
        ok=False, code="budget_no_room", message=_no_headroom_text(headroom, reservation, headroom.free)
    )


def no_headroom_for_answer(headroom: Headroom, waiting: int) -> StartDecision:
    """The refusal of a prompt, because the ``waiting`` prompts that are accepted already may use up the headroom."""
    rate = headroom.rate
    taken = "the prompts that are being answered" if waiting == 0 else f"the {waiting} prompts that may wait"
    return StartDecision(
        ok=False,
        code="budget_no_room",
        message=(
            f"This prompt was not taken: {both_of(headroom.free or 0, rate)} are free of this month's budget, and "
            f"{taken} may use that up. Send it again when they are answered, or raise "
            f"the limit (./tlfif budget set AMOUNT).{_practice(headroom)}"
        ),
    )


def no_headroom_for_work(headroom: Headroom, needed: MicroUsd, *, what: str) -> StartDecision:
    """The refusal of work that is no machine of the owner's, such as the build of an image."""
    if headroom.state is BudgetState.LOCKED:
        return StartDecision(ok=False, code="budget_locked", message=locked_text(headroom))
    rate = headroom.rate
    return StartDecision(
        ok=False,
        code="budget_no_room",
        message=(
            f"{what} was not begun: {both_of(headroom.free or 0, rate)} are free of this month's budget, and it may "
            f"cost {both_of(needed, rate)}, without VAT. Raise the limit (./tlfif budget set AMOUNT), then build "
            f"it again.{_practice(headroom)}"
        ),
    )


def wind_down_cost(hourly: MicroUsd, drain_seconds: float = DRAIN_SECONDS) -> MicroUsd:
    """What it costs to drain and end a running machine, rounded up; ``drain_seconds`` includes the time until the next
    tick."""
    return _upper_cost(hourly, drain_seconds)


def must_lock(spent_micros: MicroUsd, wind_down_micros: MicroUsd, limit: MicroUsd | None) -> bool:
    """Whether to lock now, so that ending the machine still fits into the limit. Never without a limit."""
    return limit is not None and spent_micros + wind_down_micros >= limit


def answers_in_headroom(headroom_micros: MicroUsd | None, answer_cost: MicroUsd) -> int | None:
    """How many more answers at ``answer_cost`` fit; None: any number (no limit, or answers cost nothing)."""
    if headroom_micros is None or answer_cost <= 0:
        return None
    return max(0, headroom_micros) // answer_cost


def lock(budget: Budget, month: Month, now_ms: int) -> Budget:
    """The budget locked for ``month``; one that is locked for it already, or has no limit, is returned as it is."""
    if budget.limit_eur is None or (budget.lock_month == month and budget.locked_at_ms is not None):
        return budget
    return replace(budget, locked_at_ms=now_ms, lock_month=month)


def release(
    budget: Budget,
    spent_micros: MicroUsd,
    *,
    rate: ExchangeRate,
    month: Month,
    now_ms: int,
    reservation_micros: MicroUsd,
) -> Budget:
    """The budget unlocked by a person, in ``month`` only; the limit itself does not change.

    It locks again at ``spent`` + the larger of a quarter of the limit and one start's reservation. A budget that is not
    locked is returned unchanged, so releasing twice does not add twice.
    """
    headroom = verdict(budget, spent_micros, 0, rate, month, now_ms)
    if budget.limit_eur is None or headroom.state is not BudgetState.LOCKED:
        return budget
    quarter = -(-rate.to_usd_micros(budget.limit_eur) * HEADROOM_PERCENT // 100)
    target = Decimal(spent_micros + max(quarter, reservation_micros)) / MICROS_PER_USD / rate.usd_per_eur
    # Rounded up, so that the promised start fits to the last micro-dollar.
    extra = max(Decimal(0), target - budget.limit_eur).quantize(Decimal("0.000001"), rounding=ROUND_CEILING)
    return replace(budget, extra_eur=extra, extra_month=month, locked_at_ms=None, lock_month=None)


def with_limit(
    budget: Budget,
    limit_eur: Decimal | None,
    spent_micros: MicroUsd,
    *,
    simulated_aws: bool,
    rate: ExchangeRate,
    month: Month,
    now_ms: int,
) -> Budget:
    """The budget with a limit that a person has set, checked by ``check_limit``; what a release added is removed.

    A limit above what is spent unlocks, one at or below it locks at once; None: no limit, unlocked. ``spent_micros`` is
    what the limit applies to from now on: the simulated AWS cost in practice mode.
    """
    changed = replace(
        budget,
        limit_eur=limit_eur,
        simulated_aws=simulated_aws,
        extra_eur=Decimal(0),
        extra_month=None,
        locked_at_ms=None,
        lock_month=None,
    )
    limit = limit_micros(changed, rate, month)
    return lock(changed, month, now_ms) if limit is not None and spent_micros >= limit else changed


def locked_text(headroom: Headroom) -> str:
    """For the owner: that the budget is locked, until when, and what to do."""
    rate, month = headroom.rate, headroom.month
    return (
        f"The budget is locked: {both_of(headroom.spent, rate)} of {eur_of(headroom.limit or 0, rate)} are spent in "
        f"{month.label}, without VAT. Nothing starts until {day_label(month.end_ms)}, 00:00 UTC, unless you "
        "raise the limit (./tlfif budget set AMOUNT) or release the lock (./tlfif budget release)."
        f"{_practice(headroom)}"
    )


def queued_text(lock: BudgetLock) -> str:
    """For the owner of a prompt that waited when the budget was locked: what happened and what to do."""
    return (
        "The month's budget is used up: this prompt was not answered. Raise the limit (./tlfif budget set AMOUNT) or "
        "release the lock (./tlfif budget release), then send it again. ./tlfif cost shows the figures."
        f"{PRACTICE if lock.simulated_aws else ''}"
    )


def _status_text(headroom: Headroom) -> str:
    rate, month = headroom.rate, headroom.month
    if headroom.state is BudgetState.LOCKED:
        return locked_text(headroom)
    if headroom.limit is None:
        return (
            f"No limit is set. {both_of(headroom.spent, rate)} are spent in {month.label}, without VAT."
            f"{_practice(headroom)}"
        )
    warning = {BudgetState.WARN_50: "More than half of the budget is gone: ", BudgetState.WARN_80: "Nearly locked: "}
    return (
        f"{warning.get(headroom.state, '')}{both_of(headroom.spent, rate)} of {eur_of(headroom.limit, rate)} are "
        f"spent in {month.label}, without VAT; {both_of(headroom.free or 0, rate)} are free.{_practice(headroom)}"
    )


def _no_headroom_text(headroom: Headroom, needed: Reservation, free: MicroUsd) -> str:
    rate = headroom.rate
    parts = f"{eur_of(needed.boot, rate)} to boot, {eur_of(needed.idle, rate)} for the idle time-out, "
    parts += f"{eur_of(needed.answer, rate)} for the longest answer"
    if needed.once:
        parts += f", {eur_of(needed.once, rate)} once per start"
    if needed.minimum:
        parts += f", {eur_of(needed.minimum, rate)} up to the least that a start costs"
    return (
        f"The machine was not started: {both_of(free, rate)} are free of this month's budget, and a start needs "
        f"{both_of(needed.total, rate)}, without VAT ({parts}). Raise the limit (./tlfif budget set AMOUNT), allow "
        "one more start (./tlfif budget release), or shorten the idle time-out (./tlfif machine idle-timeout MINUTES)."
        f"{_practice(headroom)}"
    )


def _practice(headroom: Headroom) -> str:
    return PRACTICE if headroom.simulated_aws else ""
