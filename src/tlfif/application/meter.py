"""Keeps the ledger in step with the machines: opened when one runs, closed when it is gone."""

from dataclasses import dataclass

from tlfif.domain.ledger import opened
from tlfif.domain.machine import MachineRecord
from tlfif.domain.policy import MachinePolicy
from tlfif.domain.tariff import Tariff
from tlfif.ports.clock import Clock
from tlfif.ports.ledger import Ledger
from tlfif.ports.machine_store import MachineStore

REMEMBERED_MACHINES = 100
"""How far back a machine is looked for that ended while no control plane watched."""


@dataclass(slots=True, kw_only=True)
class Meter:
    """Run with every tick. It works from the records alone, so that a tick that is missed, or repeated, or run by
    another control plane, ends in the same ledger."""

    ledger: Ledger
    machines: MachineStore
    tariff: Tariff
    policy: MachinePolicy
    clock: Clock
    _seen: tuple[str, bool, float | None] | None = None
    _settled: bool = False

    async def observe(self, active: MachineRecord | None) -> None:
        """Take in what the records say now. Costs nothing where nothing has changed. Raises StorageError."""
        seen = None if active is None else (active.id, active.handle is not None, active.ready_at)
        if self._settled and seen == self._seen:
            return
        if active is not None and active.handle is not None:
            await self.ledger.open_span(
                opened(
                    machine_id=active.id,
                    instance_type=self.tariff.instance_type,
                    region=self.tariff.region,
                    at_ms=_ms(active.created_at),
                )
            )
            if active.ready_at is not None:
                await self.ledger.mark_ready(active.id, at_ms=_ms(active.ready_at))
        await self._close_others(active)
        self._seen, self._settled = seen, True

    async def _close_others(self, active: MachineRecord | None) -> None:
        present = None if active is None else active.id
        left = [span.machine_id for span in await self.ledger.open_spans() if span.machine_id != present]
        for machine_id in (await self.ledger.state()).reserved:
            if machine_id != present and machine_id not in left:
                await self.ledger.release(machine_id)
        if not left:
            return
        records = {record.id: record for record in await self.machines.history(limit=REMEMBERED_MACHINES)}
        for machine_id in left:
            record = records.get(machine_id)
            await self.ledger.close_span(machine_id, at_ms=_ms(self._end_of(record)))
            if record is not None and record.ready_at is not None:
                await self.ledger.mark_ready(machine_id, at_ms=_ms(record.ready_at))

    def _end_of(self, record: MachineRecord | None) -> float:
        """When it ended. Where nobody watched for a while, its last sign of life and one heartbeat more: a machine
        whose control plane is gone ends itself, and the time until somebody looks again is not its own."""
        now = self.clock.now()
        if record is None or record.ended_at is None:
            return now
        last_sign = record.heartbeat_at
        if last_sign is None or record.ended_at - last_sign <= self.policy.heartbeat_valid_seconds:
            return record.ended_at
        return last_sign + self.policy.heartbeat_seconds


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
