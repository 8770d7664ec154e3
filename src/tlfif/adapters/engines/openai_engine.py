"""Any inference server with OpenAI-style HTTP (llama.cpp, vLLM) behind the Engine port."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx2

from tlfif.jobs.engine import Chunk, Engine, EngineAddress
from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.request import GenerationRequest
from tlfif.kernel.errors import (
    EngineError,
    EngineGoneError,
    EngineRejectedError,
    EngineStuckError,
    PromptTooLongError,
)
from tlfif.kernel.plain_text import one_line

ACCEPT_SECONDS = 60.0
"""Until a request is taken in: its chat template applied, its tokens counted. It takes milliseconds, unless the
template never ends."""
STALL_SECONDS = 600.0
"""Until the first token and between two: the slowest machine that is supported reads 2,048 tokens in this time."""
MESSAGE_LETTERS = 300
"""Of an engine's own words, which may quote the model file's template."""
TOO_LONG = PromptTooLongError.code
_LENGTH_TYPES = frozenset({"exceed_context_size_error"})
"""llama.cpp's error type for a prompt that is longer than its context (its server's ``format_error_response``)."""
_LENGTH_PARAMS = frozenset({"input_tokens", "input_text"})
"""vLLM's ``param`` of the same error (its ``renderers/params.py``)."""

_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


class OpenAIEngine(Engine):
    """``POST /v1/chat/completions`` with ``stream``: one token a chunk; the token counts come with the last chunk.

    ``model_name`` is the server's name for the model; None omits the field (llama.cpp serves one model). ``named``:
    each request's own model is sent instead (vLLM serves a base model and personal models on top of it).
    """

    def __init__(
        self,
        address: EngineAddress,
        *,
        model_name: str | None = None,
        named: bool = False,
        connections: int = 16,
        accept_seconds: float = ACCEPT_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._accept_seconds = accept_seconds
        self._model_name = model_name
        self._named = named
        self._client = httpx2.AsyncClient(
            base_url=address.base_url,
            headers={"Authorization": f"Bearer {address.api_key}"},
            # The engine sends nothing while it reads a long prompt; after this long it has hung.
            timeout=httpx2.Timeout(None, connect=5.0, read=stall_seconds),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
        )

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        body = self._body(request)
        finish: FinishReason | None = None
        usage: dict[str, Any] = {}
        try:
            async with aclosing(await self._accepted(body)) as response:
                if response.status_code != 200:
                    raise refusal(response.status_code, await response.aread())
                async for event in _sse_data(response):
                    if event == b"[DONE]":
                        break
                    body_part = json.loads(event)
                    if "error" in body_part:
                        raise _stream_error(body_part["error"])
                    counts = body_part.get("usage")
                    usage = counts if isinstance(counts, dict) else usage
                    for choice in body_part["choices"]:
                        finish = _REASONS.get(choice["finish_reason"] or "", finish)
                        if chunk := _chunk(choice["delta"]):
                            yield chunk
        except httpx2.RequestError as error:
            raise _lost(error) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EngineGoneError("The engine sent something that is not OpenAI's protocol.") from error
        if finish is None:
            raise EngineGoneError("The engine's answer broke off.")
        yield Chunk(
            finish_reason=finish,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
        )

    async def _accepted(self, body: dict[str, object]) -> httpx2.Response:
        """The answer, its body not read yet. Raises EngineStuckError."""
        request = self._client.build_request("POST", "/v1/chat/completions", json=body)
        try:
            async with asyncio.timeout(self._accept_seconds):
                return await self._client.send(request, stream=True)
        except TimeoutError as error:
            raise never_taken_in(self._accept_seconds) from error

    def _body(self, request: GenerationRequest) -> dict[str, object]:
        body: dict[str, object] = {
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "max_tokens": request.max_tokens,
            "temperature": request.sampling.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.sampling.seed is not None:
            body["seed"] = request.sampling.seed
        name = request.model if self._named else self._model_name
        if name is not None:
            body["model"] = name
        return body

    async def close(self) -> None:
        await self._client.aclose()


def _chunk(delta: dict[str, object]) -> Chunk | None:
    """What a delta says; None where that is nothing. llama.cpp names a thinking model's thoughts
    ``reasoning_content``, vLLM ``reasoning`` (and both for a while)."""
    text, reasoning = delta.get("content"), delta.get("reasoning_content") or delta.get("reasoning")
    chunk = Chunk(text=text if isinstance(text, str) else "", reasoning=reasoning if isinstance(reasoning, str) else "")
    return chunk if chunk.text or chunk.reasoning else None


async def _sse_data(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The ``data:`` payloads of a server-sent event stream, as they come. Such servers send each in one line."""
    rest = b""
    async for piece in response.aiter_raw():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()  # a line may end in CR LF and be cut between the two


def never_taken_in(seconds: float) -> EngineStuckError:
    """The error for a request that the engine did not take in within ``seconds``."""
    return EngineStuckError(
        f"The engine did not take the prompt in within {seconds:g} s and was ended: most likely the model's chat "
        "template never ends. Choose another model."
    )


def _lost(error: httpx2.RequestError) -> EngineError:
    if isinstance(error, httpx2.ReadTimeout):
        return EngineStuckError("The engine fell silent in the middle of this answer and was ended.")
    return EngineGoneError(f"The engine went away: {type(error).__name__}.")


def refusal(status: int, body: bytes) -> EngineError:
    """The error for an answer with another status than 200."""
    if status in {401, 404, 408, 429} or status >= 500:
        return EngineGoneError(f"The engine answered with status {status}.")
    try:
        found = json.loads(body)["error"]
        message = one_line(str(found["message"]))[:MESSAGE_LETTERS]
    except (ValueError, LookupError, TypeError):
        return EngineRejectedError(f"The engine refused the request: status {status}")
    if str(found.get("type")) in _LENGTH_TYPES or str(found.get("param")) in _LENGTH_PARAMS:
        return EngineRejectedError(
            "The prompt and its answer are longer than this model holds. Shorten the prompt, or ask for a shorter "
            "answer.",
            code=TOO_LONG,
        )
    return EngineRejectedError(f"The engine refused the request: {message}")


def _stream_error(error: object) -> EngineError:
    code = error.get("code") if isinstance(error, dict) else None
    message = one_line(str(error.get("message", "no reason given") if isinstance(error, dict) else error))[
        :MESSAGE_LETTERS
    ]
    if isinstance(code, int) and 400 <= code < 500:
        return EngineRejectedError(f"The engine refused the request: {message}")
    return EngineGoneError(f"The engine failed: {message}")
