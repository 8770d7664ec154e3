"""The machines so far: why each started and ended, and how long each part took."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.kernel.clock import Clock
from tlfif.machines.machine import STARTING, MachineRecord, MachineState, PhaseTiming
from tlfif.machines.machine_store import MachineStore

UP = STARTING | {MachineState.READY}
"""States in which no end is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMachine:
    """A machine, ended or still there, as its history shows it. Seconds are never negative.

    ``end_reason`` is empty while no end is under way. ``phases`` are the completed parts of the start, in order.
    ``boot_seconds``: from the intent until ready; None where it never was. ``run_seconds``: from ready until the end,
    or until now; None where it never was ready.
    """

    record: MachineRecord
    end_reason: str
    phases: tuple[PhaseTiming, ...]
    boot_seconds: float | None
    run_seconds: float | None


async def list_machines(*, limit: int, machines: MachineStore, clock: Clock) -> list[PastMachine]:
    """The newest ``limit`` machines, newest first, an open one among them. Raises StorageError."""
    records = await machines.history(limit=limit)
    phases = await machines.phases_of([record.id for record in records])
    now = clock.now()
    return [past_machine(record, phases[record.id], now=now) for record in records]


def past_machine(record: MachineRecord, phases: Sequence[PhaseTiming], *, now: float) -> PastMachine:
    """Look back on ``record`` at ``now`` (epoch seconds)."""
    boot, run = None, None
    if record.ready_at is not None:
        # The wall clock may have jumped back in between.
        boot = max(0.0, record.ready_at - record.created_at)
        run = max(0.0, (now if record.ended_at is None else record.ended_at) - record.ready_at)
    return PastMachine(
        record=record, end_reason=_end_reason(record), phases=tuple(phases), boot_seconds=boot, run_seconds=run
    )


def _end_reason(record: MachineRecord) -> str:
    """Until the end is asked for or announced, the record's reason is why the machine started."""
    if record.state in UP and not record.drain_requested:
        return ""
    return "" if record.reason == record.start_reason else record.reason
