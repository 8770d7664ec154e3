"""The server itself: health, metrics, and its own end."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from tlfif import __version__
from tlfif.api.metrics import render
from tlfif.api.strict_route import StrictRoute
from tlfif.api.views import current_machine
from tlfif.control.container import Container
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
        return PlainTextResponse(render(await container.jobs.counts(), machine, facts.uptime()))

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
