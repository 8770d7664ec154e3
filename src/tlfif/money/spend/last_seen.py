"""Until when machines are known to have run, for time that nobody watched."""

from collections.abc import Collection

from tlfif.kernel.clock import Clock
from tlfif.machines.machine import MachineRecord
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.money.spend.spans import MachineSpan

REMEMBERED_MACHINES = 100
"""How far back machines are looked for that ended while no control plane watched."""


class LastSeen:
    """Shared by the meter and the sums, so that both say the same of one machine. Holds nothing that a restart may not
    lose: then the records alone tell."""

    def __init__(self, *, machines: MachineStore, policy: MachinePolicy, clock: Clock) -> None:
        self._machines = machines
        self._policy = policy
        self._clock = clock
        self._seen: tuple[str, float] | None = None

    def saw(self, machine_id: str) -> None:
        """The host says now that it exists."""
        self._seen = (machine_id, self._clock.now())

    async def ends_ms(self, running: Collection[MachineSpan]) -> dict[str, int]:
        """For each span that has no end yet, until when it is to be paid for as far as is known now, in epoch
        milliseconds, by machine. Raises StorageError."""
        if not running:
            return {}
        latest = await self._machines.latest()
        records = {} if latest is None else {latest.id: latest}
        if any(span.machine_id not in records for span in running):
            records = {record.id: record for record in await self._machines.history(limit=REMEMBERED_MACHINES)}
        return {span.machine_id: self.end_ms(span, records.get(span.machine_id)) for span in running}

    def end_ms(self, span: MachineSpan, record: MachineRecord | None) -> int:
        """The same for one span. Without a record it is the present, but no later than any machine may run."""
        if record is None:
            longest = self._policy.max_run_seconds + self._policy.drain_limit_seconds
            return min(_ms(self._clock.now()), span.from_ms + _ms(longest))
        at = self._clock.now() if record.ended_at is None else record.ended_at
        return max(span.from_ms, _ms(self._end(record, at)))

    def _end(self, record: MachineRecord, at: float) -> float:
        """``at``, unless nothing was heard of the machine for longer than a heartbeat is valid: a machine whose control
        plane is gone ends itself, and the time until somebody looks again is not its own. Then it is the last sign and
        one heartbeat more, or the launch limit for one that never gave a sign."""
        policy = self._policy
        seen = self._seen[1] if self._seen is not None and self._seen[0] == record.id else None
        signs = [sign for sign in (record.heartbeat_at, record.stop_requested_at, seen) if sign is not None]
        if signs:
            last, most = max(signs), policy.heartbeat_seconds
        else:
            last, most = record.created_at, policy.launch_limit_seconds
        return at if at - last <= max(most, policy.heartbeat_valid_seconds) else last + most


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
