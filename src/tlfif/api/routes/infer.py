"""Submit a prompt, and follow its answer in the same request where the caller asks for a stream."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from tlfif.api.event_stream import SSE, STREAM, sse_unnumbered, streamed
from tlfif.api.schemas import InferRequest
from tlfif.api.signed_in_gate import owner_only, user_of
from tlfif.api.strict_route import StrictRoute
from tlfif.api.views import current_machine
from tlfif.control.container import Container
from tlfif.control.submit_job import AcceptedJob, Submission, submit_job
from tlfif.jobs.request import Message, Sampling
from tlfif.kernel.errors import InvalidInputError
from tlfif.wire.jobs import Accepted

KEY_PATTERN = "^[!-~]{1,200}$"
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A request sent again with the same key is the same job. 1 to 200 visible ASCII characters.",
        json_schema_extra={"minLength": 1, "maxLength": 200, "pattern": KEY_PATTERN},
    ),
]


def infer_routes(container: Container) -> APIRouter:
    """The route that takes prompts, bound to its ports."""
    router = APIRouter(prefix="/v1", tags=["jobs"], route_class=StrictRoute)

    @router.post("/infer", status_code=202, response_model=Accepted, responses={200: STREAM}, operation_id="submit_job")
    async def infer(
        request: Request,
        body: InferRequest,
        idempotency_key: Key = None,
        accept: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response | Accepted:
        """Accept a prompt. It is stored before this answers; follow it under ``/v1/jobs/{job_id}/events``.

        With ``Accept: text/event-stream`` the answer is that stream at once, the event ``accepted`` before all others,
        where the host can stream; JSON, as without it, where it cannot.
        """
        if body.idle_timeout_minutes is not None:
            owner_only(request)
        asked = Submission(
            messages=conversation(body),
            model=body.model,
            max_tokens=body.max_tokens,
            sampling=Sampling(temperature=body.temperature, seed=body.seed),
            idle_timeout_minutes=body.idle_timeout_minutes,
            idempotency_key=idempotency_key,
            owner=user_of(request),
        )
        result = await submit(container, asked)
        job = result.job
        accepted = Accepted(
            job_id=job.id,
            status=job.status,
            model=job.request.model,
            created=result.created,
            machine=await current_machine(container, result.situation),
        )
        if SSE in accept and container.streams:
            return streamed(container, job.id, after=0, first=sse_unnumbered("accepted", accepted))
        return accepted

    return router


def conversation(body: InferRequest) -> list[Message]:
    """A request's messages. Raises InvalidInputError ``prompt_or_messages`` where it has both kinds or neither."""
    if (body.prompt is None) == (body.messages is None):
        raise InvalidInputError("Send either prompt or messages, one of the two.", code="prompt_or_messages")
    messages = [Message(role=m.role, content=m.content) for m in body.messages or []]
    if body.prompt is not None:
        messages = [Message(role="user", content=body.prompt)]
    if body.system is not None:
        messages.insert(0, Message(role="system", content=body.system))
    return messages


async def submit(container: Container, asked: Submission) -> AcceptedJob:
    """Call the use case with this container's ports."""
    return await submit_job(
        asked,
        jobs=container.jobs,
        machines=container.machines,
        models=container.models,
        policy=container.job_policy,
        clock=container.clock,
        ids=container.ids,
        control=container.control,
        budget=container.money.budget,
    )
