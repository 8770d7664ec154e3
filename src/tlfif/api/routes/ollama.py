"""Ollama's addresses: chat, generate, vectors, and what it says of models."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from tlfif import __version__
from tlfif.api.dialect_answers import Call, DialectAnswers, streamed, whole
from tlfif.api.dialect_entrance import note
from tlfif.api.problems import refusal_of
from tlfif.api.strict_route import LenientRoute
from tlfif.control.container import Container
from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Meanwhile, Waiting
from tlfif.dialects.extension import NAME
from tlfif.dialects.fields import ignored
from tlfif.dialects.ollama import (
    OllamaChat,
    OllamaEmbed,
    OllamaEmbeddings,
    OllamaGenerate,
    OllamaGenerating,
    OllamaShow,
    asked_chat,
    asked_embed,
    asked_generate,
    model_name,
)
from tlfif.dialects.ollama_answers import API_VERSION, Lines, Shape, embedded, running, shown, tags
from tlfif.dialects.ollama_errors import ollama_refusal
from tlfif.jobs.pieces import Piece
from tlfif.kernel.errors import InvalidInputError, TlfifError
from tlfif.machines.machine import MachineState

NDJSON = "application/x-ndjson"
LINES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}, NDJSON: {"schema": {"type": "string"}}}}
}
READ = ["GET", "HEAD"]


def ollama_routes(dialects: DialectAnswers, container: Container) -> APIRouter:
    """The compatible addresses, over the home that ``dialects`` asks. ``container``: this server's own home."""
    router = APIRouter(tags=["ollama"], route_class=LenientRoute)
    _generating(router, dialects)
    _embedding(router, dialects)
    _describing(router, dialects, container)
    return router


def _generating(router: APIRouter, dialects: DialectAnswers) -> None:
    @router.post("/api/chat", responses=LINES, operation_id="ollama_chat")
    async def chat(request: Request, body: OllamaChat) -> Response:
        """Answer a conversation, as lines of JSON unless ``stream`` is false. A client that hangs up ends the job."""
        return await _answered(dialects, request, body, asked_chat(body), chats=True)

    @router.post("/api/generate", responses=LINES, operation_id="ollama_generate")
    async def generate(request: Request, body: OllamaGenerate) -> Response:
        """Answer a prompt; with ``raw`` go on with it, without a template."""
        return await _answered(dialects, request, body, asked_generate(body), chats=False)


def _embedding(router: APIRouter, dialects: DialectAnswers) -> None:
    @router.post("/api/embed", operation_id="ollama_embed")
    async def embed(request: Request, body: OllamaEmbed) -> dict[str, Any]:
        """A vector for each text."""
        wanted = asked_embed(body.model, body.texts)
        note(request, ignored=ignored(body))
        call = await dialects.begin(request, wanted)
        return embedded(str(body.model), *await call.whole())

    @router.post("/api/embeddings", operation_id="ollama_embeddings")
    async def embeddings(request: Request, body: OllamaEmbeddings) -> dict[str, Any]:
        """A vector for one text."""
        wanted = asked_embed(body.model, [body.prompt or ""])
        note(request, ignored=ignored(body))
        call = await dialects.begin(request, wanted)
        return {"embedding": embedded(str(body.model), *await call.whole())["embeddings"][0]}


def _describing(router: APIRouter, dialects: DialectAnswers, container: Container) -> None:
    @router.get("/api/tags", operation_id="ollama_tags")
    async def list_models() -> dict[str, Any]:
        """The models that can answer."""
        return tags(await dialects.answers.models())

    @router.post("/api/show", operation_id="ollama_show")
    async def show(body: OllamaShow) -> dict[str, Any]:
        """One model."""
        wanted = dialects.model_name(model_name(body.model or body.name))
        for info in await dialects.answers.models():
            if wanted in (info.name, None):
                return shown(info)
        raise InvalidInputError(f"There is no model by the name {str(wanted)[:100]!r}.", code="unknown_model")

    @router.get("/api/ps", operation_id="ollama_ps")
    async def list_running() -> dict[str, Any]:
        """The model that this server's own machine has in memory."""
        latest = (await container.machines.situation()).latest
        name = latest.model if latest is not None and latest.state is MachineState.READY else None
        return running(name, await container.models.list_models())

    @router.api_route("/api/version", methods=READ, include_in_schema=False)
    async def version() -> dict[str, str]:
        return {"version": API_VERSION, "tlfif": __version__}

    @router.api_route("/", methods=READ, include_in_schema=False)
    async def root() -> Response:
        return PlainTextResponse("TL-FIF is running")


async def _answered(
    dialects: DialectAnswers, request: Request, body: OllamaGenerating, wanted: Submission | None, *, chats: bool
) -> Response:
    note(request, ignored=ignored(body))
    words = Lines(model=str(body.model), chats=chats, shows_thinking=bool(body.think))
    if wanted is None:
        return whole(words.loaded(at=_now(dialects)))
    call = await dialects.begin(request, replace(wanted, bridge=body.wants_bridge))
    if body.streams:
        return streamed([call], _lines(dialects, call, words), media_type=NDJSON)
    answer, end = await call.whole()
    return whole(words.whole(answer, end, at=_now(dialects)))


async def _lines(dialects: DialectAnswers, call: Call, words: Lines) -> AsyncIterator[bytes]:
    try:
        async for update in call.updates():
            if isinstance(update, Piece):
                yield _sent(words.add(update, at=_now(dialects)))
            elif isinstance(update, Waiting):
                yield _sent([words.alive(at=_now(dialects))])
            elif isinstance(update, Meanwhile):
                yield _sent([{**words.alive(at=_now(dialects)), NAME: update.as_json()}])
            else:
                yield _sent(words.end(update, at=_now(dialects)))
    except TlfifError as error:
        yield _sent([ollama_refusal(refusal_of(error)).body])


def _sent(lines: list[Shape]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _now(dialects: DialectAnswers) -> float:
    return dialects.clock.shown(dialects.clock.now())
