"""What costs without a machine, what the month will have cost, and which idle time-out would have been better."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlfif.kernel.errors import InvalidInputError
from tlfif.money.billing_month import MS_PER_DAY, Month
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.spend import standing_costs as standing
from tlfif.money.spend.forecast import DayCost, month_end
from tlfif.money.spend.idle_adviser import PastAnswer, advise, replay

quick = settings(max_examples=100, deadline=None)
NOV = Month(2026, 11)
CENT = 10_000
RATE = 3_600_000
"""One micro-dollar a millisecond."""
MINUTE = 60_000


def dollars(items: tuple[standing.StandingItem, ...]) -> float:
    return standing.total_per_month(items) / 1_000_000


@pytest.mark.requirement("6.7.1")
@pytest.mark.parametrize(
    ("region", "terminated", "stopped", "as_written", "worst"),
    [("us-east-1", 2.43, 5.63, 88.99, 164.99), ("eu-central-1", 2.60, 6.41, 101.79, 192.39)],
)
def test_the_facts_own_table(region: str, terminated: float, stopped: float, as_written: float, worst: float) -> None:
    assert dollars(standing.lean_items(BUILT_IN_PRICES, region, 0)) == pytest.approx(terminated, abs=0.01)
    assert dollars(standing.lean_items(BUILT_IN_PRICES, region, 0, kept_disk_gb=40)) == pytest.approx(stopped, abs=0.01)
    rql1 = standing.rql1_items(BUILT_IN_PRICES, region, 0)
    assert dollars(rql1.items) == pytest.approx(as_written, abs=0.01)
    assert dollars(rql1.items + rql1.extras) == pytest.approx(worst, abs=0.01)


def test_every_line_is_quantity_times_price() -> None:
    for item in (
        *standing.lean_items(BUILT_IN_PRICES, "eu-west-1", 0),
        *standing.rql1_items(BUILT_IN_PRICES, "eu-west-1", 0).items,
    ):
        assert item.micros_per_month == item.quantity * item.price.micros
        assert item.label
        assert item.price.source


def test_lines_need_a_known_region_and_real_sizes() -> None:
    with pytest.raises(InvalidInputError) as caught:
        standing.rql1_items(BUILT_IN_PRICES, "mars-1", 0)
    assert caught.value.code == "region_unknown"
    with pytest.raises(ValueError, match="zero"):
        standing.lean_items(BUILT_IN_PRICES, "eu-central-1", 0, stored_gb=-1)


LEAN = standing.lean_items(BUILT_IN_PRICES, "eu-central-1", 0)


@pytest.mark.parametrize("month", [NOV, Month(2026, 2), Month(2028, 2), Month(2026, 12)])
def test_a_whole_month_accrues_its_price(month: Month) -> None:
    assert standing.accrued(LEAN, month.start_ms, month.end_ms) == standing.total_per_month(LEAN)
    assert standing.accrued(LEAN, month.end_ms, month.start_ms) == 0


@quick
@given(st.lists(st.integers(NOV.start_ms - 10**9, NOV.end_ms + 10**10), min_size=3, max_size=8))
def test_pieces_of_standing_costs_add_up(cuts: list[int]) -> None:
    cuts.sort()
    pieces = [standing.accrued(LEAN, a, b) for a, b in pairwise(cuts)]
    assert sum(pieces) == standing.accrued(LEAN, cuts[0], cuts[-1])
    assert min(pieces) >= 0


def days(first: int, *cents: int) -> list[DayCost]:
    start = NOV.start_ms + first * MS_PER_DAY
    return [DayCost(day_ms=start + at * MS_PER_DAY, micros=cent * CENT) for at, cent in enumerate(cents)]


def test_a_forecast_goes_on_as_the_last_week() -> None:
    now = NOV.start_ms + 20 * MS_PER_DAY
    found = month_end(
        month=NOV, now_ms=now, spent_micros=99 * CENT, standing=LEAN, machine_days=days(0, *[500] * 14, *[6] * 6)
    )
    # Six whole days at six cents and a seventh, today, that has just begun.
    assert found.machine_rest == 60 * CENT
    assert found.standing_rest == standing.accrued(LEAN, now, NOV.end_ms)
    assert found.total == found.spent + found.standing_rest + found.machine_rest


def test_the_first_hour_of_a_month_makes_no_nonsense() -> None:
    now = NOV.start_ms + 3_600_000
    alone = month_end(month=NOV, now_ms=now, spent_micros=50 * CENT, standing=(), machine_days=days(0, 50))
    assert alone.machine_rest < 30 * 50 * CENT
    with_october = month_end(
        month=NOV, now_ms=now, spent_micros=50 * CENT, standing=(), machine_days=days(-10, *[2] * 10, 50)
    )
    assert with_october.machine_rest == pytest.approx(62 * CENT * 30 / 6, rel=0.01)


def test_a_forecast_without_machines() -> None:
    now = NOV.start_ms + MS_PER_DAY
    found = month_end(month=NOV, now_ms=now, spent_micros=5, standing=(), machine_days=[])
    assert (found.total, found.machine_rest) == (5, 0)


@quick
@given(now=st.integers(NOV.start_ms - 10**9, NOV.end_ms + 10**9), cents=st.lists(st.integers(0, 99), max_size=40))
def test_a_forecast_is_never_under_what_is_spent(now: int, cents: list[int]) -> None:
    found = month_end(month=NOV, now_ms=now, spent_micros=7, standing=LEAN, machine_days=days(-5, *cents))
    assert found.total == 7 + found.standing_rest + found.machine_rest
    assert min(found.standing_rest, found.machine_rest) >= 0
    if now >= NOV.end_ms:
        assert found.total == 7


def past(*minutes: float, busy: int = MINUTE) -> list[PastAnswer]:
    return [PastAnswer(arrived_ms=round(at * MINUTE), busy_ms=busy) for at in minutes]


def test_a_replay_is_what_the_machine_would_have_done() -> None:
    # On at 0, ready at 2, answers until 3, off at 8; the prompt at 8 finds it off: on until 8 + 2 + 1 + 5 = 16.
    assert replay(past(0, 8), idle_ms=5 * MINUTE, boot_ms=2 * MINUTE, hourly=RATE) == (16 * MINUTE, 2, 4 * MINUTE)
    # A moment earlier it is still on, and answers at once.
    assert replay(past(0, 7.9), idle_ms=5 * MINUTE, boot_ms=2 * MINUTE, hourly=RATE) == (
        round(13.9 * MINUTE),
        1,
        2 * MINUTE,
    )
    # A prompt that comes during the boot waits for the rest of it.
    assert replay(past(0, 1), idle_ms=5 * MINUTE, boot_ms=2 * MINUTE, hourly=RATE) == (8 * MINUTE, 1, 3 * MINUTE)
    assert replay(past(0, busy=1), idle_ms=0, boot_ms=0, hourly=RATE) == (MINUTE, 1, 0)
    assert replay(past(0, 8), idle_ms=5 * MINUTE, boot_ms=2 * MINUTE, hourly=RATE, once=7) == (
        16 * MINUTE + 14,
        2,
        4 * MINUTE,
    )
    assert replay([], idle_ms=5, boot_ms=5, hourly=RATE) == (0, 0, 0)


def test_advice() -> None:
    every_ten = past(*range(0, 100, 10), busy=1000)
    found = advise(every_ten, boot_seconds=180, hourly=660_000, present_minutes=5)
    assert [option.minutes for option in found.options] == [1, 5, 15, 30, 60]
    assert [option.cold_starts for option in found.options] == [10, 10, 1, 1, 1]
    assert found.recommended is not None
    assert found.recommended.minutes == 1
    assert "5 minutes" in found.sentence
    assert found.options[1].sentence == "5 minutes would have cost $0.88 without VAT with 10 cold starts."
    every_five = past(*(4.9 * at for at in range(10)), busy=1000)
    kept = advise(every_five, boot_seconds=180, hourly=660_000, present_minutes=5)
    assert kept.recommended is not None
    assert (kept.recommended.minutes, kept.recommended.cold_starts) == (5, 1)
    assert "keep it" in kept.sentence


@pytest.mark.requirement("6.4.2")
def test_too_little_history_is_no_advice() -> None:
    found = advise(past(1, 2, 3, 4), boot_seconds=60, hourly=RATE, present_minutes=5)
    assert (found.options, found.recommended) == ((), None)
    assert "too little history: 4 of the 5" in found.sentence


@pytest.mark.requirement("6.4.2")
@quick
@given(
    arrivals=st.lists(st.integers(0, 10**7), max_size=20),
    busy=st.integers(0, 10**5),
    idles=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
    boot=st.integers(0, 10**6),
)
def test_a_longer_time_out_never_makes_more_cold_starts(
    arrivals: list[int], busy: int, idles: tuple[int, int], boot: int
) -> None:
    answers = [PastAnswer(arrived_ms=at, busy_ms=busy) for at in arrivals]
    shorter, longer = sorted(idles)
    few = replay(answers, idle_ms=longer, boot_ms=boot, hourly=RATE)
    many = replay(answers, idle_ms=shorter, boot_ms=boot, hourly=RATE)
    assert few[1] <= many[1] <= len(answers)
    assert min(few) >= 0


def test_present_time_outs_of_any_length_are_an_option() -> None:
    found = advise(past(*range(5)), boot_seconds=1, hourly=RATE, present_minutes=2.5)
    assert 2.5 in [option.minutes for option in found.options]
    assert Decimal(str(found.options[1].minutes)) == Decimal("2.5")
