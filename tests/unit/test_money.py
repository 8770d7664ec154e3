"""Amounts, months and prices: exact to the micro-dollar, and every rate with its source."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import INSTANCE_TYPES
from tlfif.money.billing_month import MS_PER_DAY, Month, day_label
from tlfif.money.money import ASSUMED_RATE, MS_PER_HOUR, ExchangeRate, charge, share, time_cost
from tlfif.money.prices import prices
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import REGIONS, Item, Price, PriceBook

quick = settings(max_examples=100, deadline=None)
AMOUNTS = st.integers(0, 10**12)
NOV = Month(2026, 11)


def test_charge() -> None:
    assert charge(658_000, MS_PER_HOUR) == 658_000
    assert charge(658_000, 1000) == 182
    assert charge(658_000, -1) == 0
    assert charge(0, MS_PER_HOUR) == 0


@quick
@given(rate=st.integers(0, 10**8), cuts=st.lists(st.integers(0, 10**9), min_size=2, max_size=30))
def test_adjacent_pieces_cost_the_whole(rate: int, cuts: list[int]) -> None:
    cuts.sort()
    pieces = [time_cost(rate, a, b, since_ms=cuts[0]) for a, b in pairwise(cuts)]
    assert sum(pieces) == time_cost(rate, cuts[0], cuts[-1]) == charge(rate, cuts[-1] - cuts[0])
    assert min(pieces) >= 0


def test_time_that_runs_backwards_costs_nothing() -> None:
    assert time_cost(658_000, 5000, 1000) == 0
    assert time_cost(658_000, 5000, 1000, since_ms=0) == 0


@quick
@given(total=AMOUNTS, weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_shares_are_exact_and_fair(total: int, weights: list[int]) -> None:
    parts = share(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        exact = total * weight / whole if whole else total / len(weights)
        assert part >= 0
        assert abs(part - exact) < 1 + 1e-6 * total


def test_what_is_left_goes_to_the_largest_remainder() -> None:
    assert share(10, [1, 1, 1]) == [4, 3, 3]
    assert share(7, [5, 3, 2]) == [4, 2, 1]
    assert share(3, [0, 0]) == [2, 1]
    assert share(0, []) == []


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [-1, 2]), (1, [])])
def test_what_cannot_be_shared(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match=r"negative|among none"):
        share(total, weights)


def test_exchange() -> None:
    assert ASSUMED_RATE.to_eur(23_000_000) == Decimal(20)
    assert ASSUMED_RATE.to_usd_micros(Decimal(20)) == 23_000_000
    assert ASSUMED_RATE.to_eur(1) == Decimal("0.000001")
    half = ExchangeRate(usd_per_eur=Decimal(2), date="2026-11-22", source="test", verified=True)
    assert half.to_eur(1) == Decimal("0.000001")
    assert half.to_usd_micros(Decimal("0.00000025")) == 1
    assert not ASSUMED_RATE.verified


@quick
@given(micros=AMOUNTS, rate=st.decimals("0.5", "2", places=4))
def test_there_and_back_is_off_by_rounding_only(micros: int, rate: Decimal) -> None:
    exchange = ExchangeRate(usd_per_eur=rate, date="2026-11-22", source="test", verified=True)
    assert abs(exchange.to_usd_micros(exchange.to_eur(micros)) - micros) <= 1


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_rates_that_are_none(rate: str) -> None:
    with pytest.raises(ValueError, match="above zero"):
        ExchangeRate(usd_per_eur=Decimal(rate), date="", source="", verified=False)


def test_month() -> None:
    assert Month.of(NOV.start_ms) == NOV
    assert Month.of(NOV.start_ms - 1) == Month(2026, 10)
    assert Month.of(NOV.end_ms - 1) == NOV
    assert Month.of(NOV.end_ms) == NOV.next == Month(2026, 12)
    assert Month(2026, 1).previous == Month(2025, 12)
    assert Month(2026, 12).next == Month(2027, 1)
    assert (NOV.label, NOV.iso, NOV.days) == ("November 2026", "2026-11", 30)
    assert Month(2028, 2).days == 29
    assert day_label(NOV.end_ms) == "1 December 2026"
    assert Month.from_iso(NOV.iso) == NOV


@pytest.mark.parametrize(("year", "month"), [(2026, 0), (2026, 13), (0, 1), (9999, 1)])
def test_months_that_are_none(year: int, month: int) -> None:
    with pytest.raises(ValueError, match="no month"):
        Month(year, month)


@quick
@given(ms=st.integers(-(10**13), 10**14))
def test_a_moment_is_in_its_month(ms: int) -> None:
    month = Month.of(ms)
    assert month.start_ms <= ms < month.end_ms == month.next.start_ms
    assert month.next.previous == month
    assert month.length_ms == month.days * MS_PER_DAY
    there = datetime(month.year, month.month, 1, tzinfo=UTC)
    assert there.timestamp() * 1000 == month.start_ms


def test_the_list_knows_every_type_in_every_region() -> None:
    for region in REGIONS:
        for instance_type in INSTANCE_TYPES:
            assert 80_000 < BUILT_IN_PRICES.price(Item.GPU_HOUR, region, instance_type, at_ms=0).micros < 2_000_000
        for item in set(Item) - {Item.GPU_HOUR}:
            assert BUILT_IN_PRICES.price(item, region, at_ms=0).region == region


@pytest.mark.requirement("6.5.1")
def test_every_rate_has_a_source_and_a_day() -> None:
    for price in BUILT_IN_PRICES.all():
        assert price.source
        assert datetime.fromisoformat(price.date).year == 2026
        assert price.unit
        if "memory" in price.source or "derived" in price.source:
            assert not price.verified


def test_the_facts_own_figures() -> None:
    def micros(item: Item, region: str, instance_type: str | None = None) -> int:
        return BUILT_IN_PRICES.price(item, region, instance_type, at_ms=0).micros

    assert micros(Item.GPU_HOUR, "us-east-1", "g4dn.xlarge") == 526_000
    assert micros(Item.GPU_HOUR, "eu-central-1", "g4dn.xlarge") == 658_000
    assert micros(Item.GPU_HOUR, "us-east-1", "c7i.xlarge") == 178_500
    assert micros(Item.GPU_HOUR, "us-east-1", "m7i.xlarge") == 201_600
    assert micros(Item.EBS_GP3_GB_MONTH, "eu-central-1") == 95_200
    assert not BUILT_IN_PRICES.price(Item.NLB_HOUR, "eu-central-1", at_ms=0).verified


@pytest.mark.parametrize(
    ("region", "instance_type", "code", "known"),
    [
        ("eu-west-9", "g4dn.xlarge", "region_unknown", "eu-central-1"),
        ("", "g4dn.xlarge", "region_unknown", "eu-central-1"),
        ("eu-central-1", "p5.48xlarge", "instance_type_unknown", "g4dn.xlarge"),
        ("eu-central-1", None, "instance_type_unknown", "g4dn.xlarge"),
        ("\x1b[31m" * 99, "g4dn.xlarge", "region_unknown", "eu-central-1"),
    ],
)
def test_unknown_places_and_types(region: str, instance_type: str | None, code: str, known: str) -> None:
    with pytest.raises(InvalidInputError, match=known) as caught:
        BUILT_IN_PRICES.price(Item.GPU_HOUR, region, instance_type, at_ms=0)
    assert caught.value.code == code
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def price_of(micros: int, valid_from_ms: int = 0) -> Price:
    return Price(
        item=Item.NAT_HOUR,
        region="eu-central-1",
        micros=micros,
        unit="hour",
        source="test",
        date="2026-11-22",
        verified=True,
        valid_from_ms=valid_from_ms,
    )


def test_prices_that_are_none() -> None:
    with pytest.raises(ValueError, match="never negative"):
        price_of(-1)
    with pytest.raises(LookupError, match="no price for nat_hour"):
        PriceBook().price(Item.NAT_HOUR, "eu-central-1", at_ms=0)


def test_old_prices_stay_for_old_moments() -> None:
    book = PriceBook([price_of(100, valid_from_ms=1000)])
    newer = book.with_prices([price_of(300, valid_from_ms=3000), price_of(200, valid_from_ms=2000)])
    at = {ms: newer.price(Item.NAT_HOUR, "eu-central-1", at_ms=ms).micros for ms in (0, 1000, 1999, 2000, 3000, 9999)}
    assert at == {0: 100, 1000: 100, 1999: 100, 2000: 200, 3000: 300, 9999: 300}
    assert [price.micros for price in newer.current()] == [300]
    assert [price.micros for price in book.all()] == [100]
    again = newer.with_prices([price_of(250, valid_from_ms=2000)])
    assert [price.micros for price in again.all()] == [100, 250, 300]


@pytest.mark.parametrize("micros", [99, 52, 600, 999, 11])
def test_plausible_refresh(micros: int) -> None:
    assert prices.check_refresh(price_of(100), micros) == micros


@pytest.mark.requirement("6.5.1")
@pytest.mark.parametrize(
    ("micros", "reason"),
    [(0, "is zero"), (-1, "below zero"), (1000, "ten times"), (10**9, "ten times"), (10, "a tenth"), (1, "a tenth")],
)
def test_implausible_refresh(micros: int, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason) as caught:
        prices.check_refresh(price_of(100), micros)
    assert caught.value.code == "price_implausible"
    assert "is kept" in caught.value.message


def test_running_and_launching() -> None:
    rates = prices.running_rates(BUILT_IN_PRICES, "eu-central-1", "g4dn.xlarge", at_ms=0)
    assert rates == (658_000, 5_000, 4_173, 17_932), "instance, address, disk, 275 MiB/s of throughput more"
    kept = prices.running_rates(BUILT_IN_PRICES, "eu-central-1", "g4dn.xlarge", at_ms=0, kept_disk=True)
    assert kept == (658_000, 5_000, 4_173, 0), "a disk that is kept has the throughput that is included"
    assert prices.running_rates(BUILT_IN_PRICES, "us-east-1", "c7i.xlarge", at_ms=0)[2:] == (1_096, 15_068), "10 GB"
    sized = prices.running_rates(BUILT_IN_PRICES, "us-east-1", "c7i.xlarge", at_ms=0, disk_gb=40)
    assert sized[2:] == (4_384, 15_068)
    assert prices.launch_cost(BUILT_IN_PRICES, "us-east-1", at_ms=0) == 72_000
