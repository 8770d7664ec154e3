"""Until when machines are known to have run, for time in which no control plane observed them."""

from collections.abc import Collection

from tlfif.kernel.clock import Clock
from tlfif.machines.machine import MachineRecord
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.money.spend.spans import MachineSpan

REMEMBERED_MACHINES = 100
"""How many machines are searched for one that ended while no control plane observed it."""


class LastSeen:
    """Shared by the meter and the totals, so that both agree about a machine. Its state may be lost at a restart: the
    records alone are used then."""

    def __init__(self, *, machines: MachineStore, policy: MachinePolicy, clock: Clock) -> None:
        self._machines = machines
        self._policy = policy
        self._clock = clock
        self._seen: tuple[str, float] | None = None

    def observed(self, machine_id: str) -> None:
        """The host reports now that the machine exists."""
        self._seen = (machine_id, self._clock.now())

    async def ends_ms(self, running: Collection[MachineSpan]) -> dict[str, int]:
        """For each span without an end, until when it is charged as far as is known now, in epoch milliseconds, by
        machine. Raises StorageError."""
        if not running:
            return {}
        latest = await self._machines.latest()
        records = {} if latest is None else {latest.id: latest}
        if any(span.machine_id not in records for span in running):
            records = {record.id: record for record in await self._machines.history(limit=REMEMBERED_MACHINES)}
        return {span.machine_id: self.end_ms(span, records.get(span.machine_id)) for span in running}

    def end_ms(self, span: MachineSpan, record: MachineRecord | None) -> int:
        """The same for one span. Never longer than a machine may live: then a clock was wrong."""
        longest = span.from_ms + _ms(self._policy.longest_life_seconds)
        if record is None:
            return min(_ms(self._clock.now()), longest)
        at = self._clock.now() if record.ended_at is None else record.ended_at
        return min(max(span.from_ms, _ms(self._end(record, at))), longest)

    def _end(self, record: MachineRecord, at: float) -> float:
        """``at``, unless the machine was last seen longer ago than a heartbeat is valid: a machine whose control plane
        is gone ends itself, and the time until a control plane observes it again is not charged. Then it is the time
        last seen plus one heartbeat, or plus the launch limit where the machine was never seen."""
        policy = self._policy
        seen = self._seen[1] if self._seen is not None and self._seen[0] == record.id else None
        times = [time for time in (record.heartbeat_at, record.stop_requested_at, seen) if time is not None]
        if times:
            last, most = max(times), policy.heartbeat_seconds
        else:
            last, most = record.created_at, policy.launch_limit_seconds
        return at if at - last <= max(most, policy.heartbeat_valid_seconds) else last + most


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
