"""The router in a place where anything goes wrong: hypothesis draws the misfortunes, hours pass in milliseconds."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import MODEL, a_new_job
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.machine_host import FakeMachine, FakeMachineHost, Obedience
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.model_store import FakeModelStore
from tlfif.control.reconcile import Reconciler
from tlfif.control.stop_machine import stop_machine
from tlfif.jobs.events import EventKind
from tlfif.jobs.jobs import DeltaWrite, JobStatus, Lease, Outcome
from tlfif.jobs.pieces import Piece
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import LeaseLostError, MachineError
from tlfif.machines.machine import Heartbeat, MachineState, Phase
from tlfif.machines.policy import MachinePolicy

POLICY = MachinePolicy(
    idle_timeout_seconds=20.0,
    idle_grace_seconds=5.0,
    launch_limit_seconds=30.0,
    heartbeat_valid_seconds=10.0,
    max_run_seconds=300.0,
    drain_limit_seconds=30.0,
    stop_patience_seconds=5.0,
)
JOBS = JobPolicy(lease_seconds=15.0, wait_limit_seconds=3600.0)
STEP = 1.5
QUIET_TICKS = 7000
"""So many ticks after the last misfortune all must have come to its end. Limits of age are measured by the clock on the
wall, so each jump back of ten minutes may add as much to them."""


class Fate(StrEnum):
    """What becomes of one launch."""

    GOOD = "good"
    SLOW = "slow"
    NEVER_READY = "never ready"
    DIES_LOADING = "dies loading"
    DIES_WORKING = "dies working"
    BREAKS = "breaks"
    SILENT = "alive but silent"
    STUBBORN = "ends by force only"
    NO_CAPACITY = "no_capacity"
    NO_QUOTA = "no_quota"
    REFUSED = "machine_failed"


REFUSALS = frozenset({Fate.NO_CAPACITY, Fate.NO_QUOTA, Fate.REFUSED})


@dataclass(slots=True)
class SimulatedMachine:
    """A worker with its machine, one step at a time."""

    outside: FakeMachine
    fate: Fate
    jobs: MemoryJobStore
    machines: MemoryMachineStore
    clock: FakeClock
    steps: int = 0
    work_steps: int = 0
    idle_from: float | None = None
    work: dict[str, tuple[Lease, int, int]] = field(default_factory=dict)

    async def step(self) -> None:
        """Beat, obey, work a little. Times of the machine are its own clock's, which never jumps."""
        if not self.outside.exists:
            return
        self.steps += 1
        ready = self.steps > (12 if self.fate is Fate.SLOW else 2) and self.fate is not Fate.NEVER_READY
        if self.fate is Fate.DIES_LOADING and self.steps == 2:
            self.outside.exists = False
            return
        if self.fate is Fate.SILENT and self.steps > 3:
            return
        broken = self.fate is Fate.BREAKS and self.steps > 2
        state = MachineState.READY if ready else MachineState.LOADING
        told = await self.machines.heartbeat(
            Heartbeat(
                machine_id=self.outside.machine_id,
                boot_id=f"boot of {self.outside.machine_id}",
                state=MachineState.BROKEN if broken else state,
                phase=None if ready else Phase.ENGINE_START,
                idle_since=None if self._idle() is None else self.clock.now() - (self._idle() or 0.0),
                reason="the engine died" if broken else "",
            ),
            now=self.clock.now(),
        )
        if broken or (not told.owned and self.fate is not Fate.STUBBORN):
            self.outside.exists = False
            return
        idle = self._idle()
        wants_to_end = told.drain or (idle is not None and idle >= told.idle_timeout_seconds)
        if wants_to_end and self.fate is not Fate.STUBBORN:
            await self.leave()
        elif ready and told.owned:
            await self._work()

    def _idle(self) -> float | None:
        return None if self.idle_from is None or self.work else self.clock.monotonic() - self.idle_from

    async def leave(self) -> None:
        """End in good order: give back what runs."""
        for lease, _, _ in self.work.values():
            try:
                await self.jobs.release(lease, reason="ending", count_attempt=False, now=self.clock.now())
            except LeaseLostError:
                continue
        self.outside.exists = False

    async def _work(self) -> None:
        now = self.clock.now()
        for claimed in await self.jobs.claim(
            worker_id=self.outside.machine_id,
            model=MODEL,
            limit=2 - len(self.work),
            lease_seconds=JOBS.lease_seconds,
            now=now,
        ):
            self.work[claimed.job.id] = (claimed.lease, claimed.job.last_seq + 1, 0)
        if self.work:
            self.work_steps += 1
            if self.fate is Fate.DIES_WORKING and self.work_steps == 2:
                self.outside.exists = False
                return
        await self._renew(now)
        await self._write(now)
        if self.work:
            self.idle_from = None
        elif self.idle_from is None:
            self.idle_from = self.clock.monotonic()

    async def _renew(self, now: float) -> None:
        leases = [lease for lease, _, _ in self.work.values()]
        for state in await self.jobs.heartbeat(leases, lease_seconds=JOBS.lease_seconds, now=now):
            if not state.held:
                del self.work[state.job_id]
            elif state.cancel_requested:
                lease, seq, _ = self.work.pop(state.job_id)
                outcome = Outcome(status=JobStatus.CANCELLED)
                await self.jobs.finish(lease, seq=seq, outcome=outcome, now=now)

    async def _write(self, now: float) -> None:
        for job_id, (lease, seq, done) in list(self.work.items()):
            if done == 3:
                await self.jobs.finish(
                    lease, seq=seq, rest=Piece(text="!"), outcome=Outcome(status=JobStatus.SUCCEEDED), now=now
                )
                del self.work[job_id]
            else:
                await self.jobs.append([DeltaWrite(lease=lease, seq=seq, piece=Piece(text="word "))], now=now)
                self.work[job_id] = (lease, seq + 1, done + 1)


class Simulation:
    """Router, stores, host and machines in one clock's time."""

    def __init__(self, fates: list[Fate]) -> None:
        self.fates = list(fates)
        self.clock = FakeClock()
        self.jobs = MemoryJobStore(FakeIds())
        self.machines = MemoryMachineStore(default_idle_timeout=POLICY.idle_timeout_seconds)
        self.living: list[SimulatedMachine] = []
        refusals = [
            MachineError("It was refused.", code=str(fate)) if fate in REFUSALS else None for fate in self.fates
        ]
        self.host = FakeMachineHost(refusals=refusals, on_launch=self._launched)
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
        self.submitted: list[str] = []

    def _launched(self, outside: FakeMachine) -> None:
        drawn = self.fates[self.host.launches - 1] if self.host.launches <= len(self.fates) else Fate.GOOD
        outside.obedience = Obedience.DEAF if drawn in {Fate.STUBBORN, Fate.SILENT} else Obedience.PROMPT
        self.living.append(SimulatedMachine(outside, drawn, self.jobs, self.machines, self.clock))

    async def submit(self) -> None:
        job_id = f"job_{len(self.submitted)}"
        now = self.clock.now()
        await self.jobs.submit(a_new_job(job_id, now=now, wait_seconds=JOBS.wait_limit_seconds), now=now, max_queued=99)
        self.submitted.append(job_id)

    async def tick(self) -> None:
        await self.router.tick()
        for machine in self.living:
            await machine.step()
        self.clock.advance(STEP)
        assert len(self.host.existing) <= 1, "two machines at a time"

    async def do(self, deed: str, number: float) -> None:
        """One thing that happens from outside."""
        if deed == "submit":
            await self.submit()
        elif deed == "cancel" and self.submitted:
            job_id = self.submitted[int(number) % len(self.submitted)]
            await self.jobs.request_cancel(job_id, reason="by a person", now=self.clock.now())
        elif deed == "stop":
            await stop_machine(requeue=False, jobs=self.jobs, machines=self.machines, host=self.host, clock=self.clock)
        elif deed == "jump":
            self.clock.jump(number)
        elif deed == "wait":
            for _ in range(int(number) % 40):
                await self.tick()

    async def at_rest(self) -> bool:
        statuses = [(await self.jobs.get(job_id)).status for job_id in self.submitted]
        return all(s.is_terminal for s in statuses) and not self.host.existing and await self.machines.active() is None

    async def check_ends(self) -> None:
        """Every job ended once, and nobody was forced who could have been asked, nor spared who had to be forced."""
        for job_id in self.submitted:
            events = await self.jobs.events(job_id, after=0, limit=10_000)
            assert [e.seq for e in events] == list(range(1, len(events) + 1))
            assert [e.kind.is_terminal for e in events].count(True) == 1
            assert events[-1].kind.is_terminal
            started = sum(e.kind is EventKind.STARTED for e in events)
            assert (await self.jobs.get(job_id)).attempt <= max(3, started)
        for machine in self.living:
            if machine.fate is Fate.STUBBORN:
                assert machine.outside.forced >= 1


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.just(0.0)),
        st.tuples(st.just("cancel"), st.integers(0, 9).map(float)),
        st.tuples(st.just("stop"), st.just(0.0)),
        st.tuples(st.just("jump"), st.sampled_from([3600.0, 86400.0, -600.0, 40.0, -40.0])),
        st.tuples(st.just("wait"), st.integers(1, 39).map(float)),
    ),
    max_size=14,
)


async def _simulate(fates: list[Fate], deeds: list[tuple[str, float]]) -> None:
    world = Simulation(fates)
    await world.submit()
    for deed, number in deeds:
        await world.do(deed, number)
        await world.tick()
    for _ in range(QUIET_TICKS):
        if await world.at_rest():
            break
        await world.tick()
    assert await world.at_rest(), "something goes on for ever"
    await world.check_ends()


@pytest.mark.requirement("10.8.2")
@settings(max_examples=400, deadline=None)
@given(fates=st.lists(st.sampled_from(Fate), max_size=6), deeds=DEEDS)
def test_whatever_goes_wrong_all_comes_to_its_end(fates: list[Fate], deeds: list[tuple[str, float]]) -> None:
    asyncio.run(_simulate(fates, deeds))


async def test_each_misfortune_alone() -> None:
    for fate in Fate:
        await _simulate([fate], [("wait", 30.0), ("submit", 0.0)])
