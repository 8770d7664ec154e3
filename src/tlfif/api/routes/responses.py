"""OpenAI's responses: answers that are kept, and can be read again, gone on from, and waited for in the background."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from tlfif.api.dialect_answers import Call, DialectAnswers, streamed, whole
from tlfif.api.dialect_entrance import note
from tlfif.api.routes.openai import ANSWER
from tlfif.api.schemas import value_range
from tlfif.api.signed_in_gate import user_of
from tlfif.api.strict_route import LenientRoute
from tlfif.control.answers import StoredJob
from tlfif.dialects import frames
from tlfif.dialects.answer import Meanwhile, Waiting, answer_of, end_of
from tlfif.dialects.fields import ignored
from tlfif.dialects.responses import Earlier, ResponsesRequest, as_read_again, asked, jobs_needed
from tlfif.dialects.responses_stream import ResponseStream, Shape, input_items, page_of
from tlfif.dialects.starting_over import STARTED_OVER, Steady
from tlfif.jobs import limits
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import AnswerError, InvalidInputError, TlfifError

ResponseId = Annotated[str, Path(examples=["job_0123456789abcdef0123456789abcdef"])]
CANCEL_SECONDS = 2.0
"""So long a cancelled answer's end is waited for: a machine reads the order with its next heartbeat."""


def response_routes(dialects: DialectAnswers) -> APIRouter:
    """The addresses of responses, over the home that ``dialects`` asks. A response's id is its job's."""
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=LenientRoute)
    _making(router, dialects)
    _reading(router, dialects)
    return router


def _making(router: APIRouter, dialects: DialectAnswers) -> None:
    @router.post("/responses", responses=ANSWER, operation_id="create_response")
    async def create(request: Request, body: ResponsesRequest) -> Response:
        """Answer, and keep the answer. With ``background`` this returns at once; the answer is read later."""
        owner = user_of(request)
        earlier = {job_id: await _earlier(dialects, job_id, owner) for job_id in jobs_needed(body)}
        wanted = asked(body, earlier)
        note(request, ignored=ignored(body))
        call = await dialects.begin(request, wanted, goes_on=bool(body.background))
        try:
            words = _words(await dialects.answers.stored(call.job.state.id, owner=owner))
        except TlfifError:
            call.leave()
            raise
        if body.stream:
            return streamed([call], _frames(call, words))
        if body.background:
            call.leave()
            return whole(words.waiting(call.job.state.status))
        answer, end = await call.whole()
        words.add(answer.as_piece())
        return whole(words.ended(end))

    @router.post("/responses/{response_id}/cancel", operation_id="cancel_response")
    async def cancel(request: Request, response_id: ResponseId) -> Response:
        """End a response that is being made; one that has ended is returned as it is."""
        owner = user_of(request)
        job_id = limits.check_job_id(response_id)
        await dialects.answers.cancel(job_id, owner=owner, reason="cancelled by a program")
        async for batch in dialects.answers.follow(job_id, after=0, beat_seconds=CANCEL_SECONDS):
            if not batch.events:
                break
        return whole(await _kept(dialects, job_id, owner))


def _reading(router: APIRouter, dialects: DialectAnswers) -> None:
    @router.get("/responses/{response_id}", responses=ANSWER, operation_id="get_response")
    async def read(
        request: Request,
        response_id: ResponseId,
        stream: bool = False,
        starting_after: int = -1,
    ) -> Response:
        """The response so far; with ``stream`` its events, from the first or after the one of that number."""
        owner = user_of(request)
        job_id = limits.check_job_id(response_id)
        if not stream:
            return whole(await _kept(dialects, job_id, owner))
        found = await dialects.answers.stored(job_id, owner=owner)
        call = dialects.read(request, found.job)
        return streamed([call], _frames(call, _words(found), after=starting_after))

    @router.delete("/responses/{response_id}", operation_id="delete_response")
    async def delete(request: Request, response_id: ResponseId) -> dict[str, Any]:
        """Forget a response that has ended, prompt and answer. Nothing brings it back."""
        await dialects.answers.delete(limits.check_job_id(response_id), owner=user_of(request))
        return {"id": response_id, "object": "response", "deleted": True}

    @router.get("/responses/{response_id}/input_items", operation_id="list_input_items")
    async def items(
        request: Request,
        response_id: ResponseId,
        limit: Annotated[int, Query(json_schema_extra=value_range(*limits.PAGE_RANGE))] = 20,
        order: Literal["asc", "desc"] = "desc",
        after: str | None = None,
    ) -> dict[str, Any]:
        """What the response was made from."""
        job_id = limits.check_job_id(response_id)
        found = await dialects.answers.stored(job_id, owner=user_of(request))
        listed = input_items(job_id, found.request)
        return page_of(listed, after=after, limit=limits.check_page(limit), newest_first=order == "desc")


def _words(found: StoredJob) -> ResponseStream:
    state = found.job.state
    return ResponseStream(job_id=state.id, created_at=state.created_at, request=found.request)


async def _earlier(dialects: DialectAnswers, job_id: str, owner: str) -> Earlier:
    found = await dialects.answers.stored(limits.check_job_id(job_id), owner=owner)
    log = await dialects.answers.log(job_id, owner=owner)
    return Earlier(request=found.request, answer=answer_of(log), ended=bool(log) and log[-1].kind.is_terminal)


async def _kept(dialects: DialectAnswers, job_id: str, owner: str) -> Shape:
    """The response as it is now."""
    found = await dialects.answers.stored(job_id, owner=owner)
    log = await dialects.answers.log(job_id, owner=owner)
    words = _words(found)
    words.add(answer_of(log).as_piece())
    if not log[-1].kind.is_terminal:
        return words.waiting(found.job.state.status)
    try:
        return words.ended(await dialects.billed(end_of(log[-1]), job_id, owner))
    except TlfifError as error:
        return words.failed(error)


async def _frames(call: Call, words: ResponseStream, *, after: int = -1) -> AsyncIterator[bytes]:
    def sent(events: list[Shape]) -> bytes:
        return b"".join(frames.data(event, event=event["type"]) for event in events if event["sequence_number"] > after)

    try:
        yield sent(words.begin())
        async for update in call.updates(Steady(as_read_again(words.request))):
            if isinstance(update, Piece):
                yield sent(words.add(update))
            elif isinstance(update, Waiting):
                yield frames.comment(update.progress)
            elif isinstance(update, Meanwhile):
                continue
            else:
                yield sent(words.end(update))
    except (AnswerError, InvalidInputError) as error:
        yield sent(words.fail(error)) if error.code != STARTED_OVER else _broken(words, error)
    except TlfifError as error:
        yield _broken(words, error)


def _broken(words: ResponseStream, error: TlfifError) -> bytes:
    return frames.data(words.broken(error), event="error")
