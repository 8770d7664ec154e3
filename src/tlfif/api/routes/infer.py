"""Submit a prompt, and follow its answer in the same request where the caller asks for a stream."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from tlfif.api.event_stream import SSE, STREAM, sse_unnumbered, streamed
from tlfif.api.schemas import InferRequest
from tlfif.api.signed_in_gate import owner_only, user_of
from tlfif.api.strict_route import StrictRoute
from tlfif.api.views import current_machine
from tlfif.control.container import Container
from tlfif.control.submit_job import AcceptedJob, Submission, submit_job
from tlfif.jobs.request import AnswerForm, Message, Sampling, Task, Tool, ToolCall, ToolUse
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
            fits_max_tokens=bool(body.fits_max_tokens),
            sampling=_sampling(body),
            task=Task(body.task or Task.CHAT),
            form=None if body.form is None else AnswerForm(schema=_text(body.form.json_schema)),
            tools=_tools(body),
            logprobs=body.logprobs,
            notes=body.notes or "",
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
    messages = [
        Message(
            role=m.role,
            content=m.content,
            name=m.name,
            tool_calls=tuple(ToolCall(id=one.id, name=one.name, arguments=one.arguments) for one in m.tool_calls or ()),
            tool_call_id=m.tool_call_id,
        )
        for m in body.messages or []
    ]
    if body.prompt is not None:
        messages = [Message(role="user", content=body.prompt)]
    if body.system is not None:
        messages.insert(0, Message(role="system", content=body.system))
    return messages


def _sampling(body: InferRequest) -> Sampling:
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        min_p=body.min_p,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        repeat_penalty=body.repeat_penalty,
        seed=body.seed,
        stop=tuple(body.stop or ()),
        logit_bias=token_biases(body.logit_bias or {}),
    )


def token_biases(asked: Mapping[str, float]) -> tuple[tuple[int, float], ...]:
    """What is added to the logits of tokens, which are named by their numbers as text, as in OpenAI's requests.

    Raises InvalidInputError ``logit_bias_invalid``."""
    if not all(token.isascii() and token.isdigit() and len(token) <= 10 for token in asked):
        raise InvalidInputError("The names in logit_bias must be the numbers of tokens.", code="logit_bias_invalid")
    return tuple((int(token), value) for token, value in asked.items())


def _tools(body: InferRequest) -> ToolUse | None:
    if not body.tools:
        if body.tool_choice not in (None, "auto", "none"):
            raise InvalidInputError("tool_choice names none of the tools: there are none.", code="tool_choice_unknown")
        return None
    offered = tuple(
        Tool(name=t.name, description=t.description, parameters=_text(t.parameters) or "{}", strict=t.strict)
        for t in body.tools
    )
    return ToolUse(offered=offered, choice=body.tool_choice or "auto", parallel=body.parallel_tool_calls is not False)


def _text(schema: dict[str, Any] | None) -> str | None:
    return None if schema is None else json.dumps(schema, ensure_ascii=False)


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
        personal=container.personal,
    )
