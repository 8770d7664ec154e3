"""OpenAI's addresses: chat, completions, embeddings, and one model."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from tlfif.api.dialect_answers import Call, DialectAnswers, merged, streamed, whole
from tlfif.api.dialect_entrance import note
from tlfif.api.event_stream import SSE
from tlfif.api.problems import refusal_of
from tlfif.api.strict_route import LenientRoute
from tlfif.api.views import openai_model
from tlfif.dialects import frames
from tlfif.dialects.answer import End, Meanwhile, Waiting
from tlfif.dialects.fields import ignored
from tlfif.dialects.openai_chat import ChatAnswers, ChatRequest, chat_submission
from tlfif.dialects.openai_completions import CompletionAnswers, CompletionRequest, completion_submission
from tlfif.dialects.openai_embeddings import EmbeddingRequest, embedding_answer, embedding_submission
from tlfif.dialects.openai_errors import openai_stream_error
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import InvalidInputError, TlfifError
from tlfif.models.model_store import ModelState
from tlfif.wire.models import OpenAIModel

ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}, SSE: {"schema": {"type": "object"}}}}
}


def openai_routes(dialects: DialectAnswers) -> APIRouter:
    """The compatible addresses, over the home that ``dialects`` asks."""
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=LenientRoute)

    @router.post("/chat/completions", responses=ANSWER, operation_id="create_chat_completion")
    async def chat(request: Request, body: ChatRequest) -> Response:
        """Answer a conversation. A client that hangs up ends the job, unless it sent
        ``X-TLFIF-On-Disconnect: continue``."""
        asked, count = chat_submission(body), body.choices
        note(request, ignored=ignored(body))
        calls = await dialects.begin_all(request, asked, count=count)
        words = ChatAnswers(
            job=calls[0].job,
            is_legacy=body.is_legacy,
            wants_usage=body.wants_usage,
            logprobs=bool(body.logprobs),
        )
        return await _answered(calls, words, stream=bool(body.stream))

    @router.post("/completions", responses=ANSWER, operation_id="create_completion")
    async def complete(request: Request, body: CompletionRequest) -> Response:
        """Go on with a text, without a chat template."""
        asked, count = completion_submission(body), body.choices
        note(request, ignored=ignored(body))
        calls = await dialects.begin_all(request, asked, count=count)
        words = CompletionAnswers(
            job=calls[0].job,
            echo=body.text if body.echo else "",
            wants_usage=body.wants_usage,
            logprobs=body.logprobs is not None,
        )
        return await _answered(calls, words, stream=bool(body.stream))

    @router.post("/embeddings", operation_id="create_embedding")
    async def embed(request: Request, body: EmbeddingRequest) -> dict[str, Any]:
        """A vector for each text."""
        asked = embedding_submission(body)
        note(request, ignored=ignored(body))
        call = await dialects.begin(request, asked)
        return embedding_answer(body, call.job, *await call.whole())

    @router.get("/models/{name:path}", operation_id="get_model")
    async def model(name: str) -> OpenAIModel:
        """One model, also by a name that the setting ``TLFIF_MODEL_NAMES`` gives it."""
        wanted = dialects.model_name(name)
        for info in await dialects.answers.models():
            if info.state is ModelState.READY and wanted in (info.name, None):
                return OpenAIModel(**{**openai_model(info), "id": name})
        raise InvalidInputError(f"There is no model by the name {name[:100]!r}.", code="unknown_model")

    return router


Words = ChatAnswers | CompletionAnswers


async def _answered(calls: Sequence[Call], words: Words, *, stream: bool) -> Response:
    if stream:
        return streamed(calls, _frames(calls, words))
    return whole(words.whole(await asyncio.gather(*(call.whole() for call in calls))))


async def _frames(calls: Sequence[Call], words: Words) -> AsyncIterator[bytes]:
    ends: list[End] = []
    try:
        yield b"".join(words.first(at) for at in range(len(calls)))
        async for at, update in merged(calls):
            if isinstance(update, Piece):
                yield words.piece(at, update)
            elif isinstance(update, Waiting):
                yield frames.comment(update.progress)
            elif isinstance(update, Meanwhile):
                yield words.meanwhile(at, update) if isinstance(words, ChatAnswers) else b""
            else:
                ends.append(update)
                yield words.end(at, update)
        yield words.last(ends)
    except TlfifError as error:
        yield frames.data(openai_stream_error(refusal_of(error)))
