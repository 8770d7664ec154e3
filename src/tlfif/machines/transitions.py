"""How a machine's record changes; pure, and used by every machine store."""

from dataclasses import dataclass, replace

from tlfif.machines.machine import Directive, Heartbeat, MachineRecord, MachineState, PhaseTiming

ENDED = frozenset({MachineState.OFF, MachineState.BROKEN, MachineState.NO_CAPACITY, MachineState.NO_QUOTA})
"""States in which a record may be closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatApplied:
    """A record after a heartbeat, and the phase that it completed, if any."""

    record: MachineRecord
    timing: PhaseTiming | None


def apply_heartbeat(record: MachineRecord | None, beat: Heartbeat, *, now: float) -> HeartbeatApplied | None:
    """The record after ``beat``; None where the heartbeat is not from this record's machine."""
    if record is None or record.ended_at is not None or record.boot_id not in (None, beat.boot_id):
        return None
    stopping = record.state is MachineState.STOPPING
    changed = replace(
        record,
        boot_id=beat.boot_id,
        image=beat.image or record.image,  # on AWS the type that was to be had decides
        heartbeat_at=now,
        idle_since=beat.idle_since,
        worker_pid=beat.worker_pid,
        engine_pid=beat.engine_pid,
        instance_type=beat.instance_type or record.instance_type,
        engine=beat.engine or record.engine,
        state=record.state if stopping else beat.state,
        reason=record.reason if stopping or record.drain_requested else beat.reason or record.reason,
        code=beat.code or record.code,
    )
    if beat.state is MachineState.READY and record.ready_at is None:
        changed = replace(changed, ready_at=now)
    if beat.phase is record.phase:
        return HeartbeatApplied(record=changed, timing=None)
    timing = None
    if record.phase is not None and record.phase_started_at is not None:
        # The wall clock may have jumped back since; a phase never took less than nothing.
        timing = PhaseTiming(phase=record.phase, seconds=max(0.0, now - record.phase_started_at))
    started = None if beat.phase is None else now
    return HeartbeatApplied(record=replace(changed, phase=beat.phase, phase_started_at=started), timing=timing)


def directive(applied: HeartbeatApplied | None, *, idle_timeout: float, control_seen_at: float | None) -> Directive:
    """The answer to a heartbeat; ``applied`` None: it was not from the record's machine."""
    drain = applied is not None and (applied.record.drain_requested or applied.record.state is MachineState.STOPPING)
    return Directive(
        owned=applied is not None,
        drain=drain,
        idle_timeout_seconds=idle_timeout,
        control_seen_at=control_seen_at,
    )


def launched(record: MachineRecord, *, handle: str) -> MachineRecord:
    """The record after the launch was accepted; the first handle is kept."""
    return record if record.handle is not None else replace(record, handle=handle)


def asked_to_drain(record: MachineRecord, *, reason: str) -> MachineRecord:
    """The record after a request to drain; the first reason is kept."""
    if record.ended_at is not None or record.drain_requested:
        return record
    kept = record.reason if record.state is MachineState.STOPPING else reason
    return replace(record, drain_requested=True, reason=kept)


def asked_to_stop(record: MachineRecord, *, reason: str, now: float) -> MachineRecord:
    """The record after the end was requested; the first reason and time are kept, and so is the state ``broken``."""
    if record.ended_at is not None or record.stop_requested_at is not None:
        return record
    if record.state is MachineState.BROKEN:
        return replace(record, stop_requested_at=now)
    return replace(record, state=MachineState.STOPPING, reason=reason, stop_requested_at=now)


def closed(record: MachineRecord, *, state: MachineState, reason: str, now: float, code: str = "") -> MachineRecord:
    """The record after its machine is gone. Raises ValueError for a state in which no record is closed."""
    if state not in ENDED:
        raise ValueError(f"a record is not closed as {state}")
    if record.ended_at is not None:
        return record
    return replace(
        record,
        state=state,
        reason=reason or record.reason,
        code=code or record.code,
        ended_at=now,
        phase=None,
        phase_started_at=None,
        idle_since=None,
        worker_pid=None,
        engine_pid=None,
    )


def failed_starts(newest_first: list[MachineRecord]) -> int:
    """How many of the newest ended machines in a row broke before they were ready.

    An open one that has not been ready yet is skipped.
    """
    failed = 0
    for record in newest_first:
        if record.ended_at is None and record.ready_at is None:
            continue
        if record.ready_at is not None or record.state is not MachineState.BROKEN:
            break
        failed += 1
    return failed
