"""A machine from the inside: it loads, proves itself, serves, and ends by itself for every reason there is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.builders import MODEL, T0, a_machine, submit
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.engine import FakeEngine, FakeEngineProcess
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_machine_store import MemoryMachineStore
from tlfif.jobs.engine import Chunk, Engine, EngineAddress
from tlfif.jobs.events import EventKind
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.request import GenerationRequest
from tlfif.jobs.run_job import Provenance
from tlfif.kernel.errors import (
    EngineError,
    EngineGoneError,
    EngineRejectedError,
    EngineStuckError,
    ModelUnusableError,
    StorageError,
)
from tlfif.machines.machine import MachineRecord, MachineState, Phase
from tlfif.machines.policy import MachinePolicy
from tlfif.worker.machine_life import MachineLife
from tlfif.worker.worker import Worker

POLICY = MachinePolicy(control_gone_drain_seconds=0.3, drain_limit_seconds=0.5)
"""Drains end by the loop's own time, so they are short here."""


class FailingMachines(MemoryMachineStore):
    """Takes no heartbeat while :attr:`failing`."""

    failing = False

    async def heartbeat(self, beat, *, now):
        if self.failing:
            raise StorageError("The disk is full.")
        return await super().heartbeat(beat, now=now)


@dataclass(kw_only=True)
class Machine:
    """A machine with the outside world played by the test."""

    jobs: MemoryJobStore = field(default_factory=lambda: MemoryJobStore(FakeIds()))
    machines: FailingMachines = field(default_factory=lambda: FailingMachines(default_idle_timeout=300.0))
    clock: FakeClock = field(default_factory=FakeClock)
    process: FakeEngineProcess = field(default_factory=FakeEngineProcess)
    engine: FakeEngine = field(default_factory=FakeEngine)
    policy: MachinePolicy = POLICY
    seen: list[tuple[MachineState, Phase | None]] = field(default_factory=list)
    control_alive: bool = True

    def __post_init__(self) -> None:
        self.worker = Worker(
            jobs=self.jobs,
            clock=self.clock,
            provenance=Provenance(machine_id="machine_1", image="embedded-1", model=MODEL, model_sha256=None),
            policy=JobPolicy(heartbeat_seconds=0.02),
            slots=4,
            why_ended=self.process.why_ended,
        )
        self.life = MachineLife(
            machine_id="machine_1",
            boot_id="boot_1",
            model=MODEL,
            pid=3999,
            machines=self.machines,
            worker=self.worker,
            process=self.process,
            connect=self._connect,
            policy=self.policy,
            clock=self.clock,
            idle_timeout_seconds=300.0,
        )

    async def _connect(self, address: EngineAddress) -> Engine:
        self.engine.dead = False
        if self.process.starts > 1:
            self.engine.fault = None
        return self.engine

    def kill_engine(self) -> None:
        """The process and what it was saying."""
        self.engine.dead = True
        self.engine.go_on.set()
        self.process.die()

    async def record(self) -> MachineRecord:
        found = await self.machines.latest()
        assert found is not None
        return found

    async def pass_time(self, seconds: float, *, step: float = 1.0) -> None:
        """Let time go by, with a control plane that shows life where it has any."""
        passed = 0.0
        while passed < seconds:
            if self.control_alive:
                await self.machines.control_alive(now=self.clock.now())
            self.clock.advance(step)
            passed += step
            await self.settle()

    async def settle(self) -> None:
        for _ in range(40):
            await asyncio.sleep(0)
            state = ((await self.record()).state, (await self.record()).phase)
            if not self.seen or self.seen[-1] != state:
                self.seen.append(state)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.settle()


@asynccontextmanager
async def living(machine: Machine) -> AsyncIterator["asyncio.Task[str]"]:
    await machine.machines.create_intent(a_machine())
    await machine.machines.commit_launch("machine_1", handle="1:2")
    running = asyncio.create_task(machine.life.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=5)
    assert running.done(), "it ends when told"
    assert not machine.process.running, "no engine is left"


async def ended(running: "asyncio.Task[str]") -> str:
    """The reason, once it has ended by itself."""
    async with asyncio.timeout(5):
        return await running


@pytest.mark.requirement("5.3.2")
async def test_it_loads_proves_and_is_ready() -> None:
    machine = Machine()
    async with living(machine):
        await machine.pass_time(3)
        assert machine.seen[0] == (MachineState.LAUNCHING, Phase.LAUNCH)
        assert machine.seen[-1] == (MachineState.READY, None)
        record = await machine.record()
        assert (record.worker_pid, record.engine_pid) == (3999, 4001)
        assert record.ready_at is not None
        assert record.idle_since is not None
        timings = await machine.machines.phase_timings(model=MODEL, image="embedded-1", limit=9)
        assert {t.phase for t in timings} == set(Phase)


@pytest.mark.requirement("5.3.2")
async def test_nothing_is_claimed_before_it_is_ready() -> None:
    machine = Machine()
    machine.process.may_start.clear()
    async with living(machine):
        await submit(machine.jobs)
        await machine.pass_time(5)
        assert (await machine.jobs.get("job_1")).status is JobStatus.QUEUED
        assert (await machine.record()).state is MachineState.LOADING
        machine.process.may_start.set()
        await machine.until(lambda: len(machine.engine.requests) == 1)


async def test_an_engine_that_does_not_start_breaks_the_machine() -> None:
    machine = Machine(process=FakeEngineProcess(faults=[EngineGoneError("The engine ended before it was ready.")]))
    async with living(machine) as running:
        assert await ended(running) == "The engine ended before it was ready."
        record = await machine.record()
        assert (record.state, record.reason) == (MachineState.BROKEN, "The engine ended before it was ready.")
        assert record.ready_at is None


@pytest.mark.requirement("5.6.6")
async def test_a_model_that_cannot_be_loaded_fails_what_waits_for_it_once() -> None:
    """Nothing is left to be started for, and the next prompt finds no failed start counted."""
    fault = ModelUnusableError("The model file /m.gguf cannot be used: unknown model architecture: 'x'.")
    machine = Machine(process=FakeEngineProcess(faults=[fault]))
    await submit(machine.jobs)
    await submit(machine.jobs, "job_other", model="other")
    async with living(machine) as running:
        assert await ended(running) == fault.message
        record = await machine.record()
        assert (record.state, record.reason, record.code) == (MachineState.BROKEN, fault.message, "model_unusable")
        job = await machine.jobs.get("job_1")
        assert (job.status, job.error_code, job.error_message) == (JobStatus.FAILED, "model_unusable", fault.message)
        assert (await machine.jobs.get("job_other")).status is JobStatus.QUEUED
        assert machine.process.starts == 1
        await machine.machines.mark_ended(record.id, state=MachineState.BROKEN, reason="", now=machine.clock.now())
        assert await machine.machines.failed_starts() == 0


@pytest.mark.parametrize(
    "fault",
    [
        EngineRejectedError("The engine refused the request: no such role."),
        EngineStuckError("The engine did not take the prompt in within 60 s."),
    ],
)
async def test_a_model_that_is_loaded_but_cannot_answer_is_as_unusable(fault: EngineError) -> None:
    machine = Machine()

    class Deaf(FakeEngine):
        async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
            raise fault
            yield

    async def connect(address: EngineAddress) -> Engine:
        return Deaf()

    machine.life.connect = connect
    await submit(machine.jobs)
    async with living(machine) as running:
        assert fault.message in await ended(running)
        job = await machine.jobs.get("job_1")
        assert (job.status, job.error_code, job.attempt) == (JobStatus.FAILED, "model_unusable", 0)


async def test_a_prompt_that_hangs_the_engine_fails_and_the_engine_is_replaced() -> None:
    machine = Machine(
        engine=FakeEngine(fault=EngineStuckError("The engine did not take the prompt in."), fault_after=0)
    )
    async with living(machine):
        await machine.pass_time(2)
        await submit(machine.jobs)
        await machine.until(lambda: machine.process.starts == 2)
        job = await machine.jobs.get("job_1")
        assert (job.status, job.error_code, job.attempt) == (JobStatus.FAILED, "engine_stuck", 1)
        await machine.pass_time(2)
        await submit(machine.jobs, "job_2", now=machine.clock.now())
        await machine.until(lambda: machine.worker.answered == 1)


async def test_a_proof_that_fails_breaks_the_machine() -> None:
    machine = Machine()

    async def connect(address: EngineAddress) -> Engine:
        machine.engine.dead = True
        return machine.engine

    machine.life.connect = connect
    async with living(machine) as running:
        await ended(running)
        assert (await machine.record()).state is MachineState.BROKEN


async def test_not_ready_within_its_limit_it_ends_itself() -> None:
    machine = Machine()
    machine.process.may_start.clear()
    async with living(machine) as running:
        await machine.pass_time(POLICY.launch_limit_seconds - 5, step=5)
        assert not running.done()
        await machine.pass_time(15, step=5)
        assert await ended(running) == "not ready within 180 s"
        assert (await machine.record()).state is MachineState.BROKEN


async def test_an_engine_that_dies_is_brought_back() -> None:
    machine = Machine()
    async with living(machine) as running:
        await machine.pass_time(2)
        machine.seen.clear()
        machine.kill_engine()
        await machine.pass_time(4)
        assert machine.process.starts == 2
        assert machine.seen[-1] == (MachineState.READY, None)
        assert (await machine.record()).engine_pid == 4002
        assert not running.done()


@pytest.mark.requirement("5.6.6")
async def test_an_engine_that_keeps_dying_breaks_the_machine() -> None:
    machine = Machine()
    async with living(machine) as running:
        for _ in range(3):
            await machine.pass_time(2)
            machine.kill_engine()
        assert await ended(running) == "the engine died (3 times in a row)"
        assert machine.process.starts == 3


async def test_why_the_system_killed_the_engine_reaches_machine_and_prompt() -> None:
    machine = Machine(engine=FakeEngine(hold_after=2))
    machine.process.why = "The system ended the engine, because memory ran out. Close other programs."
    async with living(machine) as running:
        await machine.pass_time(2)
        await submit(machine.jobs, now=machine.clock.now())
        await machine.until(lambda: machine.engine.streams == 1)
        machine.kill_engine()
        await machine.until(lambda: machine.worker.answered == 1)
        events = await machine.jobs.events("job_1", after=0, limit=99)
        assert [e.data["reason"] for e in events if e.kind is EventKind.RESTARTED] == [machine.process.why]
        for _ in range(3):
            await machine.pass_time(2)
            machine.kill_engine()
        assert (await ended(running)).startswith(f"{machine.process.why} (")
        assert (await machine.record()).reason == machine.life.reason


async def test_an_answer_in_between_forgives_a_death() -> None:
    machine = Machine()
    async with living(machine) as running:
        for n in range(5):
            await machine.pass_time(2)
            await submit(machine.jobs, f"job_{n}", now=machine.clock.now())
            await machine.until(lambda n=n: machine.worker.answered == n + 1)
            await machine.until(lambda: machine.worker.active == 0)
            machine.kill_engine()
        await machine.pass_time(2)
        assert not running.done()


async def test_a_job_that_finds_the_engine_hung_has_it_replaced() -> None:
    """The process lives, but what it says is no answer."""
    fault: EngineError = EngineGoneError("The engine's answer broke off.")
    machine = Machine(engine=FakeEngine(fault=fault, fault_after=2))
    async with living(machine):
        await machine.pass_time(2)
        await submit(machine.jobs)
        await machine.until(lambda: machine.worker.answered == 1)
        assert machine.process.starts == 2
        job = await machine.jobs.get("job_1")
        assert job.attempt == 2


@pytest.mark.requirement("3.6.1")
async def test_idle_it_ends_itself() -> None:
    machine = Machine()
    async with living(machine) as running:
        await machine.pass_time(295)
        assert not running.done()
        await machine.pass_time(10)
        assert await ended(running) == "idle for 5 minutes"
        record = await machine.record()
        assert (record.state, record.reason) == (MachineState.STOPPING, "idle for 5 minutes")


@pytest.mark.requirement("5.6.5")
async def test_the_idle_clock_stands_still_while_it_answers_and_starts_anew_after() -> None:
    machine = Machine(engine=FakeEngine(hold_after=1))
    async with living(machine) as running:
        await machine.pass_time(200, step=2)
        await submit(machine.jobs, now=machine.clock.now())
        await machine.until(lambda: machine.engine.streams == 1)
        await machine.pass_time(900, step=2)
        assert (await machine.record()).idle_since is None
        machine.engine.go_on.set()
        await machine.until(lambda: machine.worker.active == 0)
        await machine.pass_time(290, step=2)
        assert not running.done()
        await machine.pass_time(20, step=2)
        assert (await ended(running)).startswith("idle")


@pytest.mark.requirement("5.6.5")
async def test_a_new_time_out_is_obeyed_by_a_running_machine() -> None:
    machine = Machine()
    async with living(machine) as running:
        await machine.pass_time(60)
        await machine.machines.set_idle_timeout(30.0)
        await machine.pass_time(5)
        assert await ended(running) == "idle for 0.5 minutes"


@pytest.mark.parametrize("jump", [86400.0, -86400.0])
async def test_the_wall_clock_decides_nothing(jump: float) -> None:
    machine = Machine()
    async with living(machine) as running:
        await machine.pass_time(10)
        machine.clock.jump(jump)
        await machine.pass_time(200)
        assert not running.done()
        left = (await machine.record()).idle_since
        assert left is not None
        assert machine.clock.now() - left == pytest.approx(210, abs=10)


async def test_without_a_control_plane_it_ends_itself() -> None:
    machine = Machine(engine=FakeEngine(hold_after=1))
    async with living(machine) as running:
        await machine.pass_time(4)
        await submit(machine.jobs, now=machine.clock.now())
        await machine.until(lambda: machine.engine.streams == 1)
        machine.control_alive = False
        await machine.pass_time(POLICY.control_gone_seconds - 2)
        assert not running.done()
        assert machine.life.reason == ""
        await machine.pass_time(6)
        assert await ended(running) == "the server is gone"
        job = await machine.jobs.get("job_1")
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 0), "given back, not counted"


async def test_a_control_plane_that_never_was() -> None:
    machine = Machine(control_alive=False)
    async with living(machine) as running:
        await machine.pass_time(POLICY.control_gone_seconds + 5)
        assert await ended(running) == "the server is gone"


async def test_a_store_that_fails_is_no_reason_to_end_until_the_silence_limit() -> None:
    machine = Machine()
    async with living(machine) as running:
        await machine.pass_time(4)
        machine.machines.failing = True
        await machine.pass_time(10)
        assert not running.done()
        machine.machines.failing = False
        await machine.pass_time(30)
        assert not running.done()
        machine.machines.failing = True
        await machine.pass_time(20)
        assert await ended(running) == "the server is gone"


async def test_asked_to_drain_it_finishes_what_runs_and_takes_no_more() -> None:
    machine = Machine(engine=FakeEngine(hold_after=1), policy=MachinePolicy(drain_limit_seconds=60))
    async with living(machine) as running:
        await machine.pass_time(2)
        await submit(machine.jobs, now=machine.clock.now())
        await machine.until(lambda: machine.engine.streams == 1)
        await machine.machines.request_drain("machine_1", reason="another model")
        await machine.pass_time(4)
        assert (await machine.record()).state is MachineState.DRAINING
        await submit(machine.jobs, "job_2", now=machine.clock.now())
        await machine.pass_time(4)
        assert not running.done()
        machine.engine.go_on.set()
        assert await ended(running) == "asked to drain"
        assert (await machine.jobs.get("job_1")).status is JobStatus.SUCCEEDED
        assert (await machine.jobs.get("job_2")).status is JobStatus.QUEUED
        assert (await machine.record()).reason == "another model", "the reason is the one that was given"


async def test_a_drain_has_a_limit() -> None:
    machine = Machine(engine=FakeEngine(hold_after=1))
    async with living(machine) as running:
        await machine.pass_time(2)
        await submit(machine.jobs, now=machine.clock.now())
        await machine.until(lambda: machine.engine.streams == 1)
        machine.life.end("asked to drain", drain_seconds=0.05)
        await ended(running)
        assert (await machine.jobs.get("job_1")).status is JobStatus.QUEUED


async def test_a_second_more_urgent_request_shortens_the_drain() -> None:
    machine = Machine(engine=FakeEngine(hold_after=1))
    async with living(machine) as running:
        await machine.pass_time(2)
        await submit(machine.jobs, now=machine.clock.now())
        await machine.until(lambda: machine.engine.streams == 1)
        machine.life.end("asked to drain", drain_seconds=1000)
        await machine.settle()
        machine.life.end("asked to end", drain_seconds=0)
        assert await ended(running) == "asked to drain", "the first reason stays"


async def test_a_closed_record_ends_it_at_once() -> None:
    machine = Machine(engine=FakeEngine(hold_after=1))
    async with living(machine) as running:
        await machine.pass_time(2)
        await machine.machines.mark_ended("machine_1", state=MachineState.OFF, reason="by mistake", now=T0)
        await machine.pass_time(4)
        assert await ended(running) == "this machine's record is closed"
        assert (await machine.record()).reason == "by mistake"


async def test_another_boot_of_the_same_machine_is_not_this_one() -> None:
    first, second = Machine(), Machine()
    second.machines = second.life.machines = first.machines
    second.life.boot_id = "boot_2"
    async with living(first) as staying:
        await first.pass_time(2)
        running = asyncio.create_task(second.life.run())
        await first.settle()
        assert await ended(running) == "this machine's record is closed"
        await first.pass_time(4)
        assert not staying.done()


async def test_a_part_that_fails_ends_the_machine_instead_of_leaving_it_deaf() -> None:
    machine = Machine()

    async def broken_loop() -> None:
        raise RuntimeError("a mistake of ours")

    machine.worker.run = broken_loop
    async with living(machine) as running:
        assert await ended(running) == "a mistake of ours"
        assert (await machine.record()).state is MachineState.BROKEN


async def test_idle_end_and_a_prompt_at_the_same_moment() -> None:
    """A job that is claimed while the machine decides to end is answered or given back, never left behind."""
    machine = Machine(engine=FakeEngine(hold_after=1))
    async with living(machine) as running:
        await machine.pass_time(2)
        await submit(machine.jobs, now=machine.clock.now())
        machine.life.end("idle for 5 minutes", drain_seconds=0.05)
        await ended(running)
        assert (await machine.jobs.get("job_1")).status is JobStatus.QUEUED
        assert machine.worker.active == 0
