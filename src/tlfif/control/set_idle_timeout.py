"""A person sets the idle time-out."""

from tlfif.jobs import limits
from tlfif.machines.machine_store import MachineStore


async def set_idle_timeout(minutes: float, *, machines: MachineStore) -> None:
    """Store a new idle time-out; a running machine applies it at its next heartbeat.

    Raises InvalidInputError ``idle_timeout_out_of_range``.
    """
    await machines.set_idle_timeout(limits.check_idle_minutes(minutes))
