"""The daily query: sent once, stored before it is sent, whichever router dies in between."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.memory_bill_store import MemoryBillStore
from tlfif.kernel.errors import StorageError, UnavailableError
from tlfif.money.bill.bill import (
    CLOCK_WAS_WRONG,
    WAIT_MS,
    Bill,
    BilledDay,
    BillFailure,
    BillPeriod,
    BillQuery,
    BillRecord,
)
from tlfif.money.bill.bill_source import BillSource
from tlfif.money.bill.query_bill import DailyBill

DAY = 86_400.0
MINUTE = 60.0


class Killed(BaseException):
    """The process is gone."""


@dataclass(kw_only=True)
class PaidSource(BillSource):
    """A dollar a day. ``asked`` are the periods that were paid for."""

    asked: list[BillPeriod] = field(default_factory=list)
    fault: BaseException | None = None
    days_less: int = 0

    async def read(self, period: BillPeriod) -> Sequence[BilledDay]:
        self.asked.append(period)
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        count = (period.end - period.first).days - self.days_less
        return [BilledDay(day=period.first + timedelta(days=n), charges=Decimal(1)) for n in range(count)]


@dataclass(kw_only=True)
class FragileStore(MemoryBillStore):
    """Counts what it is asked; fails, or sees its process killed, where a test says so."""

    calls: list[str] = field(default_factory=list)
    before: dict[str, BaseException] = field(default_factory=dict)
    after: dict[str, BaseException] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    async def record(self) -> BillRecord:
        self._step("record", self.before)
        return await super().record()

    async def begin(self, query: BillQuery, *, after: BillQuery | None) -> bool:
        self._step("begin", self.before)
        await asyncio.sleep(0)
        done = await super().begin(query, after=after)
        self._step("", self.after, "begin")
        return done

    async def settle(self, query: BillQuery, result: Bill | BillFailure) -> None:
        self._step("settle", self.before)
        await super().settle(query, result)

    def _step(self, call: str, faults: dict[str, BaseException], at: str = "") -> None:
        if call:
            self.calls.append(call)
        fault = faults.pop(at or call, None)
        if fault is not None:
            raise fault


@dataclass(kw_only=True)
class World:
    """One store, one AWS, and as many routers as a test makes."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: FragileStore = field(default_factory=FragileStore)
    source: PaidSource = field(default_factory=PaidSource)
    ids: FakeIds = field(default_factory=FakeIds)

    def router(self) -> DailyBill:
        """A new process: it remembers nothing."""
        return DailyBill(store=self.store, source=self.source, clock=self.clock, ids=self.ids)

    async def minutes(self, router: DailyBill, count: int) -> None:
        """Its ticks."""
        for _ in range(count):
            self.clock.advance(MINUTE)
            await router.query_if_due()


@pytest.fixture
def world() -> World:
    return World()


async def test_the_first_tick_asks_and_the_figure_is_kept(world: World) -> None:
    await world.router().query_if_due()
    record = await world.store.record()
    assert record.settled
    assert record.bill is not None
    assert record.bill.micros == (world.source.asked[0].end - world.source.asked[0].first).days * 1_000_000
    assert record.billed_ms == int(world.clock.now() * 1000)


async def test_a_week_of_minutes_asks_once_a_day_and_the_store_hardly_more(world: World) -> None:
    router = world.router()
    await world.minutes(router, 7 * 24 * 60)
    assert len(world.source.asked) == 7
    assert len(world.store.calls) <= 7 * 2 + 1


async def test_a_minute_in_which_nothing_is_due_asks_nobody(world: World) -> None:
    router = world.router()
    await world.minutes(router, 2)
    world.store.calls.clear()
    await world.minutes(router, 600)
    assert world.store.calls == []
    fresh = world.router()
    await world.minutes(fresh, 600)
    assert world.store.calls == ["record"]


@pytest.mark.parametrize("count", [2, 6])
async def test_of_routers_at_once_one_asks(world: World, count: int) -> None:
    await asyncio.gather(*(world.router().query_if_due() for _ in range(count)))
    assert len(world.source.asked) == 1
    old = [world.router() for _ in range(count)]
    await asyncio.gather(*(one.query_if_due() for one in old))
    world.clock.advance(DAY)
    await asyncio.gather(*(one.query_if_due() for one in old))
    assert len(world.source.asked) == 2


async def test_killed_between_writing_down_and_asking(world: World) -> None:
    world.store.after["begin"] = Killed()
    with pytest.raises(Killed):
        await world.router().query_if_due()
    await world.minutes(world.router(), 24 * 60 - 1)
    assert world.source.asked == []
    assert not (await world.store.record()).settled
    await world.minutes(world.router(), 1)
    assert len(world.source.asked) == 1


async def test_killed_between_asking_and_keeping(world: World) -> None:
    world.store.before["settle"] = Killed()
    with pytest.raises(Killed):
        await world.router().query_if_due()
    for _ in range(24 * 60 - 1):
        await world.minutes(world.router(), 1)  # a new process for each
    assert len(world.source.asked) == 1
    await world.minutes(world.router(), 1)
    assert len(world.source.asked) == 2
    assert (await world.store.record()).settled


async def test_killed_while_aws_answers(world: World) -> None:
    world.source.fault = Killed()
    with pytest.raises(Killed):
        await world.router().query_if_due()
    world.source.fault = None
    await world.minutes(world.router(), 24 * 60 - 1)
    assert len(world.source.asked) == 1


async def test_a_store_that_cannot_write_it_down_is_not_asked_for_money(world: World) -> None:
    router = world.router()
    world.store.before["begin"] = StorageError("no")
    with pytest.raises(StorageError):
        await router.query_if_due()
    assert world.source.asked == []
    await world.minutes(router, 1)
    assert len(world.source.asked) == 1


async def test_what_may_have_been_written_down_counts_as_asked(world: World) -> None:
    """The write went through, and the store said that it failed."""
    router = world.router()
    world.store.after["begin"] = StorageError("no")
    with pytest.raises(StorageError):
        await router.query_if_due()
    await world.minutes(router, 24 * 60 - 1)
    assert world.source.asked == []


async def test_an_answer_that_could_not_be_kept_is_not_paid_for_again_today(world: World) -> None:
    router = world.router()
    world.store.before["settle"] = StorageError("no")
    with pytest.raises(StorageError):
        await router.query_if_due()
    await world.minutes(router, 24 * 60 - 1)
    assert len(world.source.asked) == 1


async def test_a_refusal_is_kept_and_waits_a_day_and_the_older_figure_stays(world: World) -> None:
    router = world.router()
    await router.query_if_due()
    world.source.fault = UnavailableError("Not switched on.", code="bill_not_enabled")
    world.clock.advance(DAY)
    await world.minutes(router, 300)
    assert len(world.source.asked) == 2
    record = await world.store.record()
    assert record.failure == BillFailure(code="bill_not_enabled", message="Not switched on.")
    assert record.bill is not None
    world.source.fault = None
    world.clock.advance(DAY)
    await router.query_if_due()
    assert (await world.store.record()).failure is None


async def test_other_days_than_were_asked_for_are_refused(world: World) -> None:
    world.source.days_less = 1
    await world.router().query_if_due()
    record = await world.store.record()
    assert record.bill is None
    assert record.failure is not None
    assert record.failure.code == "bill_malformed"


async def test_a_mistake_of_our_own_is_not_repeated_each_minute(world: World) -> None:
    world.source.fault = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await world.router().query_if_due()
    await world.minutes(world.router(), 24 * 60 - 1)
    assert len(world.source.asked) == 1


async def test_over_the_month_s_end_each_question_is_about_one_month(world: World) -> None:
    router = world.router()
    for _ in range(40):
        await router.query_if_due()
        world.clock.advance(DAY)
    firsts = [period for period in world.source.asked if period.first.day == 1]
    assert len(firsts) == len(world.source.asked) == 40
    whole = [period for period in world.source.asked if period.end.day == 1]
    assert whole
    assert all((period.end - period.first).days == period.month.days for period in whole)


@pytest.mark.parametrize("back", [3600.0, 10 * DAY, 1000 * DAY])
async def test_a_clock_set_back_costs_no_question(world: World, back: float) -> None:
    router = world.router()
    await router.query_if_due()
    world.clock.jump(-back)
    for one in (router, world.router()):
        await world.minutes(one, 12 * 60 - 2)
    assert len(world.source.asked) == 1
    await world.minutes(router, 24 * 60)
    assert len(world.source.asked) == 2


async def test_a_clock_that_leapt_ahead_costs_one_question_and_is_said(world: World) -> None:
    router = world.router()
    await router.query_if_due()
    world.clock.jump(400 * DAY)
    await world.minutes(router, 3)
    world.clock.jump(-400 * DAY)
    await world.minutes(router, 3)
    assert len(world.source.asked) == 2
    record = await world.store.record()
    assert record.failure == CLOCK_WAS_WRONG
    assert record.query is not None
    assert abs(record.query.asked_ms - world.clock.now() * 1000) < WAIT_MS
    await world.minutes(router, 24 * 60)
    assert len(world.source.asked) == 3


async def test_a_router_whose_clock_stays_wrong_and_one_whose_clock_is_right_do_not_ask_in_turns(world: World) -> None:
    ahead = World(store=world.store, source=world.source, ids=world.ids, clock=FakeClock(world.clock.now() + 90 * DAY))
    right, wrong = world.router(), ahead.router()
    for _ in range(24 * 60):
        await world.minutes(right, 1)
        await ahead.minutes(wrong, 1)
    assert len(world.source.asked) <= 2
