"""Machine records in the memory of one process, for tests."""

from collections.abc import Callable, Sequence

from tlfif.jobs.refusals import no_such_machine
from tlfif.machines.machine import Directive, Heartbeat, MachineRecord, PhaseTiming, Situation
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.transitions import apply_heartbeat, directive, failed_starts


class MemoryMachineStore(MachineStore):
    """``default_idle_timeout`` (seconds) is what machines are told while no person has set another."""

    def __init__(self, *, default_idle_timeout: float) -> None:
        self._default_idle_timeout = default_idle_timeout
        self._records: dict[str, MachineRecord] = {}  # in order of intent
        self._timings: dict[str, list[PhaseTiming]] = {}
        self._idle_timeout: float | None = None
        self._held = False
        self._control_seen_at: float | None = None
        self._forgiven: set[str] = set()

    async def create_intent(self, record: MachineRecord) -> bool:
        """See :meth:`MachineStore.create_intent`."""
        if await self.active() is not None:
            return False
        if record.id in self._records:
            raise ValueError(f"the id {record.id} is taken")
        self._records[record.id] = record
        self._timings[record.id] = []
        return True

    async def active(self) -> MachineRecord | None:
        """See :meth:`MachineStore.active`."""
        newest = await self.latest()
        return newest if newest is not None and newest.ended_at is None else None

    async def latest(self) -> MachineRecord | None:
        """See :meth:`MachineStore.latest`."""
        return next(reversed(self._records.values()), None)

    async def situation(self) -> Situation:
        """See :meth:`MachineStore.situation`."""
        return Situation(latest=await self.latest(), held=self._held, idle_timeout_seconds=self._idle_timeout)

    async def history(self, *, limit: int) -> list[MachineRecord]:
        """See :meth:`MachineStore.history`."""
        return list(reversed(self._records.values()))[: max(0, limit)]

    async def phases_of(self, machine_ids: Sequence[str]) -> dict[str, list[PhaseTiming]]:
        """See :meth:`MachineStore.phases_of`."""
        return {machine_id: list(self._timings.get(machine_id, [])) for machine_id in machine_ids}

    async def heartbeat(self, beat: Heartbeat, *, now: float) -> Directive:
        """See :meth:`MachineStore.heartbeat`."""
        taken = apply_heartbeat(self._records.get(beat.machine_id), beat, now=now)
        if taken is not None:
            self._records[taken.record.id] = taken.record
            if taken.timing is not None:
                self._timings[taken.record.id].append(taken.timing)
        wanted = self._default_idle_timeout if self._idle_timeout is None else self._idle_timeout
        return directive(taken, idle_timeout=wanted, control_seen_at=self._control_seen_at)

    async def phase_timings(self, *, model: str, image: str, limit: int) -> list[PhaseTiming]:
        """See :meth:`MachineStore.phase_timings`."""
        measured = [
            r.id
            for r in reversed(self._records.values())
            if (r.model, r.image) == (model, image) and self._timings[r.id]
        ]
        return [t for machine_id in measured[: max(0, limit)] for t in reversed(self._timings[machine_id])]

    async def failed_starts(self) -> int:
        """See :meth:`MachineStore.failed_starts`."""
        return failed_starts([r for r in reversed(self._records.values()) if r.id not in self._forgiven])

    async def reset_failures(self) -> None:
        """See :meth:`MachineStore.reset_failures`."""
        self._forgiven = set(self._records)

    async def idle_timeout(self) -> float | None:
        """See :meth:`MachineStore.idle_timeout`."""
        return self._idle_timeout

    async def set_idle_timeout(self, seconds: float) -> None:
        """See :meth:`MachineStore.set_idle_timeout`."""
        self._idle_timeout = seconds

    async def held(self) -> bool:
        """See :meth:`MachineStore.held`."""
        return self._held

    async def set_held(self, held: bool) -> None:
        """See :meth:`MachineStore.set_held`."""
        self._held = held

    async def control_alive(self, *, now: float) -> None:
        """See :meth:`MachineStore.control_alive`."""
        self._control_seen_at = now

    async def close(self) -> None:
        """See :meth:`MachineStore.close`."""

    async def change(self, machine_id: str, change: Callable[[MachineRecord], MachineRecord]) -> None:
        """See :meth:`MachineStore.change`."""
        record = self._records.get(machine_id)
        if record is None:
            raise no_such_machine(machine_id)
        self._records[machine_id] = change(record)
