"""The wall clock jumps while the real router, worker and machine are at work: nothing is lost, doubled or stuck."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.builders import MODEL, a_new_job
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.engine import WORDS, FakeEngine, FakeEngineProcess
from tests.fakes.machine_host import FakeMachine, FakeMachineHost, Obedience
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.model_store import FakeModelStore
from tlfif.control.reconcile import Reconciler
from tlfif.jobs.engine import Engine, EngineAddress
from tlfif.jobs.events import Event, answer_text
from tlfif.jobs.jobs import Job, JobStatus
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.run_job import Provenance
from tlfif.machines.policy import MachinePolicy
from tlfif.worker.machine_life import MachineLife
from tlfif.worker.worker import Worker

POLICY = MachinePolicy()
JOBS = JobPolicy(heartbeat_seconds=0.0)
"""The worker waits in the loop's own time, so it does not wait; everything else does in the fake clock's."""
STEP = 1.0


class World:
    """Everything but the processes is real."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.jobs = MemoryJobStore(FakeIds())
        self.machines = MemoryMachineStore(default_idle_timeout=POLICY.idle_timeout_seconds)
        self.process = FakeEngineProcess()
        self.engine = FakeEngine()
        self.lives: list[tuple[FakeMachine, MachineLife, asyncio.Task[str]]] = []
        self.host = FakeMachineHost(obedience=Obedience.DEAF, on_launch=self._launched)
        self.router = Reconciler(
            jobs=self.jobs,
            machines=self.machines,
            models=FakeModelStore(),
            host=self.host,
            clock=self.clock,
            ids=FakeIds(),
            job_policy=JOBS,
            machine_policy=POLICY,
            image="embedded-1",
        )

    def _launched(self, outside: FakeMachine) -> None:
        worker = Worker(
            jobs=self.jobs,
            clock=self.clock,
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
            clock=self.clock,
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
        now = self.clock.now()
        await self.jobs.submit(a_new_job(job_id, now=now, wait_seconds=JOBS.wait_limit_seconds), now=now, max_queued=99)

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


@pytest.mark.parametrize("moment", ["queued", "starting", "streaming", "finishing"])
@pytest.mark.parametrize("jump", [3000.0, 3601.0, 86400.0, -600.0], ids=["50 min", "1 h", "1 day", "-10 min"])
async def test_a_jump(moment: str, jump: float) -> None:
    async with a_world() as world:
        await world.reach(moment)
        world.clock.jump(jump)
        for _ in range(3):
            await world.tick()
        world.let_go()
        await world.ticks_until(world.all_ended)
        for job_id in ("job_1", "job_2"):
            job, events = await world.job(job_id), await world.events(job_id)
            assert [event.kind.is_terminal for event in events].count(True) == 1
            assert events[-1].kind.is_terminal
            if moment in {"queued", "starting"} and jump > JOBS.wait_limit_seconds:
                assert job.status is JobStatus.EXPIRED, "it waited longer than it may, by the clock on the wall"
            else:
                assert job.status is JobStatus.SUCCEEDED
                assert answer_text(events) == "".join(WORDS)
        await world.ticks_until(world.all_off)


async def test_many_small_jumps_while_it_answers() -> None:
    async with a_world() as world:
        await world.reach("streaming")
        for jump in (20.0, -25.0, 20.0, -15.0) * 5:
            world.clock.jump(jump)
            await world.tick()
        world.let_go()
        await world.ticks_until(world.all_ended)
        for job_id in ("job_1", "job_2"):
            job = await world.job(job_id)
            assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 1), "the lease outlasts what NTP does"


async def test_a_computer_that_sleeps_an_hour_each_time() -> None:
    """Like a laptop that is closed in the middle of an answer, twice: the third attempt is left undisturbed."""
    async with a_world() as world:
        await world.reach("streaming")
        for _ in range(2):
            world.clock.jump(3600.0)
            await world.tick()
            await world.ticks_until(world._streaming)
        world.let_go()
        await world.ticks_until(world.all_ended)
        for job_id in ("job_1", "job_2"):
            job, events = await world.job(job_id), await world.events(job_id)
            assert job.status is JobStatus.SUCCEEDED
            assert job.attempt <= 3
            assert answer_text(events) == "".join(WORDS)
