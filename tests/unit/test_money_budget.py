"""The budget: what may be set, when it warns and locks, and that no reservation ever goes over it."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlfif.kernel.errors import InvalidInputError
from tlfif.money.billing_month import Month
from tlfif.money.budget import budget as rules
from tlfif.money.budget.budget import Budget, BudgetState, Headroom, Reservation
from tlfif.money.budget.budget_limit import check_limit
from tlfif.money.money import ASSUMED_RATE, ExchangeRate, charge

quick = settings(max_examples=100, deadline=None)
NOV = Month(2026, 11)
NOW = NOV.start_ms + 10 * 86_400_000
EURO = 1_150_000
START = Reservation(boot=50_000, idle=70_000, answer=30_000)


def headroom(budget: Budget, spent: int, committed: int = 0, *, month: Month = NOV, now_ms: int = NOW) -> Headroom:
    return rules.verdict(budget, spent, committed, ASSUMED_RATE, month, now_ms)


def release(budget: Budget, spent: int, reservation: int = START.total) -> Budget:
    return rules.release(budget, spent, rate=ASSUMED_RATE, month=NOV, now_ms=NOW, reservation_micros=reservation)


def with_limit(budget: Budget, limit: str | None, spent: int, *, simulated_aws: bool = False) -> Budget:
    return rules.with_limit(
        budget,
        None if limit is None else Decimal(limit),
        spent,
        simulated_aws=simulated_aws,
        rate=ASSUMED_RATE,
        month=NOV,
        now_ms=NOW,
    )


@pytest.mark.requirement("6.2.1")
@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("20", "20"),
        ("20.00", "20"),
        (" 20.00 € ", "20"),
        ("€20", "20"),
        ("20€", "20"),
        ("EUR 0.05", "0.05"),
        ("7 euros", "7"),
        ("0.0125", "0.0125"),
        ("0.01", "0.01"),
        ("100000", "100000"),
        (20, "20"),
        (20.1, "20.1"),
        (Decimal("19.99"), "19.99"),
    ],
)
def test_limits_that_are_taken(value: object, amount: str) -> None:
    assert check_limit(value) == Decimal(amount)


@pytest.mark.requirement("6.2.1")
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("-5", "below zero"),
        ("-5.00 €", "below zero"),
        (-1, "below zero"),
        (-(10**400), "below zero"),
        ("0", "zero would stop"),
        (0.0, "zero would stop"),
        ("NaN", "not a number"),
        (float("nan"), "not a number"),
        (float("inf"), "infinite"),
        ("-Infinity", "infinite"),
        (Decimal("sNaN"), "not an amount"),
        (True, "must be an amount"),
        (None, "must be an amount"),
        (["20"], "must be an amount"),
        ("$20.00", "another currency"),
        ("USD 20", "another currency"),
        ("$20", "another currency"),
        ("20chf", "another currency"),
        ("1,000", "thousands marks"),
        ("1e3", "not an amount"),
        ("twenty", "not an amount"),
        ("\uff12\uff10", "not an amount"),
        ("0.00001", "must be from 0.01"),
        ("100000.01", "must be from 0.01"),
        (10**400, "must be from 0.01"),
        (1e308, "must be from 0.01"),
        ("20.00001", "more than 4 decimals"),
    ],
)
def test_limits_that_are_refused(value: object, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why) as caught:
        check_limit(value)
    assert caught.value.code == "budget_invalid"
    assert caught.value.message.endswith("The budget stays as it was.")


@quick
@given(st.text(max_size=30) | st.integers() | st.floats())
def test_a_limit_is_in_its_range_or_refused(value: object) -> None:
    with suppress(InvalidInputError):
        assert Decimal("0.01") <= check_limit(value) <= 100_000


@pytest.mark.parametrize(
    ("spent", "state"),
    [
        (0, BudgetState.OPEN),
        (10 * EURO - 1, BudgetState.OPEN),
        (10 * EURO, BudgetState.WARN_50),
        (16 * EURO - 1, BudgetState.WARN_50),
        (16 * EURO, BudgetState.WARN_80),
        (20 * EURO - 1, BudgetState.WARN_80),
        (20 * EURO, BudgetState.LOCKED),
        (99 * EURO, BudgetState.LOCKED),
    ],
)
def test_states(spent: int, state: BudgetState) -> None:
    found = headroom(Budget(), spent)
    assert found.state is state
    assert found.limit == 20 * EURO
    assert "without VAT" in found.sentence


def test_no_budget_is_not_a_budget_of_zero() -> None:
    found = headroom(Budget(limit_eur=None), 10**12)
    assert (found.state, found.limit, found.free) == (BudgetState.NONE, None, None)
    assert rules.headroom_for_start(found, START).ok
    assert not rules.must_lock(10**12, 10**12, None)
    assert rules.lock(Budget(limit_eur=None), NOV, NOW) == Budget(limit_eur=None)
    assert rules.answers_in_headroom(None, 5) is None


@pytest.mark.requirement("6.2.2")
def test_what_a_start_reserves() -> None:
    needed = rules.start_reservation(3_600_000, boot_seconds=90, idle_seconds=300, answer_seconds=60.0005)
    assert (needed.boot, needed.idle, needed.answer, needed.minimum) == (90_000, 300_000, 60_001, 0)
    short = rules.start_reservation(3_600_000, boot_seconds=1, idle_seconds=6, answer_seconds=3, once_micros=72_000)
    assert (short.minimum, short.total) == (50_000, 132_000)
    assert rules.start_reservation(1, boot_seconds=1, idle_seconds=0, answer_seconds=0).boot == 1


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_times_that_are_none(seconds: float) -> None:
    with pytest.raises(ValueError, match="from 0 up"):
        rules.start_reservation(1, boot_seconds=seconds, idle_seconds=0, answer_seconds=0)


def test_a_start_without_room_says_what_is_missing() -> None:
    found = headroom(Budget(), 20 * EURO - START.total + 1)
    no = rules.headroom_for_start(found, START)
    assert (no.ok, no.code) == (False, "budget_no_room")
    assert no.message == (
        "The machine was not started: $0.15 · 0.13 € are free of this month's budget, and a start needs "
        "$0.15 · 0.13 €, without VAT (0.043 € to boot, 0.061 € for the idle time-out, 0.026 € for "
        "the longest answer). Raise the limit (./tlfif budget set AMOUNT), allow one more start (./tlfif budget "
        "release), or shorten the idle time-out (./tlfif machine idle-timeout MINUTES)."
    )
    assert rules.headroom_for_start(headroom(Budget(), 20 * EURO - START.total), START).ok
    assert not rules.headroom_for_start(headroom(Budget(), 0, committed=20 * EURO), START).ok


def test_the_refusal_names_every_part_of_the_sum() -> None:
    needed = Reservation(boot=1, idle=2, answer=3, once=EURO, minimum=EURO // 2)
    no = rules.headroom_for_start(headroom(Budget(limit_eur=Decimal(1)), 0), needed)
    assert "1.00 € once per start, 0.50 € up to the least that a start costs" in no.message


def test_a_locked_budget_says_until_when_and_what_to_press() -> None:
    no = rules.headroom_for_start(headroom(Budget(simulated_aws=True), 21 * EURO), START)
    assert (no.ok, no.code) == (False, "budget_locked")
    for words in (
        "$24.15 · 21.00 € of 20.00 €",
        "1 December 2026",
        "budget set",
        "budget release",
        "without VAT",
        "Practice mode (no real charges).",
    ):
        assert words in no.message
    assert "practice" not in headroom(Budget(), 21 * EURO).sentence


def test_the_lock_holds_until_the_month_is_over_and_no_longer() -> None:
    locked = rules.lock(Budget(), NOV, NOW)
    assert headroom(locked, 5).state is BudgetState.LOCKED
    assert headroom(locked, 5).free == 0
    assert rules.lock(locked, NOV, NOW + 999) == locked
    assert headroom(locked, 5, now_ms=NOV.end_ms - 1).state is BudgetState.LOCKED
    assert headroom(locked, 5, month=NOV.next, now_ms=NOV.end_ms).state is BudgetState.OPEN
    assert headroom(locked, 5, now_ms=NOV.end_ms).state is BudgetState.OPEN
    again = rules.lock(locked, NOV.next, NOV.end_ms)
    assert again.lock_month == NOV.next


@pytest.mark.requirement("6.2.4")
def test_the_lock_leaves_room_to_wind_down() -> None:
    ending = rules.wind_down_cost(3_600_000)
    assert ending == 60_000
    assert not rules.must_lock(39_999, ending, 100_000)
    assert rules.must_lock(40_000, ending, 100_000)
    assert rules.must_lock(100_000, 0, 100_000)


@pytest.mark.requirement("6.2.5")
def test_a_release_gives_a_quarter_or_one_start() -> None:
    freed = release(rules.lock(Budget(), NOV, NOW), 20 * EURO)
    assert (freed.limit_eur, freed.extra_eur, freed.extra_month) == (Decimal(20), Decimal(5), NOV)
    assert headroom(freed, 20 * EURO).free == 5 * EURO
    assert headroom(freed, 25 * EURO).state is BudgetState.LOCKED
    assert headroom(freed, 20 * EURO, month=NOV.next, now_ms=NOV.end_ms).state is BudgetState.LOCKED
    assert release(freed, 20 * EURO) == freed
    small = release(rules.lock(Budget(limit_eur=Decimal("0.05")), NOV, NOW), 57_500)
    assert rules.headroom_for_start(headroom(small, 57_500), START).ok
    assert headroom(small, 57_500 + START.total + 1).state is BudgetState.LOCKED
    assert release(Budget(limit_eur=None), 99) == Budget(limit_eur=None)


def test_changing_the_limit() -> None:
    locked = rules.lock(Budget(), NOV, NOW)
    assert headroom(with_limit(locked, "25", 21 * EURO), 21 * EURO).state is BudgetState.WARN_80
    lowered = with_limit(Budget(), "1", 2 * EURO)
    assert (lowered.locked_at_ms, lowered.lock_month) == (NOW, NOV)
    assert with_limit(locked, None, 99 * EURO).locked_at_ms is None
    practice = with_limit(Budget(), "0.05", 0, simulated_aws=True)
    assert practice.simulated_aws
    assert practice.locked_at_ms is None
    freed = release(rules.lock(Budget(), NOV, NOW), 20 * EURO)
    assert headroom(with_limit(freed, "22", 21 * EURO), 21 * EURO).limit == 22 * EURO


def test_how_many_answers_fit() -> None:
    assert rules.answers_in_headroom(100, 30) == 3
    assert rules.answers_in_headroom(29, 30) == 0
    assert rules.answers_in_headroom(-5, 30) == 0
    assert rules.answers_in_headroom(100, 0) is None


RATES = st.decimals("0.8", "1.6", places=4).map(
    lambda usd: ExchangeRate(usd_per_eur=usd, date="2026-11-22", source="test", verified=True)
)
LIMITS = st.decimals("0.01", "100", places=2)


@quick
@given(
    limit=LIMITS,
    rate=RATES,
    spent=st.integers(0, 10**8),
    asks=st.lists(st.integers(0, 10**8), max_size=30),
)
def test_admission_never_goes_over_the_limit(limit: Decimal, rate: ExchangeRate, spent: int, asks: list[int]) -> None:
    budget = Budget(limit_eur=limit)
    most = rate.to_usd_micros(limit)
    committed = 0
    for ask in asks:
        found = rules.verdict(budget, spent, committed, rate, NOV, NOW)
        needed = Reservation(boot=ask, idle=0, answer=0)
        fits = spent < most and spent + committed + ask <= most
        assert rules.headroom_for_start(found, needed).ok == fits
        if fits:
            committed += ask
            answers = rules.answers_in_headroom(found.free, ask)
            assert answers is None or spent + answers * ask <= most
    assert committed == 0 or spent + committed <= most


@pytest.mark.requirement("6.2.5")
@quick
@given(
    limit=LIMITS,
    rate=RATES,
    spent=st.integers(0, 10**9),
    reservation=st.integers(0, 10**8),
)
def test_a_release_always_lets_one_start_through_and_locks_again(
    limit: Decimal, rate: ExchangeRate, spent: int, reservation: int
) -> None:
    locked = rules.lock(Budget(limit_eur=limit), NOV, NOW)
    freed = rules.release(locked, spent, rate=rate, month=NOV, now_ms=NOW, reservation_micros=reservation)
    found = rules.verdict(freed, spent, 0, rate, NOV, NOW)
    assert found.state is not BudgetState.LOCKED
    assert found.free is not None
    assert found.free >= reservation
    assert found.free <= max(rate.to_usd_micros(limit) - spent, reservation, rate.to_usd_micros(limit) // 4 + 1) + 2
    assert rules.verdict(freed, spent + found.free, 0, rate, NOV, NOW).state is BudgetState.LOCKED


@pytest.mark.requirement("6.2.3")
@quick
@given(rate=st.integers(1, 10**7), limit=st.integers(1, 10**7), at=st.integers(0, 10**8), tick_ms=st.integers(1, 5000))
def test_with_the_lock_in_time_a_run_ends_under_the_limit(rate: int, limit: int, at: int, tick_ms: int) -> None:
    """With the time until the next look added, draining after that look stays within the limit."""
    if not rules.must_lock(charge(rate, at), rules.wind_down_cost(rate, 60 + tick_ms / 1000), limit):
        assert charge(rate, at + tick_ms + 60_000) <= limit
