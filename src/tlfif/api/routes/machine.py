"""See, start and stop the machine."""

from typing import Annotated

from fastapi import APIRouter, Query

from tlfif.api.schemas import IdleTimeoutRequest, StartRequest, StopRequest, value_range
from tlfif.api.signed_in_gate import OWNER_ONLY
from tlfif.api.strict_route import StrictRoute
from tlfif.api.views import current_machine, past_machine_view
from tlfif.control.container import Container
from tlfif.jobs import limits
from tlfif.machines.list_machines import list_machines
from tlfif.wire.machines import MachineHistory, MachineView, StopResult

PageLimit = Annotated[int, Query(json_schema_extra=value_range(*limits.PAGE_RANGE))]


def machine_routes(container: Container) -> APIRouter:
    """The routes of the machine, bound to their ports."""
    router = APIRouter(prefix="/v1/machine", tags=["machine"], route_class=StrictRoute)

    @router.get("", operation_id="get_machine")
    async def show() -> MachineView:
        """The machine now."""
        return await current_machine(container)

    @router.get("/history", operation_id="get_machine_history")
    async def history(limit: PageLimit = 20) -> MachineHistory:
        """Machines so far, newest first: why each started and ended, and how long it took."""
        rows = limits.check_page(limit)
        past = await list_machines(limit=rows, machines=container.machines, clock=container.clock)
        return MachineHistory(machines=[past_machine_view(one, container.clock) for one in past])

    @router.post("/start", status_code=202, operation_id="start_machine")
    async def start(body: StartRequest | None = None) -> MachineView:
        """Launch a machine without a prompt. One that runs already is left alone; where ``model`` is named and it
        has another one, that is a conflict."""
        await container.control.start(body.model if body else None)
        return await current_machine(container)

    @router.post("/stop", status_code=202, operation_id="stop_machine", dependencies=OWNER_ONLY)
    async def stop(body: StopRequest | None = None) -> StopResult:
        """End the machine now, whatever runs. ``machine.state`` is ``stopping`` until it is confirmed gone."""
        result = await container.control.stop(requeue=body is not None and body.jobs == "requeue")
        return StopResult(
            was_running=result.was_running,
            cancelled=list(result.cancelled),
            requeued=list(result.requeued),
            machine=await current_machine(container),
        )

    @router.put("/idle-timeout", operation_id="set_idle_timeout", dependencies=OWNER_ONLY)
    async def idle_timeout(body: IdleTimeoutRequest) -> MachineView:
        """Set the idle time-out; a running machine applies it within seconds."""
        await container.machines.set_idle_timeout(limits.check_idle_minutes(body.minutes))
        return await current_machine(container)

    return router
