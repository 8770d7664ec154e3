"""Anthropic's addresses for messages."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import Response

from tlfif.api.dialect_answers import Call, DialectAnswers, streamed, whole
from tlfif.api.dialect_entrance import note
from tlfif.api.problems import refusal_of
from tlfif.api.routes.openai import ANSWER
from tlfif.api.strict_route import LenientRoute
from tlfif.dialects import frames
from tlfif.dialects.answer import Meanwhile, Waiting
from tlfif.dialects.anthropic import PING, CountRequest, MessagesRequest, MessageStream, Shape, asked, counted
from tlfif.dialects.anthropic_errors import anthropic_stream_error
from tlfif.dialects.extension import NAME
from tlfif.dialects.fields import ignored
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import TlfifError


def anthropic_routes(dialects: DialectAnswers) -> APIRouter:
    """The compatible address, over the home that ``dialects`` asks."""
    router = APIRouter(prefix="/v1", tags=["anthropic"], route_class=LenientRoute)

    @router.post("/messages", responses=ANSWER, operation_id="create_message")
    async def create(request: Request, body: MessagesRequest) -> Response:
        """Answer a conversation in Anthropic's words. A client that hangs up ends the job."""
        wanted = asked(body)
        note(request, ignored=ignored(body))
        call = await dialects.begin(request, wanted)
        words = MessageStream(job_id=call.job.state.id, model=call.job.model, shows_thinking=body.shows_thinking)
        if body.stream:
            return streamed([call], _frames(call, words))
        return whole(words.whole(*await call.whole()))

    @router.post("/messages/count_tokens", operation_id="count_message_tokens")
    async def count(request: Request, body: CountRequest) -> dict[str, int]:
        """About how many tokens a conversation has. No engine is asked, so nothing starts and nothing is charged."""
        note(request, ignored=ignored(body))
        return counted(body)

    return router


async def _frames(call: Call, words: MessageStream) -> AsyncIterator[bytes]:
    try:
        yield _sent(words.begin())
        async for update in call.updates():
            if isinstance(update, Piece):
                yield _sent(words.add(update))
            elif isinstance(update, Waiting):
                yield frames.comment(update.progress) + _sent([PING])
            elif isinstance(update, Meanwhile):
                yield _sent([{**PING, NAME: update.as_json()}])
            else:
                yield _sent(words.end(update))
    except TlfifError as error:
        yield _sent([anthropic_stream_error(refusal_of(error))])


def _sent(events: list[Shape]) -> bytes:
    return b"".join(frames.data(event, event=event["type"]) for event in events)
