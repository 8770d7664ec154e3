"""List, read, follow, cancel."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import AfterValidator
from starlette.responses import Response

from tlfif.api.cost_views import shares
from tlfif.api.event_stream import SSE, STREAM, streamed
from tlfif.api.schemas import value_range
from tlfif.api.signed_in_gate import user_of
from tlfif.api.strict_route import StrictRoute
from tlfif.api.views import current_machine, event_view, job_view
from tlfif.control.container import Container
from tlfif.jobs import limits
from tlfif.jobs.delete_jobs import delete_ended_jobs, delete_job
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.read_job import next_events, owned_job, read_answer
from tlfif.kernel.errors import InvalidInputError
from tlfif.wire.jobs import DeletedJobs, EventList, JobList, JobView

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
    _reading(router, container)
    _changing(router, container)
    _following(router, container)
    return router


def _reading(router: APIRouter, container: Container) -> None:
    @router.get("/jobs", operation_id="list_jobs")
    async def list_jobs(
        request: Request,
        limit: Annotated[int, Query(json_schema_extra=value_range(*limits.PAGE_RANGE))] = 20,
        cursor: str | None = None,
        status: JobStatus | None = None,
    ) -> JobList:
        """Jobs, newest first."""
        page = await container.jobs.list_jobs(
            limit=limits.check_page(limit), cursor=cursor, status=status, owner=user_of(request) or None
        )
        return JobList(jobs=[job_view(job, None, container.clock) for job in page.jobs], next_cursor=page.next_cursor)

    @router.get("/jobs/{job_id}", operation_id="get_job")
    async def get_job(request: Request, job_id: JobId) -> JobView:
        """A job with its answer so far and what it cost."""
        job = await owned_job(job_id, owner=user_of(request), jobs=container.jobs)
        view = job_view(job, await read_answer(job_id, jobs=container.jobs), container.clock)
        view["cost"], view["simulated_aws"] = await shares(container, job, container.money.simulated)
        view["as_if_aws"] = view["simulated_aws"]
        return view


def _changing(router: APIRouter, container: Container) -> None:
    @router.post("/jobs/{job_id}/cancel", operation_id="cancel_job")
    async def cancel(request: Request, job_id: JobId) -> JobView:
        """End a job that waits or runs. A job that has ended is returned as it is."""
        await owned_job(job_id, owner=user_of(request), jobs=container.jobs)
        job = await container.jobs.request_cancel(job_id, reason="cancelled by you", now=container.clock.now())
        return job_view(job, await read_answer(job_id, jobs=container.jobs), container.clock)

    @router.delete("/jobs", operation_id="delete_jobs")
    async def delete_all(request: Request) -> DeletedJobs:
        """Forget all ended jobs at once, prompts and answers. Nothing brings them back. Repeat while ``more``."""
        deleted, more = await delete_ended_jobs(owner=user_of(request), jobs=container.jobs)
        return DeletedJobs(deleted=deleted, more=more)

    @router.delete("/jobs/{job_id}", operation_id="delete_job")
    async def delete_one(request: Request, job_id: JobId) -> DeletedJobs:
        """Forget an ended job at once, prompt and answer. Nothing brings it back."""
        await delete_job(job_id, owner=user_of(request), jobs=container.jobs)
        return DeletedJobs(deleted=1, more=False)


def _following(router: APIRouter, container: Container) -> None:
    @router.get(
        "/jobs/{job_id}/events",
        response_model=EventList,
        responses={200: STREAM},
        operation_id="follow_job",
    )
    async def events(
        request: Request,
        job_id: JobId,
        after: AfterQuery = 0,
        wait: WaitQuery = 0.0,
        accept: Annotated[str, Header(include_in_schema=False)] = "",
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response | EventList:
        """Events after a cursor: JSON (long-poll, ``wait`` seconds), or a stream with ``Accept: text/event-stream``."""
        start = limits.check_cursor(_event_id(last_event_id) if last_event_id is not None else after)
        patience = min(limits.check_wait(wait), container.longest_wait_seconds)
        user = user_of(request)
        if user:
            await owned_job(job_id, owner=user, jobs=container.jobs)
        if SSE in accept and container.streams:
            await container.jobs.events(job_id, after=start, limit=1)
            return streamed(container, job_id, after=start)
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
            events=[event_view(event, container.clock) for event in found],
            last_seq=found[-1].seq if found else start,
            status=job.status,
            machine=machine,
        )


def _event_id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InvalidInputError("Last-Event-ID must be the number of an event.", code="cursor_invalid")
    return int(text)
