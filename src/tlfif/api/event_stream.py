"""A job's events as a stream of server-sent events."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from starlette.responses import StreamingResponse

from tlfif.api.views import current_machine
from tlfif.control.container import Container
from tlfif.jobs.events import Event
from tlfif.jobs.read_job import follow
from tlfif.wire.jobs import Accepted
from tlfif.wire.machines import MachineView

SSE = "text/event-stream"
STREAM: dict[str, Any] = {"content": {SSE: {"schema": {"type": "string"}}}}
"""How the OpenAPI document describes it."""
BEAT_SECONDS = 1.0
"""While a job waits, or nobody can look after the machine, its reader is sent the machine's state this often."""


def streamed(container: Container, job_id: str, *, after: int, first: bytes = b"") -> StreamingResponse:
    """The events after number ``after`` up to the job's end; ``first`` is sent before them."""
    stream = _stream(container, job_id, after, first)
    return StreamingResponse(stream, media_type=SSE, headers={"Cache-Control": "no-store"})


async def _stream(container: Container, job_id: str, after: int, first: bytes) -> AsyncIterator[bytes]:
    waiting = after <= 1  # event 1 says "queued"
    async for batch in follow(job_id, after=after, jobs=container.jobs, beat_seconds=BEAT_SECONDS):
        if batch:
            waiting = batch[-1].kind == "queued" or batch[-1].kind == "restarted"
            yield first + b"".join(sse(replace(event, at=container.clock.shown(event.at))) for event in batch)
            first = b""  # sent with the event "queued", which is there by now
        elif waiting or container.reconciler.fault is not None:
            machine = await current_machine(container)
            yield sse_unnumbered("machine", machine)
        else:
            yield b": alive\n\n"


def sse_unnumbered(kind: str, data: Accepted | MachineView) -> bytes:
    """What is no part of the job's log, as a server-sent event without a number."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def sse(event: Event) -> bytes:
    """One event as a server-sent event; its number is the id to resume after."""
    data = json.dumps({"at": event.at, **event.data})  # ASCII: some line readers split at U+2028 as well
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n".encode()
