"""Starts and stops the machine from the process that has the reconciler."""

from dataclasses import dataclass

from tlfif.control.machine_control import MachineControl, StopResult
from tlfif.control.reconcile import Reconciler
from tlfif.control.start_machine import start_machine
from tlfif.control.stop_machine import stop_machine


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalMachineControl(MachineControl):
    """Used on this computer, and by the router on AWS."""

    reconciler: Reconciler

    async def start(self, model: str | None) -> bool:
        """See the port."""
        return await start_machine(model, self.reconciler)

    async def stop(self, *, requeue: bool) -> StopResult:
        """See the port."""
        router = self.reconciler
        result = await stop_machine(
            requeue=requeue, jobs=router.jobs, machines=router.machines, host=router.host, clock=router.clock
        )
        await router.tick_running(launch=False)
        return result

    async def nudge(self) -> None:
        """See the port. Nothing to do: on this computer the job store wakes the router."""
