"""A refresh takes over what is new and plausible, keeps the rest, and says both."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import START, FakeClock
from tests.fakes.memory_price_store import MemoryPriceStore
from tests.fakes.price_sources import FakeExchangeSource, FakePriceSource
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import INSTANCE_TYPES
from tlfif.money.money import ASSUMED_RATE
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.price_changes import compare_prices
from tlfif.money.prices.prices import Item, Price
from tlfif.money.prices.refresh_prices import RefreshReport, refresh_prices

NOW_MS = int(START * 1000)
DE = "eu-central-1"
RATE = replace(ASSUMED_RATE, usd_per_eur=Decimal("1.1646"), date="2026-11-20", source="a bank", verified=True)


def old(item: Item, instance_type: str | None = None, region: str = DE) -> Price:
    return BUILT_IN_PRICES.price(item, region, instance_type, at_ms=NOW_MS)


def listed(micros: int, item: Item = Item.EBS_GP3_GB_MONTH, kind: str | None = None, region: str = DE) -> Price:
    return replace(
        old(item, kind, region), micros=micros, source="the new list", date="2026-11-22", verified=True, valid_from_ms=0
    )


async def refreshed(
    source: FakePriceSource,
    *regions: str,
    store: MemoryPriceStore | None = None,
    exchange: FakeExchangeSource | None = None,
) -> RefreshReport:
    return await refresh_prices(
        regions or (DE,),
        store=store or MemoryPriceStore(),
        sources=[source],
        exchange=exchange or FakeExchangeSource(RATE),
        book=BUILT_IN_PRICES,
        clock=FakeClock(),
    )


async def test_a_new_price_is_in_force_from_now_on() -> None:
    store = MemoryPriceStore()
    source = FakePriceSource({DE: [listed(99_000), listed(54_000, Item.SNAPSHOT_GB_MONTH)]})
    report = await refreshed(source, store=store)
    new = replace(listed(99_000), valid_from_ms=NOW_MS)
    assert report.changed == ((old(Item.EBS_GP3_GB_MONTH), new),)
    assert (report.kept, report.unchanged, report.failed, report.lists_read) == ((), 1, (), 1)
    assert await store.prices() == [new]
    book = BUILT_IN_PRICES.with_prices(await store.prices())
    assert book.price(Item.EBS_GP3_GB_MONTH, DE, at_ms=NOW_MS - 1).micros == 95_200


@pytest.mark.parametrize(
    ("micros", "words"), [(0, "is zero"), (952_000, "ten times"), (9_520, "a tenth"), (10**15, "ten times")]
)
async def test_what_cannot_be_right_is_not_taken_over(micros: int, words: str) -> None:
    store = MemoryPriceStore()
    source = FakePriceSource({DE: [listed(micros), listed(55_000, Item.SNAPSHOT_GB_MONTH)]})
    report = await refreshed(source, store=store)
    ((price, reason),) = report.kept
    assert price == old(Item.EBS_GP3_GB_MONTH)
    assert words in reason
    assert [new.micros for _, new in report.changed] == [55_000]
    assert [kept.micros for kept in await store.prices()] == [55_000]


async def test_a_region_that_cannot_be_reached_does_not_stop_the_others() -> None:
    source = FakePriceSource({"us-east-1": [listed(81_000, region="us-east-1")]})
    report = await refreshed(source, DE, "us-east-1", "eu-west-1", DE)
    assert source.asked == [DE, "us-east-1", "eu-west-1"]
    assert report.failed == ((DE, f"no list for {DE}"), ("eu-west-1", "no list for eu-west-1"))
    assert [new.region for _, new in report.changed] == ["us-east-1"]
    assert report.exchange.read


async def test_without_a_network_everything_stays() -> None:
    store = MemoryPriceStore()
    await store.set_exchange_rate(RATE)
    report = await refreshed(FakePriceSource(), store=store, exchange=FakeExchangeSource())
    assert not report.lists_read
    assert not report.exchange.read
    assert (report.changed, report.kept, len(report.failed)) == ((), (), 1)
    assert (report.exchange.rate, report.exchange.changed, report.exchange.problem) == (RATE, False, "no bank")
    assert (await store.prices(), await store.exchange_rate()) == ([], RATE)


async def test_the_exchange_rate_is_replaced_by_a_newer_one_only() -> None:
    store = MemoryPriceStore()
    source = FakePriceSource({DE: []})
    first = await refreshed(source, store=store)
    assert (first.exchange.rate, first.exchange.changed) == (RATE, True)
    again = await refreshed(source, store=store)
    assert (again.exchange.changed, again.exchange.problem) == (False, None)
    older = replace(RATE, date="2026-11-19", usd_per_eur=Decimal("1.2"))
    stale = await refreshed(source, store=store, exchange=FakeExchangeSource(older))
    assert stale.exchange.rate == await store.exchange_rate() == RATE
    assert "older" in (stale.exchange.problem or "")
    unread = await refreshed(FakePriceSource(), store=store, exchange=FakeExchangeSource(older))
    assert (unread.exchange.read, unread.lists_read) == (True, 0)
    newer = replace(RATE, date="2026-11-23", usd_per_eur=Decimal("1.2"))
    await refreshed(source, store=store, exchange=FakeExchangeSource(newer))
    assert await store.exchange_rate() == newer


async def test_a_machine_type_that_the_list_leaves_out_keeps_its_price_and_is_named() -> None:
    kinds = [kind for kind in INSTANCE_TYPES if kind != "g6.xlarge"]
    prices = [replace(old(Item.GPU_HOUR, kind), verified=True) for kind in kinds]
    report = await refreshed(FakePriceSource({DE: prices}))
    ((price, reason),) = report.kept
    assert price == old(Item.GPU_HOUR, "g6.xlarge")
    assert "no price for g6.xlarge" in reason
    assert report.unchanged == len(kinds)


async def test_a_price_that_nothing_is_known_about_is_left_out() -> None:
    unknown = replace(listed(5, Item.GPU_HOUR, "g4dn.xlarge"), instance_type="p5.48xlarge")
    report = await refreshed(FakePriceSource({DE: [unknown]}))
    assert report.changed == ()


async def test_an_unknown_region_is_refused_before_anything_is_read() -> None:
    source = FakePriceSource()
    with pytest.raises(InvalidInputError) as caught:
        await refreshed(source, DE, "mars-north-1")
    assert caught.value.code == "region_unknown"
    assert source.asked == []


@given(
    micros=st.dictionaries(st.sampled_from(INSTANCE_TYPES), st.integers(0, 10**8)),
    at_ms=st.integers(0, 2 * NOW_MS),
)
def test_each_price_has_one_fate_and_none_changes_the_past(micros: dict[str, int], at_ms: int) -> None:
    fetched = [listed(value, Item.GPU_HOUR, kind) for kind, value in micros.items()]
    found = compare_prices(fetched, BUILT_IN_PRICES, at_ms=at_ms)
    fates = [new.key for _, new in found.changed] + [price.key for price, _ in found.kept]
    assert len(fates) == len(set(fates))
    assert len(fates) + found.unchanged == (len(INSTANCE_TYPES) if micros else 0)
    assert all(new.valid_from_ms == at_ms and new.micros < 10 * before.micros for before, new in found.changed)
