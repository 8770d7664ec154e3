"""MonthTotals of the ledger against a sum made by hand, however the news come."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import a_beat, a_machine
from tests.fakes.clock import FakeClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.memory_price_store import MemoryPriceStore
from tests.money_world import AWS, MoneyWorld
from tlfif.machines.machine import MachineState
from tlfif.machines.policy import MachinePolicy
from tlfif.money.billing_month import MS_PER_DAY, Month
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.pricing import Pricing
from tlfif.money.spend.last_seen import LastSeen
from tlfif.money.spend.spans import MachineSpan
from tlfif.money.spend.totals import Totals

DECEMBER = Month(2026, 12)
RATE = AWS.hourly(BUILT_IN_PRICES, at_ms=DECEMBER.start_ms)
ONCE = AWS.once(BUILT_IN_PRICES, at_ms=DECEMBER.start_ms)
LONGEST_MS = int(MachinePolicy().longest_life_seconds * 1000)


def the_totals(ledger: MemoryLedger, clock: FakeClock, machines: MemoryMachineStore | None = None) -> Totals:
    last_seen = LastSeen(
        machines=machines or MemoryMachineStore(default_idle_timeout=300.0), policy=MachinePolicy(), clock=clock
    )
    return Totals(ledger, Pricing(MemoryPriceStore()), last_seen, clock)


def a_span(name: str, from_ms: int, **changes: Any) -> MachineSpan:
    span = MachineSpan(machine_id=name, instance_type=AWS.instance_type, region=AWS.region, from_ms=from_ms)
    return replace(span, **changes)


def cost_by_hand(spans: Iterable[MachineSpan], begin: int, end: int, now: int) -> int:
    """Each run: its time at the rate, a minute at least, and what a start costs, where the start is inside."""
    total = 0
    for span in spans:
        stop = min(now, span.from_ms + LONGEST_MS) if span.to_ms is None else span.to_ms
        if stop < span.from_ms:
            continue
        first, last = max(span.from_ms, begin), min(stop, end)
        if first < last:
            total += RATE * (last - span.from_ms) // 3_600_000 - RATE * (first - span.from_ms) // 3_600_000
        if begin <= span.from_ms < end:
            total += ONCE + max(0, RATE * 60_000 // 3_600_000 - RATE * (stop - span.from_ms) // 3_600_000)
    return total


moments = st.integers(-3 * MS_PER_DAY, 3 * MS_PER_DAY).map(lambda ms: DECEMBER.start_ms + ms)
steps = st.lists(
    st.tuples(st.sampled_from(["open", "ready", "close", "correct", "look", "later"]), st.integers(1, 4), moments),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(steps=steps)
async def test_news_in_any_order_add_up_to_what_a_sum_by_hand_gives(steps: list[tuple[str, int, int]]) -> None:
    clock = FakeClock((DECEMBER.start_ms + MS_PER_DAY) / 1000)
    ledger = MemoryLedger(since_ms=DECEMBER.previous.start_ms)
    kept = the_totals(ledger, clock)
    for what, number, at in [*steps, ("look", 1, 0)]:
        name = f"m{number}"
        if what == "open":
            await ledger.open_span(a_span(name, at))
        elif what == "ready":
            await ledger.mark_ready(name, at_ms=at)
        elif what == "close":
            await ledger.close_span(name, at_ms=at)
        elif what == "correct":
            await ledger.correct_span(name, real_stop_ms=at)
        elif what == "later":
            clock.advance(number * 5000.0)
        else:
            now = kept.now_ms()
            spans = [span for _, span in await ledger.spans_after(0, from_ms=0)]
            sums = await kept.month(AWS)
            month = sums.month
            assert sums.machines == cost_by_hand(spans, month.start_ms, month.end_ms, now)
            assert sums.machines == sum(day.micros for day in sums.days)
            for day in sums.days:
                assert day.micros == cost_by_hand(spans, day.day_ms, day.day_ms + MS_PER_DAY, now)
            assert await the_totals(ledger, clock).month(AWS) == sums
            spending = await kept.spending(AWS, state=await ledger.state())
            assert spending.total == sums.total
            running = [span for span in spans if span.to_ms is None]
            assert dict(spending.running) == {
                span.machine_id: cost_by_hand([span], span.from_ms, 2**60, now) for span in running
            }


async def test_two_months_together_are_the_whole_run() -> None:
    ledger = MemoryLedger(since_ms=DECEMBER.previous.start_ms)
    begin, end = DECEMBER.start_ms - 1_234_567, DECEMBER.start_ms + 7_654_321
    await ledger.open_span(a_span("m1", begin))
    await ledger.close_span("m1", at_ms=end)
    before = await the_totals(ledger, FakeClock((DECEMBER.start_ms - 1) / 1000)).month(AWS)
    after = await the_totals(ledger, FakeClock((DECEMBER.start_ms + MS_PER_DAY) / 1000)).month(AWS)
    assert (before.month, after.month) == (DECEMBER.previous, DECEMBER)
    assert before.machines + after.machines == RATE * (end - begin) // 3_600_000 + ONCE


async def test_old_news_of_a_run_do_not_bring_it_back() -> None:
    """Two looks at once: the slower one comes back with what was true before."""
    ledger, clock = MemoryLedger(since_ms=DECEMBER.start_ms), FakeClock((DECEMBER.start_ms + MS_PER_DAY) / 1000)
    totals = the_totals(ledger, clock)
    await ledger.open_span(a_span("m1", DECEMBER.start_ms))
    old_state = await ledger.state()
    old_news = await ledger.spans_after(0, from_ms=0)
    await ledger.close_span("m1", at_ms=DECEMBER.start_ms + 3_600_000)
    right = await totals.month(AWS)
    ledger.spans_after = lambda *_, **__: _ready(old_news)  # type: ignore[method-assign,assignment]  # the slow look
    assert await totals.month(AWS, state=replace(old_state, revision=9)) == right
    assert right.machines == RATE + ONCE


async def _ready(value: Any) -> Any:
    return value


async def test_a_run_that_turns_out_to_have_ended_long_ago_is_not_running_any_more() -> None:
    """The computer was off for months with a machine on the books: its end is before all that is added up now."""
    clock = FakeClock((DECEMBER.start_ms + MS_PER_DAY) / 1000)
    ledger, machines = MemoryLedger(since_ms=0), MemoryMachineStore(default_idle_timeout=300.0)
    totals = the_totals(ledger, clock, machines)
    long_ago = DECEMBER.start_ms - 100 * MS_PER_DAY
    await ledger.open_span(a_span("m1", long_ago))
    assert (await totals.month(AWS)).running_per_hour == RATE
    await ledger.close_span("m1", at_ms=long_ago + 60_000)
    sums = await totals.month(AWS)
    assert (sums.running_per_hour, sums.machines) == (0, 0)


async def test_time_that_nobody_watched_is_not_counted_before_the_machine_is_found_gone() -> None:
    world = MoneyWorld()
    record = a_machine("m1", created_at=world.clock.now())
    await world.machines.create_intent(record)
    await world.machines.commit_launch("m1", handle="h")
    await world.book.open_span(a_span("m1", world.now_ms))
    world.clock.advance(100)
    beat = a_beat("m1", state=MachineState.READY, phase=None)
    await world.machines.heartbeat(beat, now=world.clock.now())
    world.clock.advance(59)
    first = (await world.money.totals.month(AWS)).machines
    assert first == RATE * 159_000 // 3_600_000 + ONCE
    world.clock.advance(3 * 3600)  # the computer was off; the machine's end is not on the books yet
    assert (await world.money.totals.month(AWS)).machines == RATE * 102_000 // 3_600_000 + ONCE
    await world.machines.heartbeat(beat, now=world.clock.now())  # it does live: all of its time counts
    assert (await world.money.totals.month(AWS)).machines == RATE * (159_000 + 3 * 3_600_000) // 3_600_000 + ONCE


async def test_this_computer_costs_nothing() -> None:
    ledger, clock = MemoryLedger(since_ms=DECEMBER.start_ms), FakeClock((DECEMBER.start_ms + MS_PER_DAY) / 1000)
    await ledger.open_span(a_span("m1", DECEMBER.start_ms))
    sums = await the_totals(ledger, clock).month(None)
    assert (sums.total, sums.running_per_hour, sums.days, sums.forecast) == (0, 0, (), None)
