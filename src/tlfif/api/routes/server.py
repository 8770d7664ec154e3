"""The server itself: health, metrics, and its own end."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from tlfif import __version__
from tlfif.api.strict_route import StrictRoute
from tlfif.api.views import current_machine
from tlfif.control.container import Container
from tlfif.jobs.jobs import QueueCounts
from tlfif.machines.machine import MachineState
from tlfif.wire.machines import MachineView
from tlfif.wire.server import Health, ServerView


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What the process that serves knows of itself. ``uptime`` and ``exits_in`` give seconds; ``exits_in`` None
    while something keeps it alive; ``stop`` asks it to end."""

    port: int
    uptime: Callable[[], float]
    exits_in: Callable[[], float | None]
    stop: Callable[[], None]


def server_routes(container: Container, facts: ServerFacts | None) -> APIRouter:
    """Health without a token; all else with one. ``facts`` None: no process serves, so there is health alone."""
    router = APIRouter(tags=["server"], route_class=StrictRoute)

    @router.get("/healthz", operation_id="get_health")
    async def health() -> Health:
        """Alive. Needs no token and tells nothing."""
        return Health(status="ok", version=__version__)

    if facts is not None:
        _process_routes(router, container, facts)
    return router


def _process_routes(router: APIRouter, container: Container, facts: ServerFacts) -> None:
    @router.get("/metrics", response_class=PlainTextResponse, operation_id="get_metrics")
    async def metrics() -> PlainTextResponse:
        """Prometheus' text format."""
        machine = await current_machine(container)
        return PlainTextResponse(metrics_text(await container.jobs.counts(), machine, facts.uptime()))

    @router.get("/v1/server", operation_id="get_server")
    async def server() -> ServerView:
        """The server process."""
        return ServerView(
            pid=os.getpid(),
            version=__version__,
            port=facts.port,
            uptime_seconds=round(facts.uptime(), 1),
            exits_in_seconds=facts.exits_in(),
        )

    @router.post("/v1/server/stop", status_code=202, operation_id="stop_server")
    async def stop() -> ServerView:
        """End the machine and then the server; waiting jobs stay stored and go on at the next start."""
        facts.stop()
        return await server()


def metrics_text(counts: QueueCounts, machine: MachineView, uptime: float) -> str:
    """Counters in Prometheus' text format, made from the stores on each request: nothing to keep in step."""
    lines = [
        "# HELP tlfif_jobs Jobs that wait or run now.",
        "# TYPE tlfif_jobs gauge",
        f'tlfif_jobs{{status="queued"}} {counts.queued}',
        f'tlfif_jobs{{status="running"}} {counts.running}',
        "# HELP tlfif_machine_state 1 for the state the machine is in.",
        "# TYPE tlfif_machine_state gauge",
        *(f'tlfif_machine_state{{state="{s}"}} {int(machine["state"] == s)}' for s in MachineState),
        "# HELP tlfif_machine_idle_seconds_left Seconds until the idle machine ends itself.",
        "# TYPE tlfif_machine_idle_seconds_left gauge",
    ]
    if machine["idle_seconds_left"] is not None:
        lines.append(f"tlfif_machine_idle_seconds_left {machine['idle_seconds_left']}")
    lines += [
        "# HELP tlfif_server_uptime_seconds Seconds since the server started.",
        "# TYPE tlfif_server_uptime_seconds counter",
        f"tlfif_server_uptime_seconds {uptime:.1f}",
    ]
    return "\n".join(lines) + "\n"
