"""The price store: prices only ever come in addition, one exchange rate, and nothing is lost at a restart."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aws.dynamo_state import new_state_table, open_state_table
from tests.aws.emulator import Emulator
from tests.fakes.memory_price_store import MemoryPriceStore
from tlfif.adapters.aws.money.dynamo_price_store import DynamoPriceStore
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_price_store import SqlitePriceStore
from tlfif.money.money import ASSUMED_RATE
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.price_store import PriceStore
from tlfif.money.prices.prices import Item, Price, PriceBook

T0 = 1_800_000_000_000
DISK = Price(
    item=Item.EBS_GP3_GB_MONTH,
    region="eu-central-1",
    micros=95_200,
    unit="GB-month",
    source="a list",
    date="2026-11-20",
    verified=True,
    valid_from_ms=T0,
)
GPU = replace(DISK, item=Item.GPU_HOUR, instance_type="g4dn.xlarge", micros=658_000, unit="hour")
RATE = replace(ASSUMED_RATE, usd_per_eur=Decimal("1.1646"), date="2026-11-20", source="a bank", verified=True)


async def open_sqlite(path: Path) -> SqlitePriceStore:
    return SqlitePriceStore(await Database.open(path))


OpenStore = Callable[[], Awaitable[PriceStore]]


@pytest.fixture(params=["memory", "sqlite", "aws"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PriceStore]:
    """An empty price store."""
    if request.param == "memory":
        empty: PriceStore = MemoryPriceStore()
    elif request.param == "aws":
        empty = DynamoPriceStore(open_state_table(request.getfixturevalue("emulator")))
    else:
        empty = await open_sqlite(tmp_path / "p.db")
    yield empty
    await empty.close()


@pytest.fixture(params=["sqlite", "aws"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Opens one and the same price store as a new process does."""
    if request.param == "sqlite":
        return lambda: open_sqlite(tmp_path / "p.db")
    emulator: Emulator = request.getfixturevalue("emulator")
    table = new_state_table(emulator)

    async def open_dynamo() -> PriceStore:
        return DynamoPriceStore(open_state_table(emulator, table))

    return open_dynamo


async def test_a_new_store_is_empty(store: PriceStore) -> None:
    assert await store.prices() == []
    assert await store.exchange_rate() is None


async def test_prices_come_back_as_they_were_sorted(store: PriceStore) -> None:
    later = replace(DISK, micros=99_000, valid_from_ms=T0 + 1, verified=False)
    g6 = replace(GPU, instance_type="g6.xlarge")
    elsewhere = replace(GPU, region="us-east-1")
    await store.add([later, elsewhere, g6])
    await store.add([GPU, DISK])
    assert await store.prices() == [DISK, later, GPU, g6, elsewhere]
    assert all(isinstance(price.item, Item) and isinstance(price.verified, bool) for price in await store.prices())


async def test_the_same_moment_is_replaced_and_another_is_not(store: PriceStore) -> None:
    await store.add([DISK, GPU])
    await store.add([replace(DISK, micros=1), replace(GPU, micros=2, valid_from_ms=T0 + 5)])
    assert [price.micros for price in await store.prices()] == [1, 658_000, 2]


async def test_adding_nothing_changes_nothing(store: PriceStore) -> None:
    await store.add([DISK])
    await store.add([])
    assert await store.prices() == [DISK]


async def test_a_price_of_zero_is_refused_and_its_companions_with_it(store: PriceStore) -> None:
    with pytest.raises(ValueError, match="above zero"):
        await store.add([GPU, replace(DISK, micros=0)])
    assert await store.prices() == []


async def test_there_is_one_exchange_rate(store: PriceStore) -> None:
    await store.set_exchange_rate(ASSUMED_RATE)
    assert await store.exchange_rate() == ASSUMED_RATE
    await store.set_exchange_rate(RATE)
    assert await store.exchange_rate() == RATE


async def test_closing_twice_is_closing_once(store: PriceStore) -> None:
    await store.close()
    await store.close()


async def test_everything_survives_a_restart(open_store: OpenStore) -> None:
    first = await open_store()
    await first.add([DISK, GPU])
    await first.set_exchange_rate(RATE)
    await first.close()
    second = await open_store()
    assert await second.prices() == [DISK, GPU]
    assert await second.exchange_rate() == RATE
    await second.close()


async def test_a_book_with_the_stored_prices_keeps_old_moments(store: PriceStore) -> None:
    await store.add([replace(DISK, micros=101_000)])
    book = BUILT_IN_PRICES.with_prices(await store.prices())
    assert book.price(DISK.item, DISK.region, at_ms=T0 - 1).micros == 95_200
    assert book.price(DISK.item, DISK.region, at_ms=T0).micros == 101_000


some_price = st.builds(
    lambda item, region, kind, micros, at: replace(
        DISK, item=item, region=region, instance_type=kind, micros=micros, valid_from_ms=at
    ),
    st.sampled_from([Item.GPU_HOUR, Item.SNAPSHOT_GB_MONTH]),
    st.sampled_from(["us-east-1", "eu-west-1"]),
    st.sampled_from([None, "g4dn.xlarge", "g5.xlarge"]),
    st.integers(1, 10**12),
    st.integers(0, 3),
)


some_batches = st.lists(st.lists(some_price, max_size=6), max_size=4)


@settings(max_examples=30, deadline=None)
@given(batches=some_batches)
async def test_both_stores_and_the_book_tell_the_same(
    batches: list[list[Price]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    await tell_the_same(batches, [MemoryPriceStore(), await open_sqlite(tmp_path_factory.mktemp("p") / "p.db")])


@settings(max_examples=10, deadline=None)
@given(batches=some_batches)
async def test_the_store_on_aws_and_the_book_tell_the_same(batches: list[list[Price]], emulator: Emulator) -> None:
    await tell_the_same(batches, [MemoryPriceStore(), DynamoPriceStore(open_state_table(emulator))])


async def tell_the_same(batches: list[list[Price]], stores: list[PriceStore]) -> None:
    book = PriceBook()
    for batch in batches:
        book = book.with_prices(batch)
        for each in stores:
            await each.add(batch)
    found: list[Any] = [await each.prices() for each in stores]
    assert found[0] == found[1] == list(book.all())
    for each in stores:
        await each.close()
