"""The machines so far."""

from tlfif.kernel.clock import Clock
from tlfif.machines.machine_history import PastMachine, past_machine
from tlfif.machines.machine_store import MachineStore


async def list_machines(*, limit: int, machines: MachineStore, clock: Clock) -> list[PastMachine]:
    """The newest ``limit`` machines, newest first, an open one among them. Raises StorageError."""
    records = await machines.history(limit=limit)
    phases = await machines.phases_of([record.id for record in records])
    now = clock.now()
    return [past_machine(record, phases[record.id], now=now) for record in records]
