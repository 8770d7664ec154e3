"""Submit, list, read, follow, cancel."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import AfterValidator
from starlette.responses import Response, StreamingResponse

from tlfif.api.schemas import Accepted, EventList, InferRequest, JobList, JobView, value_range
from tlfif.api.strict_route import StrictRoute
from tlfif.api.views import current_machine, event_view, job_view
from tlfif.application.read_job import follow, next_events, read_answer
from tlfif.application.submit_job import Submission, submit_job
from tlfif.bootstrap.container import Container
from tlfif.domain import limits
from tlfif.domain.errors import InvalidInputError
from tlfif.domain.events import Event
from tlfif.domain.jobs import JobStatus, Message, SubmitResult

SSE = "text/event-stream"
BEAT_SECONDS = 1.0
"""A waiting reader hears of the machine this often."""

KEY_PATTERN = "^[!-~]{1,200}$"
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A request sent again with the same key is the same job. 1 to 200 visible ASCII characters.",
        json_schema_extra={"minLength": 1, "maxLength": 200, "pattern": KEY_PATTERN},
    ),
]
JobId = Annotated[str, Path(examples=["job_0123456789abcdef0123456789abcdef"]), AfterValidator(limits.check_job_id)]
AfterQuery = Annotated[
    int, Query(json_schema_extra={"minimum": 0, "maximum": limits.MAX_CURSOR}, description="Last event number seen.")
]
WaitQuery = Annotated[
    float,
    Query(json_schema_extra=value_range(*limits.WAIT_RANGE), description="Seconds to wait for the next event."),
]


def job_routes(container: Container) -> APIRouter:
    """The routes of jobs, bound to their ports."""
    router = APIRouter(prefix="/v1", tags=["jobs"], route_class=StrictRoute)

    @router.post("/infer", status_code=202, operation_id="submit_job")
    async def infer(body: InferRequest, idempotency_key: Key = None) -> Accepted:
        """Accept a prompt. It is stored before this answers; follow it under ``/v1/jobs/{job_id}/events``."""
        asked = Submission(
            messages=conversation(body),
            model=body.model,
            max_tokens=body.max_tokens,
            temperature=body.temperature,
            seed=body.seed,
            idle_timeout_minutes=body.idle_timeout_minutes,
            idempotency_key=idempotency_key,
        )
        result = await submit(container, asked)
        job = result.job
        return Accepted(
            job_id=job.id,
            status=job.status,
            model=job.request.model,
            created=result.created,
            machine=await current_machine(container),
        )

    @router.get("/jobs", operation_id="list_jobs")
    async def list_jobs(
        limit: Annotated[int, Query(json_schema_extra=value_range(*limits.PAGE_RANGE))] = 20,
        cursor: str | None = None,
        status: JobStatus | None = None,
    ) -> JobList:
        """Jobs, newest first."""
        page = await container.jobs.list_jobs(limit=limits.check_page(limit), cursor=cursor, status=status)
        return JobList(jobs=[job_view(job, None) for job in page.jobs], next_cursor=page.next_cursor)

    @router.get("/jobs/{job_id}", operation_id="get_job")
    async def get_job(job_id: JobId) -> JobView:
        """A job with its answer so far."""
        job = await container.jobs.get(job_id)
        return job_view(job, await read_answer(job_id, jobs=container.jobs))

    @router.post("/jobs/{job_id}/cancel", operation_id="cancel_job")
    async def cancel(job_id: JobId) -> JobView:
        """End a job that waits or runs. A job that has ended is returned as it is."""
        job = await container.jobs.request_cancel(job_id, reason="cancelled by you", now=container.clock.now())
        return job_view(job, await read_answer(job_id, jobs=container.jobs))

    @router.get(
        "/jobs/{job_id}/events",
        response_model=EventList,
        responses={200: {"content": {SSE: {"schema": {"type": "string"}}}}},
        operation_id="follow_job",
    )
    async def events(
        job_id: JobId,
        after: AfterQuery = 0,
        wait: WaitQuery = 0.0,
        accept: Annotated[str, Header()] = "",
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response | EventList:
        """Events after a cursor: JSON (long-poll, ``wait`` seconds), or a stream with ``Accept: text/event-stream``."""
        start = limits.check_cursor(_event_id(last_event_id) if last_event_id is not None else after)
        patience = limits.check_wait(wait)
        if SSE in accept:
            await container.jobs.events(job_id, after=start, limit=1)
            return StreamingResponse(
                _stream(container, job_id, start), media_type=SSE, headers={"Cache-Control": "no-store"}
            )
        found = await next_events(
            job_id,
            after=start,
            wait=patience,
            jobs=container.jobs,
            clock=container.clock,
        )
        job = await container.jobs.get(job_id)
        machine = await current_machine(container) if job.status is JobStatus.QUEUED else None
        return EventList(
            events=[event_view(event) for event in found],
            last_seq=found[-1].seq if found else start,
            status=job.status,
            machine=machine,
        )

    return router


def conversation(body: InferRequest) -> list[Message]:
    """The messages that a request means.

    Raises InvalidInputError ``prompt_or_messages`` where it has both or neither, or what the text itself lacks.
    """
    if (body.prompt is None) == (body.messages is None):
        raise InvalidInputError("Send either prompt or messages, one of the two.", code="prompt_or_messages")
    messages = [Message(role=m.role, content=m.content) for m in body.messages or []]
    if body.prompt is not None:
        messages = [Message(role="user", content=limits.check_text(body.prompt))]
    if body.system is not None:
        messages.insert(0, Message(role="system", content=limits.check_text(body.system, what="system")))
    return messages


async def submit(container: Container, asked: Submission) -> SubmitResult:
    """The use case with this container's ports."""
    return await submit_job(
        asked,
        jobs=container.jobs,
        machines=container.machines,
        models=container.models,
        tokenizer=container.tokenizer,
        policy=container.job_policy,
        clock=container.clock,
        ids=container.ids,
    )


def _event_id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InvalidInputError("Last-Event-ID must be the number of an event.", code="cursor_invalid")
    return int(text)


async def _stream(container: Container, job_id: str, after: int) -> AsyncIterator[bytes]:
    waiting = after <= 1  # event 1 says "queued"
    async for batch in follow(job_id, after=after, jobs=container.jobs, beat_seconds=BEAT_SECONDS):
        if batch:
            waiting = batch[-1].kind == "queued" or batch[-1].kind == "restarted"
            yield b"".join(sse(event) for event in batch)
        elif waiting:
            machine = await current_machine(container)
            yield b"event: machine\ndata: " + machine.model_dump_json().encode() + b"\n\n"
        else:
            yield b": alive\n\n"


def sse(event: Event) -> bytes:
    """One event as a server-sent event; its number is the id to resume after."""
    data = json.dumps({"at": event.at, **event.data})  # ASCII: some line readers split at U+2028 as well
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n".encode()
