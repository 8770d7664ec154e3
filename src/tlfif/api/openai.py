"""``POST /v1/chat/completions``: the same jobs in OpenAI's format, so that any OpenAI client can be used."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from tlfif.api.event_stream import SSE
from tlfif.api.routes.infer import Key, submit
from tlfif.api.schemas import MaxTokens, Messages, Seed, Strict, Temperature, examples, value_range
from tlfif.api.signed_in_gate import user_of
from tlfif.api.strict_route import StrictRoute
from tlfif.control.container import Container
from tlfif.control.submit_job import Submission
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import Job
from tlfif.jobs.limits import check_max_tokens
from tlfif.jobs.read_job import follow, read_answer
from tlfif.jobs.request import Message, Sampling
from tlfif.kernel.errors import ConflictError, InvalidInputError, PromptTooLongError, TlfifError, UnavailableError

BEAT_SECONDS = 10.0


class StreamOptions(Strict):
    """``include_usage`` adds a last piece with the token counts."""

    include_usage: bool = False


class ChatRequest(Strict):
    """OpenAI's request. A field that is not supported is refused by name, not silently dropped."""

    model_config = examples({"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 64})

    messages: Messages
    model: str | None = None
    stream: bool = False
    max_tokens: MaxTokens | None = None
    max_completion_tokens: MaxTokens | None = None
    temperature: Temperature | None = None
    seed: Seed | None = None
    n: Annotated[int, Field(json_schema_extra=value_range(1, 1))] = 1
    user: str | None = None
    stream_options: StreamOptions | None = None


class ChatUsage(BaseModel):
    """Tokens, as the engine counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatAnswer(BaseModel):
    """The message of one choice."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoice(BaseModel):
    """The only choice."""

    index: int = 0
    message: ChatAnswer
    finish_reason: str | None


class ChatCompletion(BaseModel):
    """A whole answer. ``id`` is the job's."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage


def openai_routes(container: Container) -> APIRouter:
    """The compatible endpoint, bound to its ports."""
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=StrictRoute)

    @router.post(
        "/chat/completions",
        response_model=ChatCompletion,
        responses={200: {"content": {SSE: {"schema": {"type": "string"}}}}},
        operation_id="create_chat_completion",
    )
    async def chat(request: Request, body: ChatRequest, idempotency_key: Key = None) -> Response | ChatCompletion:
        """Answer a conversation. A caller that leaves does not cancel the job; cancel it under ``/v1/jobs``.

        Where the host ends long requests, one that takes longer ends with ``answer_pending`` and the job's id.
        """
        if body.n != 1:
            raise InvalidInputError("n must be 1: one answer per request.", code="n_out_of_range")
        for name, value in (("max_tokens", body.max_tokens), ("max_completion_tokens", body.max_completion_tokens)):
            if value is not None:  # also the one that the other overrides
                check_max_tokens(value, name=name)
        asked = Submission(
            messages=[Message(role=m.role, content=m.content) for m in body.messages],
            model=body.model,
            max_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
            sampling=Sampling(temperature=body.temperature, seed=body.seed),
            idempotency_key=idempotency_key,
            owner=user_of(request),
        )
        result = await submit(container, asked)
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            chunks = _chunks(container, result.job, usage=usage)
            return StreamingResponse(chunks, media_type=SSE, headers={"Cache-Control": "no-store"})
        return await _whole(container, result.job)

    return router


def _receipt(event: Event) -> dict[str, Any]:
    found = event.data.get("receipt")
    return found if isinstance(found, dict) else {}


def _usage(receipt: dict[str, Any]) -> dict[str, int]:
    prompt = receipt.get("prompt_tokens") or 0
    completion = receipt.get("completion_tokens") or 0
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _fault(event: Event) -> TlfifError:
    message = str(event.data.get("error_message") or f"The job ended as {event.kind}.")
    code = str(event.data.get("error_code") or f"job_{event.kind}")
    kind = PromptTooLongError if code == PromptTooLongError.code else ConflictError
    return kind(message, code=code)


async def _followed(container: Container, job: Job) -> AsyncIterator[list[Event]]:
    """The job's events, for as long as this host keeps a request open. Raises UnavailableError ``answer_pending``."""
    clock, patience = container.clock, container.longest_wait_seconds
    until = clock.monotonic() + patience
    beat = min(BEAT_SECONDS, patience / 4)
    async for batch in follow(job.id, after=0, jobs=container.jobs, beat_seconds=beat):
        yield batch
        if clock.monotonic() > until and not (batch and batch[-1].kind.is_terminal):
            raise UnavailableError(
                f"The answer is not there yet; it goes on. Read it later under /v1/jobs/{job.id}.",
                code="answer_pending",
                details={"job_id": job.id},
            )


async def _whole(container: Container, job: Job) -> ChatCompletion:
    last: Event | None = None
    async for batch in _followed(container, job):
        last = batch[-1] if batch else last
    if last is None or last.kind is not EventKind.SUCCEEDED:
        raise _fault(last) if last is not None else ConflictError("The job has no end.", code="job_lost")
    receipt = _receipt(last)
    answer = ChatAnswer(content=(await read_answer(job.id, jobs=container.jobs)).text)
    return ChatCompletion(
        id=job.id,
        created=int(container.clock.shown(job.created_at)),
        model=job.request.model,
        choices=[ChatChoice(message=answer, finish_reason=receipt.get("finish_reason"))],
        usage=ChatUsage(**_usage(receipt)),
    )


async def _chunks(container: Container, job: Job, *, usage: bool) -> AsyncIterator[bytes]:
    try:
        async for chunk in _pieces(container, job, usage=usage):
            yield chunk
    except UnavailableError as late:
        yield _error_chunk(late)


def _error_chunk(error: TlfifError) -> bytes:
    return b"data: " + json.dumps({"error": {"code": error.code, "message": error.message}}).encode() + b"\n\n"


async def _pieces(container: Container, job: Job, *, usage: bool) -> AsyncIterator[bytes]:
    head = {
        "id": job.id,
        "object": "chat.completion.chunk",
        "created": int(container.clock.shown(job.created_at)),
        "model": job.request.model,
    }

    def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"

    yield chunk({"role": "assistant"})
    sent = False
    async for batch in _followed(container, job):
        if not batch:
            yield b": alive\n\n"
        for event in batch:
            if event.kind is EventKind.DELTA and event.data["text"]:
                sent = True
                yield chunk({"content": str(event.data["text"])})
            elif event.kind is EventKind.RESTARTED and sent:
                # OpenAI's stream has no word for "started over", and text cannot be taken back.
                yield b'data: {"error": {"code": "started_over", "message": "The answer starts over; ask again."}}\n\n'
                return
            elif event.kind.is_terminal and event.kind is not EventKind.SUCCEEDED:
                yield _error_chunk(_fault(event))
                return
            elif event.kind.is_terminal:
                yield chunk({}, _receipt(event).get("finish_reason") or "stop")
                if usage:
                    tail = {**head, "choices": [], "usage": _usage(_receipt(event))}
                    yield b"data: " + json.dumps(tail).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"
