"""The meter against the machines' own story: exact, whoever watches, dies or comes back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.builders import a_machine, a_new_job
from tests.fakes.clock import START
from tests.fakes.machine_host import FakeMachineHost, Obedience
from tests.money_world import AWS, MoneyWorld
from tlfif.control.reconcile import Pace
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_host import Lifetime
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.spend.meter import UNCLAIMED_SECONDS
from tlfif.money.spend.spans import MachineSpan
from tlfif.money.spend.tariff import Tariff

T0 = int(START * 1000)
RATE = AWS.hourly(BUILT_IN_PRICES, at_ms=T0)
ONCE = AWS.once(BUILT_IN_PRICES, at_ms=T0)


def a_span(machine_id: str, from_s: float, ready_s: float | None, to_s: float | None) -> MachineSpan:
    """A run; seconds since the test's beginning."""

    def ms(seconds: float | None) -> int | None:
        return None if seconds is None else int((START + seconds) * 1000)

    return MachineSpan(
        machine_id=machine_id,
        instance_type=AWS.instance_type,
        region=AWS.region,
        from_ms=ms(from_s) or 0,
        ready_ms=ms(ready_s),
        to_ms=ms(to_s),
    )


async def spans(world: MoneyWorld) -> list[MachineSpan]:
    return sorted((span for _, span in await world.book.spans_after(0, from_ms=0)), key=lambda span: span.from_ms)


async def machine_cost(world: MoneyWorld) -> int:
    return (await world.money.totals.month(AWS)).machines


@pytest.mark.requirement("6.1.1")
async def test_a_whole_life_is_metered_to_the_millisecond() -> None:
    world = MoneyWorld()
    await world.submit()
    record = await world.ready(2.5)
    await world.answer(0.25)
    await world.ticks(100)
    running = a_span(record.id, 0, 2.5, None)
    assert await spans(world) == [running]
    assert await machine_cost(world) == RATE * 102_750 // 3_600_000 + ONCE
    world.host.machines[0].exists = False
    await world.tick()
    assert await spans(world) == [a_span(record.id, 0, 2.5, 102.75)]
    await world.ticks(500)
    assert await machine_cost(world) == RATE * 102_750 // 3_600_000 + ONCE
    assert (await world.book.state()).reserved == {}


async def test_a_machine_that_dies_at_once_costs_a_minute_and_its_start() -> None:
    world = MoneyWorld()
    await world.submit()
    await world.tick()
    world.host.machines[0].exists = False
    world.clock.advance(1.5)
    await world.tick()
    (span,) = await spans(world)
    assert (span.from_ms, span.to_ms, span.ready_ms) == (T0, T0 + 1500, None)
    assert await machine_cost(world) == RATE // 60 + ONCE


async def test_a_machine_that_a_person_started_and_that_died_before_any_tick_is_metered() -> None:
    world = MoneyWorld()
    await world.machines.create_intent(a_machine("m1", created_at=world.clock.now()))
    await world.machines.commit_launch("m1", handle="gone already")
    world.clock.advance(4.0)
    await world.tick()
    assert await spans(world) == [a_span("m1", 0, None, 4)]


async def test_a_start_that_fails_before_a_handle_costs_nothing_and_frees_what_it_set_aside() -> None:
    host = FakeMachineHost(refusals=[MachineError("no", code="no_capacity")])
    world = MoneyWorld(host=host)
    await world.submit()
    await world.tick()
    assert await spans(world) == []
    assert (await world.book.state()).reserved == {}
    world.clock.advance(200)
    await world.tick()
    (span,) = await spans(world)
    assert list((await world.book.state()).reserved) == [span.machine_id]


async def test_the_server_is_gone_for_hours_and_the_machine_ended_meanwhile() -> None:
    world = MoneyWorld()
    await world.submit()
    record = await world.ready(3)
    await world.answer(1)
    await world.ticks(16)  # the last heartbeat comes 20 s after the start
    world.host.machines[0].exists = False
    world.clock.advance(5 * 3600)
    world.plane = world.another_plane()
    assert await machine_cost(world) == RATE // 60 + ONCE
    await world.tick()
    assert await spans(world) == [a_span(record.id, 0, 3, 22)]


async def test_the_server_is_gone_for_hours_and_the_machine_ran_on() -> None:
    world = MoneyWorld()
    await world.submit()
    record = await world.ready(3)
    await world.answer(1)
    world.clock.advance(3600)
    await world.beat()
    world.plane = world.another_plane()
    await world.ticks(10)
    assert await spans(world) == [a_span(record.id, 0, 3, None)]
    assert await machine_cost(world) == RATE * 3_614_000 // 3_600_000 + ONCE


async def test_the_server_is_gone_right_after_the_launch_and_there_was_no_sign_of_life() -> None:
    world = MoneyWorld()
    await world.submit()
    await world.tick()
    world.host.machines[0].exists = False
    world.clock.advance(7200)
    world.plane = world.another_plane()
    await world.tick()
    (span,) = await spans(world)
    assert span.to_ms == T0 + int(world.policy.launch_limit_seconds * 1000)


async def test_a_silent_machine_that_is_watched_is_paid_for_until_it_is_gone() -> None:
    world = MoneyWorld(host=FakeMachineHost(obedience=Obedience.DEAF))
    await world.submit()
    record = await world.ready(3)
    await world.answer(1)
    for _ in range(80):  # no heartbeat any more; force ends it after a minute
        world.clock.advance(1)
        await world.tick()
    ended = await world.record(world.host.machines[0])
    assert ended.ended_at is not None
    assert ended.ended_at >= START + 60
    assert await spans(world) == [a_span(record.id, 0, 3, ended.ended_at - START)]


async def test_a_restart_while_a_machine_runs_changes_nothing() -> None:
    world = MoneyWorld()
    await world.submit()
    record = await world.ready(3)
    for _ in range(5):
        world.plane = world.another_plane()
        await world.ticks(3)
    assert await spans(world) == [a_span(record.id, 0, 3, None)]


async def test_a_router_that_looks_late_does_not_close_the_run_of_a_machine_that_another_one_launched() -> None:
    """It has read that there is no machine; meanwhile another control plane launches one."""
    world = MoneyWorld()
    late = world.another_plane()
    await world.submit()
    await world.tick()
    meter = late.router.meter
    assert meter is not None
    await meter.observe(None)
    (span,) = await spans(world)
    assert span.to_ms is None
    assert list((await world.book.state()).reserved) == [span.machine_id]


async def test_what_is_set_aside_for_a_start_under_way_is_left_alone_for_a_while() -> None:
    world = MoneyWorld()
    await world.book.reserve("m9", micros=5, headroom_micros=None)
    await world.tick()
    assert (await world.book.state()).reserved == {"m9": 5}
    world.clock.advance(UNCLAIMED_SECONDS)
    await world.tick()
    assert (await world.book.state()).reserved == {}


async def test_a_control_plane_that_will_be_forgotten_looks_again_until_that_is_done() -> None:
    """On AWS each call may come to a new process, which has seen the reservation for no time at all."""
    world = MoneyWorld()
    await world.book.reserve("m9", micros=5, headroom_micros=None)
    plane = world.another_plane()
    assert await plane.router.tick() is Pace.WORK
    world.clock.advance(UNCLAIMED_SECONDS)
    assert await plane.router.tick() is Pace.REST
    assert (await world.book.state()).reserved == {}


async def test_a_meter_that_begins_anew_asks_once_for_all_that_it_knows_already() -> None:
    world = MoneyWorld()
    for number in range(5):
        handle, at = f"h{number}", world.clock.now()
        world.host.lifetimes[handle] = Lifetime(began_at=at, ended_at=at + 60.0, instance_type=AWS.instance_type)
        await world.machines.create_intent(a_machine(f"m{number}", created_at=at))
        await world.machines.commit_launch(f"m{number}", handle=handle)
        await world.machines.mark_ended(f"m{number}", state=MachineState.BROKEN, reason="", now=at + 61.0)
        world.clock.advance(100.0)
        await world.tick()
    before = await spans(world)
    assert [span.to_ms for span in before] == [span.from_ms + 60_000 for span in before]
    asked: list[str] = []

    class Counting:
        def __init__(self, part: Any) -> None:
            self._part = part

        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(self._part, name)

    plane = world.another_plane(Counting)
    await plane.router.tick()
    assert (asked.count("spans_after"), asked.count("span"), asked.count("lifetime")) == (2, 0, 0)  # and the sums
    assert await spans(world) == before


async def test_machines_from_before_the_ledger_are_not_billed() -> None:
    world = MoneyWorld()
    await world.machines.create_intent(a_machine("old", created_at=START - 500))
    await world.machines.commit_launch("old", handle="h")
    await world.machines.mark_ended("old", state=MachineState.OFF, reason="", now=START - 400)
    await world.tick()
    assert await spans(world) == []


async def test_a_run_whose_record_is_gone_is_closed_and_never_longer_than_a_machine_may_run() -> None:
    world = MoneyWorld()
    await world.book.open_span(a_span("unknown", 0, None, None))
    world.clock.advance(30 * 86400)
    await world.tick()
    (span,) = await spans(world)
    longest = world.policy.longest_life_seconds
    assert span.to_ms == T0 + int(longest * 1000)


@pytest.mark.requirement("3.6.6", "6.1.3")
async def test_no_span_is_longer_than_a_machine_may_live() -> None:
    """Whatever a wrong clock wrote into its record."""
    world = MoneyWorld()
    world.clock.jump(-400 * 86400.0)
    await world.submit()
    await world.ready()
    world.clock.jump(400 * 86400.0)
    await world.beat()
    longest_ms = int(world.policy.longest_life_seconds * 1000)
    (span,) = await spans(world)
    record = await world.machines.active()
    assert world.plane.router.meter is not None
    assert world.plane.router.meter.last_seen.end_ms(span, record) == span.from_ms + longest_ms
    await world.tick()  # it is older than its maximum run time
    world.host.machines[0].exists = False
    await world.tick()
    (span,) = await spans(world)
    assert span.to_ms == span.from_ms + longest_ms


class DiedError(BaseException):
    """The control plane's process ends here, whatever it was doing."""


class Mortal:
    """Ends the process at a step, before or after it is done."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.left, self.after, self.died = at, after, False

    def wrap(self, part: Any) -> Any:
        life = self

        class Wrapped:
            def __getattr__(self, name: str) -> Any:
                method = getattr(part, name)

                async def step(*args: Any, **kwargs: Any) -> Any:
                    return await life.step(lambda: method(*args, **kwargs))

                return step

        return Wrapped()

    async def step(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self.left -= 1
        if self.left == 0 and not self.after:
            self.died = True
            raise DiedError
        result = await call()
        if self.left == 0:
            self.died = True
            raise DiedError
        return result


async def live(world: MoneyWorld, mortal: Mortal) -> None:
    """Two machines' lives, the second after a failed start, under a control plane that dies once and comes back."""
    world.plane = world.another_plane(mortal.wrap)
    await world.jobs.submit(a_new_job("job_1", wait_seconds=3600), now=world.clock.now(), max_queued=10)
    for second in range(420):
        if second == 200:
            await world.jobs.submit(a_new_job("job_2", wait_seconds=3600), now=world.clock.now(), max_queued=10)
        if second in {60, 330}:
            for machine in world.host.existing:
                machine.exists = False
        record = await world.machines.active()
        old_enough = record is not None and world.clock.now() - record.created_at >= 5
        await world.beat(MachineState.READY if old_enough else MachineState.LOADING)
        if old_enough:
            await world.answer(0)
        try:
            await world.tick()
        except DiedError:
            world.plane = world.another_plane()
        world.clock.advance(1)
    for _ in range(30):
        await world.tick()
        world.clock.advance(1)


def expected(record: MachineRecord) -> tuple[str, int, int | None, int | None]:
    def ms(at: float | None) -> int | None:
        return None if at is None else int(at * 1000)

    return record.id, int(record.created_at * 1000), ms(record.ready_at), ms(record.ended_at)


@pytest.mark.requirement("6.1.3")
@pytest.mark.parametrize("after", [False, True])
async def test_a_control_plane_that_dies_at_any_step_leaves_the_same_ledger(after: bool) -> None:
    at, died = 0, True
    while died:
        at = 1 + int(at * 1.6)  # every step at first, then wider: the story repeats each second
        world = MoneyWorld(host=FakeMachineHost(refusals=[None, MachineError("no", code="no_capacity"), None]))
        await world.limit("20")
        mortal = Mortal(at, after=after)
        await live(world, mortal)
        died = mortal.died
        launched = [r for r in reversed(await world.machines.history(limit=100)) if r.handle is not None]
        found = [(s.machine_id, s.from_ms, s.ready_ms, s.to_ms) for s in await spans(world)]
        assert found == [expected(record) for record in launched], at
        assert len(launched) >= 2
        assert (await world.book.state()).reserved == {}, at
        cost = sum(
            ONCE + max(RATE // 60, RATE * (to - from_) // 3_600_000) for _, from_, _, to in found if to is not None
        )
        assert await machine_cost(world) == cost, at


@pytest.mark.requirement("6.1.1")
async def test_the_hosts_own_record_is_what_counts() -> None:
    world = MoneyWorld()
    await world.submit()
    await world.tick()
    handle = world.host.machines[0].handle
    world.host.lifetimes[handle] = Lifetime(began_at=START + 3.0, ended_at=None, instance_type="g6.xlarge")
    world.clock.advance(100.0)
    world.host.machines[0].exists = False
    world.host.lifetimes[handle] = Lifetime(began_at=START + 3.0, ended_at=START + 90.5, instance_type="g6.xlarge")
    await world.tick()
    (span,) = await spans(world)
    assert (span.from_ms, span.to_ms, span.corrected) == (T0, T0 + 90_500, True)


async def test_a_machine_that_the_meter_sees_late_is_entered_by_the_hosts_record() -> None:
    world = MoneyWorld()
    await world.machines.create_intent(a_machine("m1", created_at=world.clock.now()))
    await world.machines.commit_launch("m1", handle="h1")
    world.host.lifetimes["h1"] = Lifetime(began_at=START + 1.5, ended_at=START + 70.0, instance_type="g5.xlarge")
    world.clock.advance(200.0)
    await world.machines.mark_ended("m1", state=MachineState.OFF, reason="over", now=world.clock.now())
    await world.tick()
    (span,) = await spans(world)
    assert (span.instance_type, span.from_ms, span.to_ms) == ("g5.xlarge", T0 + 1500, T0 + 70_000)


async def test_a_host_that_does_not_tell_leaves_our_own_times() -> None:
    world = MoneyWorld()
    await world.submit()
    record = await world.ready(2.5)
    world.host.silent = True
    await world.machines.mark_ended(record.id, state=MachineState.OFF, reason="over", now=world.clock.now())
    await world.tick()
    span = (await spans(world))[0]
    assert (span.from_ms, span.to_ms, span.corrected) == (T0, T0 + 2500, False)


async def test_a_fallback_type_is_priced_as_itself() -> None:
    tariff = Tariff(instance_type="g4dn.xlarge", fallbacks=("g5.xlarge",))
    world = MoneyWorld(tariff=tariff)
    await world.machines.create_intent(a_machine("m1", created_at=world.clock.now()))
    await world.machines.commit_launch("m1", handle="h1")
    world.host.lifetimes["h1"] = Lifetime(began_at=START, ended_at=START + 3600.0, instance_type="g5.xlarge")
    world.clock.advance(3600.0)
    await world.machines.mark_ended("m1", state=MachineState.OFF, reason="over", now=world.clock.now())
    await world.tick()
    g5 = Tariff(instance_type="g5.xlarge")
    assert (await world.money.totals.month(tariff)).machines == g5.hourly(BUILT_IN_PRICES, at_ms=T0) + g5.once(
        BUILT_IN_PRICES, at_ms=T0
    )
    dearest = max(Tariff(instance_type=name).hourly(BUILT_IN_PRICES, at_ms=T0) for name in ("g4dn.xlarge", "g5.xlarge"))
    assert tariff.dearest_hourly(BUILT_IN_PRICES, at_ms=T0) == dearest


async def test_what_builds_an_image_is_left_to_its_builder_and_priced_by_its_own_type() -> None:
    world = MoneyWorld()
    await world.book.reserve("image-v1-candidate", micros=500, headroom_micros=None)
    await world.book.open_span(replace(a_span("image-v1-builder", 0, None, None), instance_type="g5.xlarge"))
    world.clock.advance(3600.0)
    for _ in range(3):
        await world.tick()
    assert (await world.book.state()).reserved == {"image-v1-candidate": 500}
    assert [span.to_ms for span in await spans(world)] == [None]
    g5 = Tariff(instance_type="g5.xlarge")
    hour = g5.hourly(BUILT_IN_PRICES, at_ms=T0) + g5.once(BUILT_IN_PRICES, at_ms=T0)
    assert await machine_cost(world) == hour
