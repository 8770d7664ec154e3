"""The bill store: a query is begun once, and its result is not lost. There is none in SQLite, because nothing
is billed on the owner's own computer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest

from tests.aws.dynamo_state import new_state_table, open_state_table
from tests.aws.emulator import Emulator
from tests.fakes.memory_bill_store import MemoryBillStore
from tlfif.adapters.aws.money.dynamo_bill_store import DynamoBillStore
from tlfif.money.bill.bill import Bill, BillFailure, BillQuery, BillRecord
from tlfif.money.bill.bill_store import BillStore
from tlfif.money.billing_month import Month

T0 = 1_800_000_000_000
FIRST = BillQuery(id="bill_1", asked_ms=T0)
SECOND = BillQuery(id="bill_2", asked_ms=T0 + 86_400_000)
BILL = Bill(month=Month(2027, 1), micros=12_345_678, credits=0, up_to=date(2027, 1, 13), estimated=True)
FAILURE = BillFailure(code="bill_not_enabled", message="It was never “switched on”.")


@pytest.fixture(params=["memory", "aws"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[BillStore]:
    """An empty bill store."""
    if request.param == "memory":
        empty: BillStore = MemoryBillStore()
    else:
        empty = DynamoBillStore(open_state_table(request.getfixturevalue("emulator")))
    yield empty
    await empty.close()


async def test_a_new_store_knows_of_no_question(store: BillStore) -> None:
    assert await store.record() == BillRecord()


async def test_a_question_is_there_before_its_answer(store: BillStore) -> None:
    assert await store.begin(FIRST, after=None)
    assert await store.record() == BillRecord(query=FIRST)


@pytest.mark.parametrize(
    "bill",
    [
        BILL,
        replace(BILL, up_to=None, micros=0),
        replace(BILL, micros=-5, credits=7_000_000, estimated=False, month=Month(2026, 12)),
    ],
)
async def test_an_answer_comes_back_as_it_was(store: BillStore, bill: Bill) -> None:
    await store.begin(FIRST, after=None)
    await store.settle(FIRST, bill)
    assert await store.record() == BillRecord(query=FIRST, settled=True, bill=bill, billed_ms=T0)


async def test_a_failure_is_kept_and_the_figure_before_it_stays(store: BillStore) -> None:
    await store.begin(FIRST, after=None)
    await store.settle(FIRST, BILL)
    assert await store.begin(SECOND, after=FIRST)
    assert await store.record() == BillRecord(query=SECOND, bill=BILL, billed_ms=T0)
    await store.settle(SECOND, FAILURE)
    expected = BillRecord(query=SECOND, settled=True, failure=FAILURE, bill=BILL, billed_ms=T0)
    assert await store.record() == expected


async def test_a_new_question_and_a_new_answer_end_the_failure(store: BillStore) -> None:
    await store.begin(FIRST, after=None)
    await store.settle(FIRST, FAILURE)
    await store.begin(SECOND, after=FIRST)
    assert (await store.record()).failure is None
    await store.settle(SECOND, BILL)
    assert (await store.record()).bill == BILL


@pytest.mark.parametrize("after", [None, SECOND])
async def test_who_looked_too_early_begins_nothing(store: BillStore, after: BillQuery | None) -> None:
    await store.begin(FIRST, after=None)
    await store.settle(FIRST, BILL)
    before = await store.record()
    assert not await store.begin(replace(SECOND, id="bill_3"), after=after)
    assert await store.record() == before


async def test_nobody_begins_after_a_question_that_never_was(store: BillStore) -> None:
    assert not await store.begin(SECOND, after=FIRST)
    assert await store.record() == BillRecord()


async def test_of_many_at_once_one_begins(store: BillStore) -> None:
    for newest in (None, FIRST):
        wanted = [BillQuery(id=f"bill_{newest}_{n}", asked_ms=T0 + n) for n in range(5)]
        begun = await asyncio.gather(*(store.begin(one, after=newest) for one in wanted))
        assert begun.count(True) == 1
        assert (await store.record()).query == wanted[begun.index(True)]
        await store.begin(FIRST, after=wanted[begun.index(True)])


async def test_an_answer_to_a_question_that_is_not_the_newest_is_dropped(store: BillStore) -> None:
    await store.settle(FIRST, BILL)
    assert await store.record() == BillRecord()
    await store.begin(FIRST, after=None)
    await store.begin(SECOND, after=FIRST)
    await store.settle(FIRST, BILL)
    assert await store.record() == BillRecord(query=SECOND)


async def test_telling_the_answer_twice_is_telling_it_once(store: BillStore) -> None:
    await store.begin(FIRST, after=None)
    for _ in range(2):
        await store.settle(FIRST, BILL)
    assert (await store.record()).bill == BILL


async def test_closing_twice_is_closing_once(store: BillStore) -> None:
    await store.close()
    await store.close()


async def test_everything_survives_a_restart(emulator: Emulator) -> None:
    name = new_state_table(emulator)
    first = DynamoBillStore(open_state_table(emulator, name))
    await first.begin(FIRST, after=None)
    await first.settle(FIRST, BILL)
    second = DynamoBillStore(open_state_table(emulator, name, opener="2"))
    assert await second.record() == await first.record()
