"""The ledger: a machine has one span, telling twice or in another order changes nothing, nothing over the room."""

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
from tests.fakes.memory_ledger import MemoryLedger
from tlfif.adapters.aws.money.dynamo_ledger import DynamoLedger
from tlfif.adapters.sqlite.stores import open_sqlite_ledger
from tlfif.money.billing_month import Month
from tlfif.money.budget.budget import Budget
from tlfif.money.budget.budget_ledger import BudgetLedger
from tlfif.money.spend.spans import MachineSpan

T0 = 1_800_000_000_000


OpenLedger = Callable[[int], Awaitable[BudgetLedger]]


@pytest.fixture(params=["memory", "sqlite", "aws"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BudgetLedger]:
    """An empty ledger, begun at T0."""
    if request.param == "memory":
        book: BudgetLedger = MemoryLedger(since_ms=T0)
    elif request.param == "aws":
        book = DynamoLedger(open_state_table(request.getfixturevalue("emulator")), since_ms=T0)
    else:
        book = await open_sqlite_ledger(tmp_path / "l.db", since_ms=T0)
    yield book
    await book.close()


@pytest.fixture(params=["sqlite", "aws"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> OpenLedger:
    """Opens one and the same ledger as a new process does; it begins at the time given, if it is new."""
    if request.param == "sqlite":
        return lambda since_ms: open_sqlite_ledger(tmp_path / "l.db", since_ms=since_ms)
    emulator: Emulator = request.getfixturevalue("emulator")
    table = new_state_table(emulator)

    async def open_dynamo_ledger(since_ms: int) -> BudgetLedger:
        return DynamoLedger(open_state_table(emulator, table), since_ms=since_ms)

    return open_dynamo_ledger


def a_span(number: int = 1, **changes: Any) -> MachineSpan:
    span = MachineSpan(
        machine_id=f"m{number}", instance_type="g4dn.xlarge", region="eu-central-1", from_ms=T0 + number * 1000
    )
    return replace(span, **changes)


async def test_a_new_ledger_is_empty_and_knows_when_it_began(ledger: BudgetLedger) -> None:
    state = await ledger.state()
    assert (state.revision, state.since_ms, state.budget, state.reserved) == (0, T0, Budget(), {})
    assert await ledger.open_spans() == []
    assert await ledger.span("m1") is None


async def test_a_machine_has_one_span(ledger: BudgetLedger) -> None:
    await ledger.open_span(a_span())
    await ledger.open_span(a_span(from_ms=T0 + 5))
    assert await ledger.open_spans() == [a_span()]
    assert (await ledger.state()).revision == 1


async def test_a_span_is_closed_and_corrected(ledger: BudgetLedger) -> None:
    await ledger.open_span(a_span())
    await ledger.mark_ready("m1", at_ms=T0 + 3000)
    await ledger.close_span("m1", at_ms=T0 + 9000)
    assert await ledger.span("m1") == a_span(ready_ms=T0 + 3000, to_ms=T0 + 9000)
    await ledger.close_span("m1", at_ms=T0 + 9900)
    await ledger.correct_span("m1", real_stop_ms=T0 + 8000)
    await ledger.close_span("m1", at_ms=T0 + 7000)
    assert await ledger.span("m1") == replace(a_span(ready_ms=T0 + 3000, to_ms=T0 + 8000), corrected=True)
    assert await ledger.open_spans() == []


async def test_news_of_a_machine_without_a_span_changes_nothing(ledger: BudgetLedger) -> None:
    await ledger.mark_ready("m9", at_ms=T0)
    await ledger.close_span("m9", at_ms=T0)
    await ledger.correct_span("m9", real_stop_ms=T0)
    assert (await ledger.state()).revision == 0


async def test_a_reader_hears_of_changes_once_each(ledger: BudgetLedger) -> None:
    await ledger.open_span(a_span(1))
    await ledger.open_span(a_span(2))
    assert await ledger.spans_after(0, from_ms=0) == [(1, a_span(1)), (2, a_span(2))]
    await ledger.close_span("m1", at_ms=T0 + 2000)
    assert await ledger.spans_after(2, from_ms=0) == [(3, a_span(1, to_ms=T0 + 2000))]
    await ledger.close_span("m1", at_ms=T0 + 2000)
    assert await ledger.spans_after(3, from_ms=0) == []
    assert (await ledger.state()).revision == 3


async def test_spans_that_ended_long_ago_are_left_out(ledger: BudgetLedger) -> None:
    for number in (1, 2, 3):
        await ledger.open_span(a_span(number))
    await ledger.close_span("m1", at_ms=T0 + 5000)
    await ledger.close_span("m2", at_ms=T0 + 6000)
    found = await ledger.spans_after(0, from_ms=T0 + 6000)
    assert sorted(span.machine_id for _, span in found) == ["m2", "m3"]


async def test_what_is_set_aside_never_exceeds_what_is_left(ledger: BudgetLedger) -> None:
    assert await ledger.reserve("m1", micros=60, headroom_micros=100)
    assert not await ledger.reserve("m2", micros=41, headroom_micros=100)
    assert await ledger.reserve("m2", micros=40, headroom_micros=100)
    assert await ledger.reserve("m1", micros=10, headroom_micros=100)
    assert (await ledger.state()).reserved == {"m1": 10, "m2": 40}
    assert await ledger.reserve("m3", micros=10**12, headroom_micros=None)
    await ledger.release("m3")
    await ledger.release("m3")
    await ledger.open_span(a_span(2))
    await ledger.close_span("m2", at_ms=T0 + 9000)
    assert (await ledger.state()).reserved == {"m1": 10}


async def test_no_room_is_no_room(ledger: BudgetLedger) -> None:
    assert not await ledger.reserve("m1", micros=1, headroom_micros=0)
    assert not await ledger.reserve("m1", micros=0, headroom_micros=-5)
    assert (await ledger.state()).reserved == {}


@pytest.mark.parametrize(
    "budget",
    [
        Budget(),
        Budget(limit_eur=None),
        Budget(limit_eur=Decimal("0.05"), simulated_aws=True, extra_eur=Decimal("0.0125"), extra_month=Month(2026, 11)),
        Budget(locked_at_ms=T0, lock_month=Month(2026, 12)),
    ],
)
async def test_the_budget_is_kept_as_it_is(ledger: BudgetLedger, budget: Budget) -> None:
    await ledger.set_budget(budget)
    assert (await ledger.state()).budget == budget


async def test_the_budget_is_kept_only_where_the_old_one_is_still_there(ledger: BudgetLedger) -> None:
    first, second = Budget(limit_eur=Decimal(1)), Budget(limit_eur=Decimal(2))
    assert await ledger.set_budget(first, instead_of=Budget())
    assert not await ledger.set_budget(second, instead_of=Budget())
    assert (await ledger.state()).budget == first
    assert await ledger.set_budget(second)
    assert (await ledger.state()).budget == second


async def test_everything_survives_a_restart(open_ledger: OpenLedger) -> None:
    book = await open_ledger(T0)
    await book.open_span(a_span())
    await book.reserve("m1", micros=7, headroom_micros=None)
    await book.set_budget(Budget(limit_eur=None))
    before = await book.state()
    await book.close()
    book = await open_ledger(T0 + 999)
    assert await book.state() == before
    assert await book.open_spans() == [a_span()]
    await book.close()


Step = tuple[str, int, int]
a_step = st.tuples(st.sampled_from(["open", "ready", "close", "correct"]), st.integers(1, 3), st.integers(-5, 20))


async def carry_out(steps: list[Step], books: list[BudgetLedger]) -> list[Any]:
    """What each book tells after the same steps; they are closed."""
    for book in books:
        for what, number, seconds in steps:
            name, at = f"m{number}", T0 + seconds * 1000
            if what == "open":
                await book.open_span(a_span(number, from_ms=at))
            elif what == "ready":
                await book.mark_ready(name, at_ms=at)
            elif what == "close":
                await book.close_span(name, at_ms=at)
            else:
                await book.correct_span(name, real_stop_ms=at)
    told = [(await book.state(), await book.spans_after(0, from_ms=0), await book.open_spans()) for book in books]
    for book in books:
        await book.close()
    return told


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(a_step, max_size=25))
async def test_both_books_tell_the_same(steps: list[Step], tmp_path_factory: pytest.TempPathFactory) -> None:
    in_file = await open_sqlite_ledger(tmp_path_factory.mktemp("l") / "l.db", since_ms=T0)
    first, second = await carry_out(steps, [MemoryLedger(since_ms=T0), in_file])
    assert first == second


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(a_step, min_size=8, max_size=16))
async def test_the_book_on_aws_tells_the_same(steps: list[Step], emulator: Emulator) -> None:
    on_aws = DynamoLedger(open_state_table(emulator), since_ms=T0)
    first, second = await carry_out(steps, [MemoryLedger(since_ms=T0), on_aws])
    assert first == second
