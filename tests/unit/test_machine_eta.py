"""How long until ready, learned from the machine's own starts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.machines.machine import (
    ALIVE,
    DEFAULT_PHASE_SECONDS,
    PHASES,
    STARTING,
    MachineState,
    Phase,
    PhaseTiming,
    estimate_ready_seconds,
)

ALL_DEFAULTS = round(sum(DEFAULT_PHASE_SECONDS.values()), 1)


def timing(phase: Phase, seconds: float) -> PhaseTiming:
    return PhaseTiming(phase=phase, seconds=seconds)


def eta(phase: Phase | None, elapsed: float = 0.0, *history: PhaseTiming) -> float:
    return estimate_ready_seconds(phase=phase, elapsed=elapsed, history=list(history))


def test_without_a_history_the_defaults_count() -> None:
    assert eta(None) == ALL_DEFAULTS
    assert eta(Phase.LAUNCH) == ALL_DEFAULTS
    assert eta(Phase.ENGINE_START) == 2.5
    assert eta(Phase.PROVE) == 0.5


def test_time_spent_in_a_phase_is_taken_off_that_phase_only() -> None:
    assert eta(Phase.ENGINE_START, 1.5) == 1.0
    assert eta(Phase.ENGINE_START, 99.0) == 0.5, "late: what comes after still takes its time"
    assert eta(Phase.PROVE, 99.0) == 0.0


def test_the_median_forgives_one_slow_start() -> None:
    slow = [timing(Phase.ENGINE_START, s) for s in (4.0, 5.0, 60.0)]
    assert eta(Phase.ENGINE_START, 0.0, *slow) == 5.5


@pytest.mark.requirement("1.3.2")
def test_each_phase_learns_by_itself() -> None:
    history = [timing(Phase.LAUNCH, 30.0), timing(Phase.PROVE, 2.0)]
    assert eta(None, 0.0, *history) == 34.0
    assert eta(Phase.ENGINE_START, 0.0, *history) == 4.0


@given(
    phase=st.none() | st.sampled_from(PHASES),
    elapsed=st.floats(0, 1e6),
    history=st.lists(st.builds(timing, st.sampled_from(PHASES), st.floats(0, 1e5))),
)
def test_never_below_nothing_and_never_more_than_all(
    phase: Phase | None, elapsed: float, history: list[PhaseTiming]
) -> None:
    whole = eta(None, 0.0, *history)
    assert 0.0 <= eta(phase, elapsed, *history) <= whole + 0.1


@pytest.mark.parametrize("state", list(MachineState))
def test_a_starting_machine_is_alive(state: MachineState) -> None:
    assert (state in STARTING) <= (state in ALIVE)
    gone = {MachineState.OFF, MachineState.NO_CAPACITY, MachineState.NO_QUOTA, MachineState.BROKEN}
    assert (state in ALIVE) != (state in gone)
