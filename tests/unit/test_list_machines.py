"""The machines so far: why each started and ended, and how long it took."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MODEL, T0, a_beat, a_machine
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.machine_host import FakeMachineHost
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.model_store import FakeModelStore
from tlfif.control.launch_machine import MachinePorts, launch_machine
from tlfif.kernel.errors import MachineError
from tlfif.machines.list_machines import PastMachine, list_machines, past_machine
from tlfif.machines.machine import Heartbeat, MachineRecord, MachineState, Phase, PhaseTiming
from tlfif.machines.policy import MachinePolicy
from tlfif.machines.transitions import apply_heartbeat, asked_to_drain, asked_to_stop, closed

WHY = "started for 2 waiting prompts"
TIMES = st.floats(min_value=0, max_value=2e9)


def launching() -> MachineRecord:
    return replace(a_machine(), reason=WHY, start_reason=WHY)


def after(record: MachineRecord, beat: Heartbeat) -> MachineRecord:
    taken = apply_heartbeat(record, beat, now=T0 + 5)
    assert taken is not None
    return taken.record


def ready() -> MachineRecord:
    return after(launching(), a_beat(state=MachineState.READY, phase=None))


def end_reason(record: MachineRecord) -> str:
    past = past_machine(record, [], now=T0 + 60)
    assert past.record.start_reason == WHY
    return past.end_reason


def test_a_machine_that_starts_or_answers_has_no_end_yet() -> None:
    assert end_reason(launching()) == ""
    assert end_reason(after(launching(), a_beat())) == ""
    assert end_reason(ready()) == ""


def test_the_end_has_its_reason_from_the_moment_it_is_asked_for() -> None:
    assert end_reason(asked_to_drain(ready(), reason="another model is wanted")) == "another model is wanted"
    assert end_reason(asked_to_stop(ready(), reason="stopped by you", now=T0)) == "stopped by you"
    idle = a_beat(state=MachineState.DRAINING, phase=None, reason="idle for 5.0 minutes")
    assert end_reason(after(ready(), idle)) == "idle for 5.0 minutes"


def test_an_end_shows_what_it_was_closed_with() -> None:
    stopped = asked_to_stop(ready(), reason="stopped by you", now=T0)
    assert end_reason(closed(stopped, state=MachineState.OFF, reason="", now=T0)) == "stopped by you"
    assert end_reason(closed(ready(), state=MachineState.BROKEN, reason="it fell", now=T0)) == "it fell"


def test_why_it_started_is_never_shown_as_why_it_ended() -> None:
    assert end_reason(closed(launching(), state=MachineState.OFF, reason="", now=T0)) == ""
    old = replace(a_machine(), reason=WHY)  # of a program that kept one reason only
    assert past_machine(old, [], now=T0).end_reason == ""


def test_seconds_are_counted_from_the_intent_and_from_ready() -> None:
    record = replace(launching(), ready_at=T0 + 4, ended_at=T0 + 34, state=MachineState.OFF)
    past = past_machine(record, [PhaseTiming(phase=Phase.LAUNCH, seconds=4)], now=T0 + 999)
    assert (past.boot_seconds, past.run_seconds) == (4, 30)
    assert past.phases == (PhaseTiming(phase=Phase.LAUNCH, seconds=4),)


def test_a_machine_that_runs_is_counted_until_now() -> None:
    past = past_machine(replace(launching(), ready_at=T0 + 4), [], now=T0 + 10)
    assert (past.boot_seconds, past.run_seconds) == (4, 6)


def test_a_machine_that_never_was_ready_did_not_run() -> None:
    past = past_machine(closed(launching(), state=MachineState.BROKEN, reason="?", now=T0 + 9), [], now=T0 + 10)
    assert (past.boot_seconds, past.run_seconds) == (None, None)


@given(created=TIMES, ready_at=TIMES, ended_at=st.none() | TIMES, now=TIMES)
def test_no_clock_that_jumps_makes_time_negative(
    created: float, ready_at: float, ended_at: float | None, now: float
) -> None:
    record = replace(a_machine(created_at=created), ready_at=ready_at, ended_at=ended_at)
    past = past_machine(record, [], now=now)
    assert past.boot_seconds is not None
    assert past.run_seconds is not None
    assert past.boot_seconds >= 0
    assert past.run_seconds >= 0


class TestTheList:
    """From a launch to its line in the history."""

    def setup_method(self) -> None:
        self.machines = MemoryMachineStore(default_idle_timeout=300.0)
        self.clock, self.ids = FakeClock(), FakeIds()

    async def launch(self, reason: str, *, refusal: MachineError | None = None) -> None:
        ports = MachinePorts(
            image="embedded-1",
            machines=self.machines,
            models=FakeModelStore(),
            host=FakeMachineHost(refusals=[refusal]),
            machine_policy=MachinePolicy(),
            clock=self.clock,
            ids=self.ids,
        )
        await launch_machine(MODEL, reason=reason, ports=ports)

    async def listed(self, limit: int = 20) -> list[PastMachine]:
        return await list_machines(limit=limit, machines=self.machines, clock=self.clock)

    async def test_there_is_nothing_at_first(self) -> None:
        assert await self.listed() == []

    async def test_each_machine_comes_with_its_own_phases_newest_first(self) -> None:
        await self.launch("started by you")
        (first,) = await self.listed()
        start = self.clock.now()
        await self.machines.heartbeat(a_beat(first.record.id), now=start + 1)
        await self.machines.heartbeat(
            a_beat(first.record.id, state=MachineState.READY, phase=None, idle_since=start + 3), now=start + 3
        )
        await self.machines.mark_ended(
            first.record.id, state=MachineState.OFF, reason="idle for 5.0 minutes", now=start + 303
        )
        await self.launch(WHY)
        new, old = await self.listed()
        assert [p.record.start_reason for p in (new, old)] == [WHY, "started by you"]
        assert (old.record.state, old.end_reason) == (MachineState.OFF, "idle for 5.0 minutes")
        assert [(t.phase, t.seconds) for t in old.phases] == [(Phase.LAUNCH, 1), (Phase.ENGINE_START, 2)]
        assert (old.boot_seconds, old.run_seconds) == (3, 300)
        assert (new.record.state, new.end_reason, new.phases) == (MachineState.LAUNCHING, "", ())
        assert await self.listed(limit=1) == [new]

    async def test_a_start_that_was_refused_keeps_both_reasons(self) -> None:
        with pytest.raises(MachineError):
            await self.launch(WHY, refusal=MachineError("There is none left.", code="no_capacity"))
        (past,) = await self.listed()
        assert past.record.state is MachineState.NO_CAPACITY
        assert (past.record.start_reason, past.end_reason) == (WHY, "There is none left.")
