"""Machine records, heartbeats, timings and settings, in every adapter."""

import asyncio
from dataclasses import replace

import pytest

from tests.builders import T0, a_beat, a_machine
from tests.contract.conftest import DEFAULT_IDLE_TIMEOUT, OpenSqlite
from tlfif.kernel.errors import NotFoundError
from tlfif.machines.machine import Directive, MachineState, Phase, PhaseTiming
from tlfif.machines.machine_store import MachineStore


async def ended(
    store: MachineStore, machine_id: str, state: MachineState, *, was_ready: bool = False, now: float = T0
) -> None:
    """A machine that came and went."""
    assert await store.create_intent(a_machine(machine_id, created_at=now))
    if was_ready:
        await store.heartbeat(a_beat(machine_id, state=MachineState.READY, phase=None), now=now + 3)
    await store.mark_ended(machine_id, state=state, reason="test", now=now + 9)


async def started(
    store: MachineStore, machine_id: str, seconds: tuple[float, float, float], *, image: str = "embedded-1"
) -> None:
    """A start whose phases took ``seconds``, and its end."""
    assert await store.create_intent(a_machine(machine_id, image=image))
    launch, engine, prove = seconds
    await store.heartbeat(a_beat(machine_id), now=T0 + launch)
    await store.heartbeat(a_beat(machine_id, phase=Phase.PROVE), now=T0 + launch + engine)
    ready = a_beat(machine_id, state=MachineState.READY, phase=None)
    await store.heartbeat(ready, now=T0 + launch + engine + prove)
    await store.mark_ended(machine_id, state=MachineState.OFF, reason="test", now=T0 + 100)


async def test_an_intent_is_kept_whole(machine_store: MachineStore) -> None:
    intent = replace(a_machine(), reason="why", start_reason="what for", worker_pid=5)
    assert await machine_store.create_intent(intent)
    assert await machine_store.active() == intent
    assert await machine_store.latest() == intent


async def test_nothing_is_there_at_first(machine_store: MachineStore) -> None:
    assert await machine_store.active() is None
    assert await machine_store.latest() is None
    assert await machine_store.history(limit=5) == []
    assert await machine_store.idle_timeout() is None
    assert await machine_store.held() is False
    assert await machine_store.failed_starts() == 0


async def test_a_second_machine_is_refused_while_one_is_open(machine_store: MachineStore) -> None:
    assert await machine_store.create_intent(a_machine("machine_1"))
    assert not await machine_store.create_intent(a_machine("machine_2"))
    assert [m.id for m in await machine_store.history(limit=5)] == ["machine_1"]


@pytest.mark.requirement("3.2.2")
async def test_of_many_intents_at_once_one_is_taken(machine_store: MachineStore) -> None:
    taken = await asyncio.gather(*(machine_store.create_intent(a_machine(f"machine_{n}")) for n in range(6)))
    assert taken.count(True) == 1


async def test_two_openers_of_one_file_open_one_machine(open_sqlite: OpenSqlite) -> None:
    (_, one), (_, two) = await open_sqlite(), await open_sqlite()
    taken = await asyncio.gather(
        *(store.create_intent(a_machine(f"machine_{n}{m}")) for n in range(3) for m, store in enumerate((one, two)))
    )
    assert taken.count(True) == 1


async def test_the_next_machine_may_come_when_the_last_has_ended(machine_store: MachineStore) -> None:
    await ended(machine_store, "machine_1", MachineState.OFF)
    assert await machine_store.active() is None
    assert await machine_store.create_intent(a_machine("machine_2"))
    assert [m.id for m in await machine_store.history(limit=5)] == ["machine_2", "machine_1"]
    assert [m.id for m in await machine_store.history(limit=1)] == ["machine_2"]
    assert await machine_store.history(limit=0) == []


async def test_a_launch_is_given_its_handle_once(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.commit_launch("machine_1", handle="4711:9")
    await machine_store.commit_launch("machine_1", handle="other")
    machine = await machine_store.active()
    assert machine is not None
    assert (machine.handle, machine.state) == ("4711:9", MachineState.LAUNCHING)


async def test_the_first_beat_binds_the_boot(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    answer = await machine_store.heartbeat(a_beat(reason="loading weights"), now=T0 + 2)
    assert answer == Directive(owned=True, drain=False, idle_timeout_seconds=DEFAULT_IDLE_TIMEOUT, control_seen_at=None)
    assert await machine_store.active() == replace(
        a_machine(),
        state=MachineState.LOADING,
        boot_id="boot_1",
        phase=Phase.ENGINE_START,
        phase_started_at=T0 + 2,
        heartbeat_at=T0 + 2,
        worker_pid=111,
        engine_pid=222,
        reason="loading weights",
    )


async def test_the_machine_itself_says_what_it_is(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.heartbeat(replace(a_beat(), instance_type="c7i.xlarge", engine="llama"), now=T0 + 2)
    await machine_store.heartbeat(a_beat(), now=T0 + 3)
    await machine_store.mark_ended("machine_1", state=MachineState.OFF, reason="idle", now=T0 + 4)
    (machine,) = await machine_store.history(limit=1)
    assert (machine.instance_type, machine.engine) == ("c7i.xlarge", "llama")


@pytest.mark.requirement("5.3.2")
async def test_a_beat_of_another_boot_changes_nothing(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.heartbeat(a_beat(), now=T0 + 2)
    before = await machine_store.active()
    answer = await machine_store.heartbeat(a_beat(boot_id="boot_2", state=MachineState.READY), now=T0 + 3)
    assert (answer.owned, answer.drain) == (False, False)
    assert await machine_store.active() == before


async def test_a_beat_after_the_end_changes_nothing(machine_store: MachineStore) -> None:
    await ended(machine_store, "machine_1", MachineState.OFF)
    before = await machine_store.latest()
    assert not (await machine_store.heartbeat(a_beat(), now=T0 + 99)).owned
    assert await machine_store.latest() == before


async def test_a_beat_of_an_unknown_machine_is_not_owned(machine_store: MachineStore) -> None:
    assert not (await machine_store.heartbeat(a_beat("machine_none"), now=T0)).owned


async def test_a_repeated_phase_goes_on(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    for seconds in (1, 2, 3):
        await machine_store.heartbeat(a_beat(), now=T0 + seconds)
    machine = await machine_store.active()
    assert machine is not None
    assert (machine.phase_started_at, machine.heartbeat_at) == (T0 + 1, T0 + 3)
    timings = await machine_store.phase_timings(model=machine.model, image=machine.image, limit=5)
    assert timings == [PhaseTiming(phase=Phase.LAUNCH, seconds=1.0)]


async def test_a_machine_says_from_which_image_it_was_launched(machine_store: MachineStore) -> None:
    assert await machine_store.create_intent(a_machine(image="v1"))
    await machine_store.commit_launch("machine_1", handle="pid:1")
    for said, kept in (("", "v1"), ("v2", "v2"), ("", "v2")):
        await machine_store.heartbeat(replace(a_beat("machine_1"), image=said), now=T0 + 1)
        record = await machine_store.latest()
        assert record is not None
        assert record.image == kept


async def test_ready_closes_the_last_phase_and_is_dated_once(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    ready = a_beat(state=MachineState.READY, phase=None, idle_since=T0 + 4)
    await machine_store.heartbeat(ready, now=T0 + 4)
    await machine_store.heartbeat(replace(ready, idle_since=None), now=T0 + 5)
    machine = await machine_store.active()
    assert machine is not None
    assert (machine.state, machine.ready_at, machine.idle_since) == (MachineState.READY, T0 + 4, None)
    assert (machine.phase, machine.phase_started_at) == (None, None)


async def test_a_clock_that_went_back_makes_no_negative_timing(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.heartbeat(a_beat(), now=T0 - 3600)
    timings = await machine_store.phase_timings(model=a_machine().model, image="embedded-1", limit=5)
    assert timings == [PhaseTiming(phase=Phase.LAUNCH, seconds=0.0)]


async def test_timings_are_those_of_the_newest_starts(machine_store: MachineStore) -> None:
    await started(machine_store, "machine_1", (9.0, 9.0, 9.0))
    await started(machine_store, "machine_2", (1.0, 2.0, 3.0))
    await started(machine_store, "machine_3", (8.0, 8.0, 8.0), image="embedded-2")
    await started(machine_store, "machine_4", (4.0, 5.0, 6.0))
    await ended(machine_store, "machine_5", MachineState.BROKEN)
    timings = await machine_store.phase_timings(model=a_machine().model, image="embedded-1", limit=2)
    assert [(t.phase, t.seconds) for t in timings] == [
        (Phase.PROVE, 6.0),
        (Phase.ENGINE_START, 5.0),
        (Phase.LAUNCH, 4.0),
        (Phase.PROVE, 3.0),
        (Phase.ENGINE_START, 2.0),
        (Phase.LAUNCH, 1.0),
    ]
    assert await machine_store.phase_timings(model="other", image="embedded-1", limit=2) == []
    assert await machine_store.phase_timings(model=a_machine().model, image="embedded-1", limit=0) == []


async def test_phases_are_told_machine_by_machine(machine_store: MachineStore) -> None:
    await started(machine_store, "machine_1", (1.0, 2.0, 3.0))
    await started(machine_store, "machine_2", (4.0, 5.0, 6.0), image="embedded-2")
    await ended(machine_store, "machine_3", MachineState.BROKEN)
    phases = await machine_store.phases_of(["machine_3", "machine_2", "machine_none"])
    assert phases == {
        "machine_2": [
            PhaseTiming(phase=Phase.LAUNCH, seconds=4.0),
            PhaseTiming(phase=Phase.ENGINE_START, seconds=5.0),
            PhaseTiming(phase=Phase.PROVE, seconds=6.0),
        ],
        "machine_3": [],
        "machine_none": [],
    }
    assert await machine_store.phases_of([]) == {}


async def test_a_start_under_way_tells_the_phases_behind_it(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    assert await machine_store.phases_of(["machine_1"]) == {"machine_1": []}
    await machine_store.heartbeat(a_beat(), now=T0 + 2)
    phases = await machine_store.phases_of(["machine_1"])
    assert phases == {"machine_1": [PhaseTiming(phase=Phase.LAUNCH, seconds=2.0)]}


async def test_as_many_machines_as_a_page_has_are_asked_for_at_once(machine_store: MachineStore) -> None:
    await started(machine_store, "machine_1", (1.0, 2.0, 3.0))
    phases = await machine_store.phases_of([f"machine_{n}" for n in range(100)])
    assert len(phases) == 100
    assert len(phases["machine_1"]) == 3


@pytest.mark.requirement("3.4.1")
async def test_why_it_started_outlives_why_it_ended(machine_store: MachineStore) -> None:
    await machine_store.create_intent(replace(a_machine(), reason="started by you", start_reason="started by you"))
    await machine_store.commit_launch("machine_1", handle="h")
    await machine_store.heartbeat(a_beat(state=MachineState.READY, phase=None, reason="fine"), now=T0 + 1)
    await machine_store.request_drain("machine_1", reason="another model is wanted")
    await machine_store.mark_stopping("machine_1", reason="stopped by you", now=T0 + 2)
    await machine_store.mark_ended("machine_1", state=MachineState.OFF, reason="", now=T0 + 3)
    (machine,) = await machine_store.history(limit=1)
    assert (machine.start_reason, machine.reason) == ("started by you", "stopped by you")


async def test_a_drain_reaches_the_machine_with_its_next_beat(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.heartbeat(a_beat(), now=T0)
    await machine_store.request_drain("machine_1", reason="another model is wanted")
    await machine_store.request_drain("machine_1", reason="later reason")
    answer = await machine_store.heartbeat(a_beat(state=MachineState.DRAINING, reason="own words"), now=T0 + 1)
    machine = await machine_store.active()
    assert answer.drain
    assert machine is not None
    assert (machine.state, machine.drain_requested) == (MachineState.DRAINING, True)
    assert machine.reason == "another model is wanted"


async def test_a_stop_keeps_its_first_reason_and_time(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.mark_stopping("machine_1", reason="stopped by hand", now=T0 + 1)
    await machine_store.mark_stopping("machine_1", reason="idle", now=T0 + 2)
    machine = await machine_store.active()
    assert machine is not None
    assert machine.state is MachineState.STOPPING
    assert (machine.reason, machine.stop_requested_at) == ("stopped by hand", T0 + 1)


async def test_a_stopping_machine_stays_stopping_and_is_told_to_end(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.mark_stopping("machine_1", reason="stopped by hand", now=T0 + 1)
    answer = await machine_store.heartbeat(a_beat(state=MachineState.READY, reason="fine"), now=T0 + 2)
    machine = await machine_store.active()
    assert (answer.owned, answer.drain) == (True, True)
    assert machine is not None
    assert (machine.state, machine.reason) == (MachineState.STOPPING, "stopped by hand")
    assert machine.heartbeat_at == T0 + 2


async def test_a_stop_does_not_hide_that_the_machine_broke(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.heartbeat(a_beat(state=MachineState.BROKEN, reason="engine died"), now=T0)
    await machine_store.mark_stopping("machine_1", reason="did not end", now=T0 + 1)
    machine = await machine_store.active()
    assert machine is not None
    assert (machine.state, machine.reason) == (MachineState.BROKEN, "engine died")
    assert machine.stop_requested_at == T0 + 1


async def test_an_ended_machine_shows_its_end(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.commit_launch("machine_1", handle="h")
    await machine_store.heartbeat(a_beat(idle_since=T0), now=T0 + 1)
    await machine_store.mark_ended("machine_1", state=MachineState.NO_CAPACITY, reason="none left", now=T0 + 2)
    machine = await machine_store.latest()
    assert machine is not None
    assert (machine.state, machine.reason, machine.ended_at) == (MachineState.NO_CAPACITY, "none left", T0 + 2)
    assert (machine.phase, machine.phase_started_at, machine.idle_since) == (None, None, None)
    assert (machine.worker_pid, machine.engine_pid, machine.handle) == (None, None, "h")


async def test_ending_without_a_reason_keeps_the_one_known(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.mark_stopping("machine_1", reason="stopped by hand", now=T0)
    await machine_store.mark_ended("machine_1", state=MachineState.OFF, reason="", now=T0 + 1)
    machine = await machine_store.latest()
    assert machine is not None
    assert machine.reason == "stopped by hand"


async def test_the_code_of_an_error_is_kept_with_its_reason(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    beat = replace(a_beat(state=MachineState.BROKEN, reason="no such format"), code="model_unusable")
    await machine_store.heartbeat(beat, now=T0)
    await machine_store.mark_ended("machine_1", state=MachineState.BROKEN, reason="", now=T0 + 1)
    await machine_store.create_intent(a_machine("machine_2"))
    await machine_store.mark_ended(
        "machine_2", state=MachineState.NO_QUOTA, reason="Free plan", now=T0 + 2, code="account_plan"
    )
    second, first = await machine_store.history(limit=2)
    assert (first.reason, first.code) == ("no such format", "model_unusable")
    assert (second.reason, second.code) == ("Free plan", "account_plan")


@pytest.mark.requirement("3.1.1")
async def test_nothing_changes_an_ended_record(machine_store: MachineStore) -> None:
    await ended(machine_store, "machine_1", MachineState.OFF)
    before = await machine_store.latest()
    await machine_store.mark_ended("machine_1", state=MachineState.BROKEN, reason="again", now=T0 + 99)
    await machine_store.mark_stopping("machine_1", reason="late", now=T0 + 99)
    await machine_store.request_drain("machine_1", reason="late")
    assert await machine_store.latest() == before


@pytest.mark.requirement("3.1.1")
@pytest.mark.parametrize("state", [MachineState.READY, MachineState.LAUNCHING, MachineState.STOPPING])
async def test_no_record_is_closed_as_alive(machine_store: MachineStore, state: MachineState) -> None:
    await machine_store.create_intent(a_machine())
    with pytest.raises(ValueError, match="not closed as"):
        await machine_store.mark_ended("machine_1", state=state, reason="?", now=T0)
    assert await machine_store.active() == a_machine()


async def test_an_unknown_machine_is_not_found(machine_store: MachineStore) -> None:
    for change in (
        machine_store.commit_launch("machine_none", handle="h"),
        machine_store.request_drain("machine_none", reason="?"),
        machine_store.mark_stopping("machine_none", reason="?", now=T0),
        machine_store.mark_ended("machine_none", state=MachineState.OFF, reason="?", now=T0),
    ):
        with pytest.raises(NotFoundError) as refused:
            await change
        assert refused.value.code == "machine_not_found"


async def test_broken_starts_in_a_row_are_counted(machine_store: MachineStore) -> None:
    for n in range(3):
        await ended(machine_store, f"machine_{n}", MachineState.BROKEN)
    assert await machine_store.failed_starts() == 3


async def test_a_start_under_way_does_not_change_the_count(machine_store: MachineStore) -> None:
    await ended(machine_store, "machine_1", MachineState.BROKEN)
    await machine_store.create_intent(a_machine("machine_2"))
    assert await machine_store.failed_starts() == 1


async def test_a_ready_machine_ends_the_row(machine_store: MachineStore) -> None:
    await ended(machine_store, "machine_1", MachineState.BROKEN)
    await machine_store.create_intent(a_machine("machine_2"))
    await machine_store.heartbeat(a_beat("machine_2", state=MachineState.READY, phase=None), now=T0)
    assert await machine_store.failed_starts() == 0
    await machine_store.mark_ended("machine_2", state=MachineState.BROKEN, reason="engine died", now=T0)
    assert await machine_store.failed_starts() == 0
    await ended(machine_store, "machine_3", MachineState.BROKEN)
    assert await machine_store.failed_starts() == 1


async def test_another_end_ends_the_row(machine_store: MachineStore) -> None:
    await ended(machine_store, "machine_1", MachineState.BROKEN)
    await ended(machine_store, "machine_2", MachineState.OFF)
    assert await machine_store.failed_starts() == 0


async def test_a_person_may_reset_the_failures(machine_store: MachineStore) -> None:
    await machine_store.reset_failures()
    await ended(machine_store, "machine_1", MachineState.BROKEN)
    await machine_store.reset_failures()
    assert await machine_store.failed_starts() == 0
    await ended(machine_store, "machine_2", MachineState.BROKEN)
    assert await machine_store.failed_starts() == 1


async def test_the_idle_timeout_a_person_set_reaches_the_machine(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.set_idle_timeout(90.0)
    await machine_store.set_idle_timeout(60.0)
    assert await machine_store.idle_timeout() == 60.0
    assert (await machine_store.heartbeat(a_beat(), now=T0)).idle_timeout_seconds == 60.0


async def test_held_is_kept(machine_store: MachineStore) -> None:
    await machine_store.set_held(True)
    assert await machine_store.held() is True
    await machine_store.set_held(False)
    assert await machine_store.held() is False


async def test_the_machine_hears_when_the_control_plane_was_seen(machine_store: MachineStore) -> None:
    await machine_store.create_intent(a_machine())
    await machine_store.control_alive(now=T0 + 1)
    await machine_store.control_alive(now=T0 + 2)
    assert (await machine_store.heartbeat(a_beat(), now=T0 + 3)).control_seen_at == T0 + 2


async def test_settings_are_shared_by_all_openers_of_a_file(open_sqlite: OpenSqlite) -> None:
    (_, one), (_, two) = await open_sqlite(), await open_sqlite()
    await one.set_held(True)
    await one.set_idle_timeout(60.0)
    assert (await two.held(), await two.idle_timeout()) == (True, 60.0)


async def test_the_situation_is_what_the_single_questions_answer(machine_store: MachineStore) -> None:
    empty = await machine_store.situation()
    assert (empty.latest, empty.active, empty.held, empty.idle_timeout_seconds) == (None, None, False, None)
    await machine_store.create_intent(a_machine())
    await machine_store.set_held(True)
    await machine_store.set_idle_timeout(90.0)
    now = await machine_store.situation()
    assert now.active == now.latest == await machine_store.latest()
    assert (now.held, now.idle_timeout_seconds) == (True, 90.0)
    assert now.active is not None
    await machine_store.mark_ended(now.active.id, state=MachineState.OFF, reason="done", now=5.0)
    assert (await machine_store.situation()).active is None
