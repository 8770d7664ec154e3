"""The wall clock jumps, or the computer sleeps, while the real router, worker and machine are at work: nothing is lost,
doubled or stuck, and everything that is measured is what it would have been without."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import MODEL, a_new_job
from tests.fakes.clock import START, FakeClock, FakeIds, a_home_clock
from tests.fakes.engine import WORDS, FakeEngine, FakeEngineProcess
from tests.fakes.machine_host import FakeMachine, FakeMachineHost, Obedience
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.memory_price_store import MemoryPriceStore
from tests.fakes.model_store import FakeModelStore
from tests.money_world import AWS, no_refresh
from tlfif.adapters.local.steady_clock import SteadyClock
from tlfif.bootstrap.money import build_money
from tlfif.control.describe_machine import MachineStatus, describe_machine
from tlfif.control.reconcile import Reconciler
from tlfif.jobs.engine import Engine, EngineAddress
from tlfif.jobs.events import Event, answer_text
from tlfif.jobs.jobs import Job, JobStatus
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.run_job import Provenance
from tlfif.kernel.errors import NotFoundError
from tlfif.machines.list_machines import list_machines
from tlfif.machines.policy import MachinePolicy
from tlfif.money.budget.budget import BudgetState
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.pricing import Pricing
from tlfif.worker.machine_life import MachineLife
from tlfif.worker.worker import Worker

POLICY = MachinePolicy(idle_timeout_seconds=90.0)
"""Each idle second is a tick to work off, and a minute is paid for in any case."""
JOBS = JobPolicy(heartbeat_seconds=0.01)
"""The worker waits in the loop's own time, so it does not wait; everything else does in the fake clock's."""
STEP = 1.0


class World:
    """Everything but the processes is real."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.home = a_home_clock(self.clock)
        self.jobs = MemoryJobStore(FakeIds())
        self.machines = MemoryMachineStore(default_idle_timeout=POLICY.idle_timeout_seconds)
        self.process = FakeEngineProcess()
        self.engine = FakeEngine()
        self.lives: list[tuple[FakeMachine, MachineLife, asyncio.Task[str]]] = []
        self.host = FakeMachineHost(obedience=Obedience.DEAF, on_launch=self._launched)
        self.ledger = MemoryLedger(since_ms=int(self.home.now() * 1000))
        self.money, meter = build_money(
            jobs=self.jobs,
            machines=self.machines,
            ledger=self.ledger,
            pricing=Pricing(MemoryPriceStore()),
            clock=self.home,
            image="embedded-1",
            job_policy=JOBS,
            machine_policy=POLICY,
            tariff=None,
            simulated=AWS,
            refresh=no_refresh,
        )
        self.router = Reconciler(
            jobs=self.jobs,
            machines=self.machines,
            models=FakeModelStore(),
            host=self.host,
            clock=self.home,
            meter=meter,
            budget=self.money.budget,
            ids=FakeIds(),
            job_policy=JOBS,
            machine_policy=POLICY,
            image="embedded-1",
        )

    def _launched(self, outside: FakeMachine) -> None:
        clock = SteadyClock(self.clock, offset=self.home.offset)  # a process of its own
        worker = Worker(
            jobs=self.jobs,
            clock=clock,
            provenance=Provenance(machine_id=outside.machine_id, image="embedded-1", model=MODEL, model_sha256=None),
            policy=JOBS,
            slots=2,
        )

        async def connect(address: EngineAddress) -> Engine:
            return self.engine

        life = MachineLife(
            machine_id=outside.machine_id,
            boot_id=f"boot of {outside.machine_id}",
            model=MODEL,
            pid=1,
            machines=self.machines,
            worker=worker,
            process=self.process,
            connect=connect,
            policy=POLICY,
            clock=clock,
            idle_timeout_seconds=POLICY.idle_timeout_seconds,
        )
        self.lives.append((outside, life, asyncio.create_task(life.run())))

    async def settle(self) -> None:
        for _ in range(25):
            await asyncio.sleep(0)

    async def tick(self) -> None:
        """A second of everybody's time, and what the world does to machines that were asked to end."""
        await self.router.tick()
        await self.settle()
        for outside, life, task in self.lives:
            if outside.asked and not task.done():
                life.end("asked to end", drain_seconds=0)
            if not outside.exists and not task.done():
                task.cancel()  # by force
            if task.done():
                outside.exists = False
        assert len(self.host.existing) <= 1
        self.clock.advance(STEP)
        await self.settle()

    async def ticks_until(self, condition, limit: int = 4000) -> None:
        for _ in range(limit):
            if await condition():
                return
            await self.tick()
        raise AssertionError("stuck")

    async def submit(self, job_id: str) -> None:
        with self.home.held() as now:
            job = a_new_job(job_id, now=now, wait_seconds=JOBS.wait_limit_seconds)
            await self.jobs.submit(job, now=now, max_queued=99)

    async def reach(self, moment: str) -> None:
        """Have two jobs at ``moment``."""
        if moment == "starting":
            self.process.may_start.clear()
        elif moment == "streaming":
            self.engine.hold_after = 2
        elif moment == "finishing":
            self.engine.hold_after = len(WORDS)
        for job_id in ("job_1", "job_2"):
            await self.submit(job_id)
        if moment == "starting":
            await self.ticks_until(self._starting)
        elif moment != "queued":
            await self.ticks_until(self._streaming)

    async def _starting(self) -> bool:
        return self.process.starts == 1

    async def _streaming(self) -> bool:
        return self.engine.streams == 2

    def let_go(self) -> None:
        """Nothing is held any more."""
        self.engine.hold_after = None
        self.engine.go_on.set()
        self.process.may_start.set()

    async def job(self, job_id: str) -> Job:
        return await self.jobs.get(job_id)

    async def events(self, job_id: str) -> list[Event]:
        return await self.jobs.events(job_id, after=0, limit=10_000)

    async def all_ended(self) -> bool:
        return all([(await self.job(job_id)).status.is_terminal for job_id in ("job_1", "job_2")])

    async def check_countdown(self, state: str) -> None:
        """What the window counts down: of an idle machine, nearly all of its time-out."""
        status: MachineStatus = await describe_machine(
            jobs=self.jobs,
            machines=self.machines,
            models=self.router.models,
            policy=POLICY,
            image="embedded-1",
            clock=self.home,
        )
        if state == "idle":
            assert status.idle_seconds_left is not None
            assert POLICY.idle_timeout_seconds - 30.0 < status.idle_seconds_left <= POLICY.idle_timeout_seconds

    async def all_off(self) -> bool:
        return await self.machines.active() is None and not self.host.existing


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    world = World()
    try:
        yield world
    finally:
        for _, _, task in world.lives:
            task.cancel()
        if world.lives:
            await asyncio.wait([task for _, _, task in world.lives], timeout=5)
    assert all(task.done() for _, _, task in world.lives)


STATES = ["queued", "starting", "streaming", "finishing", "idle", "drained"]
CHANGES = {
    "50 min": ("jump", 3000.0),
    "3 h": ("jump", 3 * 3600.0),
    "1 day": ("jump", 86400.0),
    "400 days": ("jump", 400 * 86400.0),
    "-10 min": ("jump", -600.0),
    "-400 days": ("jump", -400 * 86400.0),
    "sleep": ("doze", 3 * 3600.0),
}
SLACK = 4.0
"""Ticks more or less: texts are written in the loop's own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What was measured from the first prompt until all is off: seconds, and micro-dollars of the month."""

    jobs: Sequence[tuple[JobStatus, int, str]]
    queued: Sequence[float]
    reasons: Sequence[str]
    boots: Sequence[float]
    runs: Sequence[float]
    spans: Sequence[float]
    shares: Sequence[int]


async def account_of(world: World) -> Account:
    jobs = [await world.job(job_id) for job_id in ("job_1", "job_2")]
    past = await list_machines(limit=9, machines=world.machines, clock=world.home)
    spans = [span for _, span in await world.ledger.spans_after(0, from_ms=0)]
    shares = [
        (await world.money.answers.of_job(job, AWS, idle_timeout_seconds=POLICY.idle_timeout_seconds)) for job in jobs
    ]
    return Account(
        jobs=[(job.status, job.attempt, answer_text(await world.events(job.id))) for job in jobs],
        queued=[job.receipt.queue_seconds or 0.0 for job in jobs if job.receipt],
        reasons=[one.end_reason for one in past],
        boots=[one.boot_seconds or 0.0 for one in past],
        runs=[one.run_seconds or 0.0 for one in past],
        spans=[((span.to_ms or 0) - span.from_ms) / 1000 for span in spans],
        shares=[share.total if share else -1 for share in shares],
    )


def is_same(one: Account, other: Account) -> bool:
    """But for the slack."""
    cents = AWS.hourly(BUILT_IN_PRICES, at_ms=int(START * 1000)) * SLACK / 3600
    return (
        (one.jobs, one.reasons) == (other.jobs, other.reasons)
        and one.queued == pytest.approx(other.queued, abs=SLACK)
        and one.boots == pytest.approx(other.boots, abs=SLACK)
        and one.runs == pytest.approx(other.runs, abs=SLACK)
        and one.spans == pytest.approx(other.spans, abs=SLACK)
        and one.shares == pytest.approx(other.shares, abs=cents)
    )


async def lived(state: str, changes: Sequence[tuple[str, float]]) -> Account:
    """Two prompts from the first tick until all is off and at rest, with ``changes`` of the clock in ``state``, one a
    tick."""
    async with a_world() as world:
        await world.money.budget.set_limit("9", simulated_aws=True)
        await world.reach(state if state in STATES[:4] else "streaming")
        if state in STATES[4:]:
            world.let_go()
            await world.ticks_until(world.all_ended)
            await world.tick()
        if state == "drained":
            active = await world.machines.active()
            assert active is not None
            await world.machines.request_drain(active.id, reason="asked to")
        for kind, seconds in changes:
            getattr(world.clock, kind)(seconds)
            await world.tick()
            await world.check_countdown(state)
        world.let_go()
        await world.ticks_until(world.all_ended)
        await world.ticks_until(world.all_off)
        found = await account_of(world)
        for _ in range(3):
            await world.tick()
        assert abs(world.home.now() - world.clock.now()) < 1.0, "at rest it follows the wall clock"
        assert (await world.money.budget.status()).headroom.state is not BudgetState.LOCKED
        month = await world.money.totals.month(AWS)
        assert month.machines <= 0.2e6, "a month never gets more than the machine lived"
        return found


_undisturbed: dict[tuple[str, int], Account] = {}


async def undisturbed(state: str, ticks: int) -> Account:
    """The same without changes, which takes as many ticks."""
    if (state, ticks) not in _undisturbed:
        _undisturbed[state, ticks] = await lived(state, [("jump", 0.0)] * ticks)
    return _undisturbed[state, ticks]


@pytest.mark.requirement("5.6.5")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("state", STATES)
async def test_a_jump_or_a_sleep_changes_nothing_that_is_measured(state: str, change: str) -> None:
    plain, disturbed = await undisturbed(state, 1), await lived(state, [CHANGES[change]])
    assert plain.jobs[0][:2] == (JobStatus.SUCCEEDED, 1)
    assert is_same(disturbed, plain), f"{disturbed}\n{plain}"


@settings(max_examples=15, deadline=None)
@given(state=st.sampled_from(STATES), names=st.lists(st.sampled_from(sorted(CHANGES)), max_size=8))
def test_any_number_of_them(state: str, names: list[str]) -> None:
    changes = [CHANGES[name] for name in names]
    plain, disturbed = asyncio.run(undisturbed(state, len(changes))), asyncio.run(lived(state, changes))
    assert is_same(disturbed, plain), f"{disturbed}\n{plain}"


async def test_a_machine_begun_by_a_clock_that_was_400_days_slow() -> None:
    """Once $481.00 in the month, and a practice that was locked."""
    async with a_world() as world:
        world.clock.jump(-400 * 86400.0)
        await world.tick()
        await world.money.budget.set_limit("9", simulated_aws=True)
        await world.reach("streaming")
        world.clock.jump(400 * 86400.0)
        await world.tick()
        world.let_go()
        await world.ticks_until(world.all_off)
        await world.tick()
        await world.tick()
        status = await world.money.budget.status()
        assert status.headroom.state is not BudgetState.LOCKED
        assert [span < 400.0 for span in (await account_of(world)).spans] == [True]


async def test_an_idle_machines_sleep_is_not_idle_time() -> None:
    """Once "ran 3 h, idle for 180.1 minutes", $2.10."""
    found = await lived("idle", [("doze", 3 * 3600.0)])
    assert found.reasons == ["idle for 1.5 minutes"]
    assert found.runs == [pytest.approx(90.0, abs=20.0)]
    assert found.spans == [pytest.approx(90.0, abs=25.0)]


async def test_a_laptop_that_is_closed_in_the_middle_of_an_answer_twice() -> None:
    found = await lived("streaming", [("doze", 8 * 3600.0), ("doze", 3600.0)])
    assert [(status, attempt, text) for status, attempt, text in found.jobs] == [
        (JobStatus.SUCCEEDED, 1, "".join(WORDS))
    ] * 2


async def test_a_prompt_still_expires_when_it_has_waited_too_long() -> None:
    async with a_world() as world:
        await world.machines.set_held(True)
        await world.submit("job_1")
        await world.submit("job_2")
        world.clock.doze(86400.0)
        await world.tick()
        assert (await world.job("job_1")).status is JobStatus.QUEUED
        await world.ticks_until(world.all_ended)
        assert (await world.job("job_1")).status is JobStatus.EXPIRED
        assert world.clock.monotonic() == pytest.approx(1000.0 + JOBS.wait_limit_seconds, abs=SLACK)


async def test_people_read_wall_clock_times_before_and_after_a_sleep() -> None:
    async with a_world() as world:
        before = world.clock.now()
        await world.submit("job_1")
        await world.ticks_until(world._starting)
        world.clock.doze(8 * 3600.0)
        after = world.clock.now()
        await world.submit("job_2")
        await world.ticks_until(world.all_ended)
        await world.ticks_until(world.all_off)
        await world.tick()
        shown = [world.home.shown((await world.job(job_id)).created_at) for job_id in ("job_1", "job_2")]
        assert shown == pytest.approx([before, after], abs=0.01)


async def test_a_clock_that_is_wrong_for_a_while_deletes_nothing() -> None:
    async with a_world() as world:
        await world.reach("streaming")
        world.let_go()
        await world.ticks_until(world.all_off)
        for jump in (400 * 86400.0, -400 * 86400.0):
            world.clock.jump(jump)
            await world.tick()
            await world.router.purge_expired()
        assert (await world.job("job_1")).status is JobStatus.SUCCEEDED
        world.clock.doze(JOBS.retention_seconds + 60.0)
        await world.tick()
        await world.router.purge_expired()
        with pytest.raises(NotFoundError):
            await world.job("job_1")
