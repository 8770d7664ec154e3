"""What the router decides, table by table. No clock, no I/O."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import T0, a_machine
from tlfif.control.scaling import ActionKind, Observation, decide
from tlfif.jobs.jobs import QueueCounts
from tlfif.machines.machine import MachineRecord, MachineState, Phase
from tlfif.machines.policy import MachinePolicy

POLICY = MachinePolicy()
WAITING = QueueCounts(queued=1, oldest_queued_at=T0, oldest_queued_model="smollm2-135m")
NOTHING = QueueCounts()


def off(counts: QueueCounts = WAITING, **seen: object) -> Observation:
    """No machine."""
    return Observation(
        **{
            "counts": counts,
            "machine": None,
            "exists": None,
            "heartbeat_age": None,
            "idle_timeout_seconds": 300.0,
            **seen,
        }
    )


def on(machine: MachineRecord, counts: QueueCounts = NOTHING, **seen: object) -> Observation:
    """A machine that exists and was heard of a second ago."""
    return off(counts, **{"machine": machine, "exists": True, "heartbeat_age": 1.0, **seen})


def ready(**changes: object) -> MachineRecord:
    """A machine that answers."""
    return replace(
        a_machine(),
        **{"state": MachineState.READY, "handle": "1:2", "ready_at": T0 + 2, "heartbeat_at": T0 + 2, "phase": None}
        | changes,
    )


def kinds(seen: Observation, now: float = T0 + 10, policy: MachinePolicy = POLICY) -> list[ActionKind]:
    """The decision without its reasons."""
    return [action.kind for action in decide(seen, policy, now)]


def test_nothing_waits_nothing_happens() -> None:
    assert decide(off(NOTHING), POLICY, T0) == ()


def test_a_waiting_prompt_launches_its_model() -> None:
    (action,) = decide(off(), POLICY, T0)
    assert (action.kind, action.model, action.reason) == (
        ActionKind.LAUNCH,
        "smollm2-135m",
        "started for 1 waiting prompt",
    )


def test_many_waiting_prompts_are_one_launch() -> None:
    (action,) = decide(off(replace(WAITING, queued=7)), POLICY, T0)
    assert (action.kind, action.reason) == (ActionKind.LAUNCH, "started for 7 waiting prompts")


def test_held_launches_nothing() -> None:
    assert decide(off(held=True), POLICY, T0) == ()


@pytest.mark.requirement("3.2.5")
@pytest.mark.parametrize(("failed", "pause"), [(1, 2.0), (2, 4.0)])
def test_a_failed_start_is_repeated_after_a_pause_that_doubles(failed: int, pause: float) -> None:
    seen = off(failed_starts=failed, last_ended_at=T0)
    assert kinds(seen, T0 + pause - 0.01) == []
    assert kinds(seen, T0 + pause) == [ActionKind.LAUNCH]


def test_a_clock_that_jumped_back_does_not_stretch_the_pause() -> None:
    assert kinds(off(failed_starts=1, last_ended_at=T0), T0 - 600) == [ActionKind.LAUNCH]


@pytest.mark.requirement("3.2.5")
def test_three_failed_starts_fail_the_waiting_prompts() -> None:
    (action,) = decide(off(failed_starts=3, last_ended_at=T0), POLICY, T0)
    assert (action.kind, action.model) == (ActionKind.FAIL_QUEUED, "smollm2-135m")
    assert action.reason == "The machine failed to start 3 times in a row."
    (action,) = decide(off(failed_starts=3, last_ended_at=T0, last_reason="The engine ended."), POLICY, T0)
    assert action.reason.endswith("3 times in a row, the last time because: The engine ended.")


def test_an_intent_without_a_handle_is_waited_for_and_then_closed() -> None:
    intent = a_machine()
    assert kinds(on(intent, exists=None, heartbeat_age=None), T0 + 180) == []
    (action,) = decide(on(intent, exists=None, heartbeat_age=None), POLICY, T0 + 181)
    assert (action.kind, action.end_state) == (ActionKind.CONFIRM_ENDED, MachineState.BROKEN)


def test_a_machine_that_vanished_is_not_said_to_have_ended_for_the_reason_it_was_started() -> None:
    (served,) = decide(on(ready(reason="started for 1 waiting prompt"), exists=False), POLICY, T0 + 9)
    assert served.reason == "ended without being asked"
    starting = ready(ready_at=None, state=MachineState.LOADING, reason="started for 1 waiting prompt")
    (never_ready,) = decide(on(starting, exists=False), POLICY, T0 + 9)
    assert never_ready.reason == "ended before it was ready"
    idle = ready(state=MachineState.STOPPING, reason="idle for 5 minutes")
    assert decide(on(idle, exists=False), POLICY, T0 + 9)[0].reason == "idle for 5 minutes"


@pytest.mark.parametrize(
    ("machine", "end"),
    [
        (ready(), MachineState.OFF),
        (ready(state=MachineState.BROKEN, reason="the engine died"), MachineState.BROKEN),
        (ready(ready_at=None, state=MachineState.LOADING), MachineState.BROKEN),
        (ready(ready_at=None, state=MachineState.STOPPING, stop_requested_at=T0 + 1), MachineState.OFF),
        (ready(ready_at=None, state=MachineState.LOADING, drain_requested=True), MachineState.OFF),
        (ready(ready_at=None, state=MachineState.STOPPING, stop_requested_at=T0 + 181), MachineState.BROKEN),
    ],
    ids=["served", "broke", "never ready", "stopped early", "drained early", "stopped for being late"],
)
def test_gone_is_an_end_or_a_failure(machine: MachineRecord, end: MachineState) -> None:
    (action,) = decide(on(machine, exists=False), POLICY, T0 + 200)
    assert (action.kind, action.end_state) == (ActionKind.CONFIRM_ENDED, end)
    assert action.reason


def test_a_machine_that_does_as_it_should_is_left_alone() -> None:
    assert kinds(on(ready(idle_since=T0 + 5))) == []
    assert kinds(on(ready(idle_since=None), QueueCounts(running=2))) == []


def test_asked_to_end_it_gets_time_and_then_force() -> None:
    stopping = ready(state=MachineState.STOPPING, stop_requested_at=T0, reason="stopped by you")
    assert kinds(on(stopping), T0 + 4.9) == []
    (action,) = decide(on(stopping), POLICY, T0 + 5)
    assert (action.kind, action.reason) == (ActionKind.FORCE, "stopped by you")
    assert kinds(on(stopping), T0 - 1) == [ActionKind.FORCE], "a clock that jumped back is no excuse to wait"


def test_a_machine_that_said_goodbye_and_stays_is_forced() -> None:
    assert kinds(on(ready(state=MachineState.STOPPING), heartbeat_age=4.9)) == []
    assert kinds(on(ready(state=MachineState.STOPPING), heartbeat_age=5.0)) == [ActionKind.FORCE]
    assert kinds(on(ready(state=MachineState.BROKEN), heartbeat_age=5.0)) == [ActionKind.FORCE]


@pytest.mark.requirement("3.2.6")
def test_not_ready_in_time_is_ended() -> None:
    loading = replace(a_machine(), state=MachineState.LOADING, handle="1:2", phase=Phase.ENGINE_START)
    assert kinds(on(loading), T0 + 180) == []
    assert kinds(on(loading), T0 + 181) == [ActionKind.TERMINATE]


def test_loading_again_after_the_engine_died_is_not_a_late_start() -> None:
    assert kinds(on(ready(state=MachineState.LOADING)), T0 + 1000) == []


@pytest.mark.requirement("3.6.2")
def test_silence_is_ended_by_force() -> None:
    assert kinds(on(ready(), heartbeat_age=60.0)) == []
    assert kinds(on(ready(), heartbeat_age=60.1)) == [ActionKind.FORCE]


@pytest.mark.requirement("3.6.2")
def test_age_drains_first_and_ends_then() -> None:
    at_most = POLICY.max_run_seconds
    assert kinds(on(ready()), T0 + at_most) == []
    assert kinds(on(ready()), T0 + at_most + 1) == [ActionKind.DRAIN]
    assert kinds(on(ready(drain_requested=True)), T0 + at_most + 1) == []
    late = T0 + at_most + POLICY.drain_limit_seconds + 1
    assert kinds(on(ready(drain_requested=True)), late) == [ActionKind.TERMINATE]


@pytest.mark.requirement("3.6.2")
def test_idle_beyond_time_out_and_grace_is_ended() -> None:
    idle = ready(idle_since=T0)
    assert kinds(on(idle), T0 + 315) == []
    assert kinds(on(idle), T0 + 316) == [ActionKind.TERMINATE]
    assert kinds(on(idle, QueueCounts(running=1)), T0 + 316) == []
    assert kinds(on(idle, WAITING), T0 + 316) == [], "it is about to answer"
    assert kinds(on(idle, idle_timeout_seconds=600.0), T0 + 316) == []


@pytest.mark.requirement("3.3.3")
def test_another_model_drains_what_runs() -> None:
    other = replace(WAITING, oldest_queued_model="tinyllama")
    (action,) = decide(on(ready(), other), POLICY, T0 + 10)
    assert action.kind is ActionKind.DRAIN
    assert "tinyllama" in action.reason
    assert kinds(on(ready(drain_requested=True), other)) == []
    assert kinds(on(ready(state=MachineState.DRAINING), other)) == []
    assert kinds(on(ready(), WAITING)) == []


TIMES = st.floats(min_value=T0 - 1e6, max_value=T0 + 1e6)
MAYBE = st.none() | TIMES


@pytest.mark.requirement("3.1.2")
@given(
    state=st.sampled_from([s for s in MachineState if s is not MachineState.OFF]),
    handle=st.sampled_from([None, "1:2"]),
    exists=st.booleans(),
    created=TIMES,
    ready_at=MAYBE,
    idle_since=MAYBE,
    stop=MAYBE,
    drain=st.booleans(),
    beat_age=st.none() | st.floats(min_value=0, max_value=1e6),
    queued=st.integers(0, 3),
    model=st.sampled_from(["smollm2-135m", "tinyllama"]),
    held=st.booleans(),
    now=TIMES,
)
def test_whatever_is_seen_one_thing_at_most_is_done(
    state: MachineState,
    handle: str | None,
    exists: bool,
    created: float,
    ready_at: float | None,
    idle_since: float | None,
    stop: float | None,
    drain: bool,
    beat_age: float | None,
    queued: int,
    model: str,
    held: bool,
    now: float,
) -> None:
    machine = replace(
        a_machine(created_at=created),
        state=state,
        handle=handle,
        ready_at=ready_at,
        idle_since=idle_since,
        stop_requested_at=stop,
        drain_requested=drain,
    )
    counts = QueueCounts(queued=queued, oldest_queued_model=model if queued else None)
    seen = on(machine, counts, exists=exists if handle else None, heartbeat_age=beat_age, held=held)
    actions = decide(seen, POLICY, now)
    assert len(actions) <= 1
    for action in actions:
        assert action.reason
        assert action.kind not in {ActionKind.LAUNCH, ActionKind.FAIL_QUEUED}, "one machine at a time"
        assert (action.kind is ActionKind.CONFIRM_ENDED) <= (exists is False or handle is None)
        if action.kind in {ActionKind.TERMINATE, ActionKind.FORCE}:
            assert handle is not None
            assert exists


@pytest.mark.requirement("3.2.4")
@pytest.mark.parametrize(
    ("state", "pause"),
    [
        (MachineState.NO_CAPACITY, POLICY.no_capacity_pause_seconds),
        (MachineState.NO_QUOTA, POLICY.no_quota_pause_seconds),
    ],
)
def test_a_cloud_that_has_nothing_is_not_hammered(state: MachineState, pause: float) -> None:
    seen = off(last_ended_at=T0, last_state=state)
    assert kinds(seen, T0 + pause - 1) == []
    assert kinds(seen, T0 + pause) == [ActionKind.LAUNCH]
    assert kinds(off(last_ended_at=T0, last_state=MachineState.OFF), T0) == [ActionKind.LAUNCH]
