"""Any inference server with OpenAI-style HTTP (llama.cpp, vLLM) behind the Engine port."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from tlfif.adapters.engines.engine_http import EngineHttp
from tlfif.adapters.engines.request_bodies import LLAMA_BODY, BodyDialect, path_and_body
from tlfif.jobs.engine import Chunk, Engine, EngineAddress
from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.pieces import CallPiece, Vector
from tlfif.jobs.request import GenerationRequest, Task
from tlfif.kernel.errors import EngineError, EngineGoneError, EngineRejectedError, PromptTooLongError
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

_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
}
NO_EMBEDDINGS = "embeddings_not_supported"
LEAST_LOGPROB = -9999.0
"""Of a token that cannot come; JSON has no infinity."""


class OpenAIEngine(Engine):
    """``POST /v1/chat/completions`` or ``/v1/completions`` with ``stream``: one token a chunk; the counts come with the
    last chunk. ``POST /v1/embeddings``: one vector a chunk.

    ``words``: what the server calls what differs. ``model_name`` is the server's name for the model; None omits the
    field (llama.cpp serves one model). ``named``: each request's own model is sent instead (vLLM serves a base model
    and personal models on top of it). ``adapters``: llama.cpp's number of each adapter that it has loaded, by sha256;
    empty where it has none.
    """

    def __init__(
        self,
        address: EngineAddress,
        *,
        words: BodyDialect = LLAMA_BODY,
        model_name: str | None = None,
        named: bool = False,
        adapters: Mapping[str, int] | None = None,
        accept_seconds: float = ACCEPT_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._accept_seconds = accept_seconds
        self._words = words
        self._model_name = model_name
        self._named = named
        self._adapters = adapters or {}
        # The engine sends nothing while it reads a long prompt; after this long it has hung.
        self._http = EngineHttp(address, stall_seconds=stall_seconds)

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        return self._embedded(request) if request.task is Task.EMBEDDING else self._generated(request)

    async def _generated(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        path, body = path_and_body(request, self._words)
        finish: FinishReason | None = None
        usage: dict[str, Any] = {}
        try:
            asking = self._http.asked("POST", path, body | self._name_of(request), accept_seconds=self._accept_seconds)
            async with asking as answer:
                if answer.status != 200:
                    raise refusal(answer.status, await answer.whole())
                async for event in _sse_data(answer.pieces()):
                    if event == b"[DONE]":
                        await answer.ended()
                        break
                    body_part = json.loads(event)
                    if "error" in body_part:
                        raise _stream_error(body_part["error"])
                    counts = body_part.get("usage")
                    usage = counts if isinstance(counts, dict) else usage
                    for choice in body_part["choices"]:
                        finish = _REASONS.get(choice["finish_reason"] or "", finish)
                        if (chunk := _chunk(choice, request)) is not None:
                            yield chunk
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EngineGoneError("The engine sent something that is not OpenAI's protocol.") from error
        if finish is None:
            raise EngineGoneError("The engine's answer broke off.")
        yield Chunk(
            finish_reason=finish,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
        )

    async def _embedded(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        for index, message in enumerate(request.messages):
            (vector,) = await self._vectors([message.content], request)
            yield Chunk(embeddings=(Vector(index=index, values=vector),))
        yield Chunk(finish_reason=FinishReason.STOP, completion_tokens=0)

    async def _vectors(self, texts: Sequence[str | list[int]], request: GenerationRequest) -> list[tuple[float, ...]]:
        """One vector for each text, which may be given as the numbers of its tokens."""
        try:
            body = {"input": texts, **self._name_of(request)}
            async with self._http.asked("POST", "/v1/embeddings", body) as answer:
                said = await answer.whole()
            if answer.status != 200:
                raise _no_vectors(answer.status, said)
            found = sorted(json.loads(said)["data"], key=lambda one: int(one["index"]))
            vectors = [_short(one["embedding"]) for one in found]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EngineGoneError("The engine sent something that is not OpenAI's protocol.") from error
        if len(vectors) != len(texts):
            raise EngineGoneError("The engine sent another number of vectors than texts.")
        return vectors

    def _name_of(self, request: GenerationRequest) -> dict[str, object]:
        if self._adapters:
            return {"lora": [{"id": self._adapters[request.adapter], "scale": 1.0}]}
        name = request.model if self._named else self._model_name
        return {} if name is None else {"model": name}

    async def close(self) -> None:
        await self._http.close()


def _chunk(choice: dict[str, Any], request: GenerationRequest) -> Chunk | None:
    """What a choice says; None where that is nothing. llama.cpp names a thinking model's thoughts
    ``reasoning_content``, vLLM ``reasoning`` (and both for a while)."""
    if request.task is Task.COMPLETION:
        delta = {"content": choice["text"]}
    else:
        delta = choice["delta"]
    text = delta.get("content")
    if isinstance(text, str) and text and len(delta) == 1 and request.logprobs is None:
        return Chunk(text=text)  # nearly all are so
    reasoning = delta.get("reasoning_content") or delta.get("reasoning")
    calls = delta.get("tool_calls") or ()
    told = choice.get("logprobs") if request.logprobs is not None else None
    if not (text or reasoning or calls or told):
        return None
    return Chunk(
        text=text if isinstance(text, str) else "",
        reasoning=reasoning if isinstance(reasoning, str) else "",
        tool_calls=tuple(map(_call_piece, calls)),
        logprobs=token_logprobs(told, request.logprobs or 0) if told else (),
    )


def _call_piece(call: dict[str, Any]) -> CallPiece:
    function = call.get("function") or {}
    return CallPiece(
        index=int(call["index"]),
        id=call.get("id") or "",
        name=function.get("name") or "",
        arguments=function.get("arguments") or "",
    )


def token_logprobs(told: dict[str, Any], most: int) -> tuple[dict[str, Any], ...]:
    """One entry a token, with ``most`` of the likeliest others. For ``/v1/completions`` vLLM answers in OpenAI's older
    form, lists side by side."""
    if "content" in told:
        return tuple(
            _entry(one) | {"top_logprobs": [_entry(other) for other in (one.get("top_logprobs") or ())[:most]]}
            for one in told["content"] or ()
        )
    likeliest = told.get("top_logprobs") or [None] * len(told["tokens"])
    return tuple(
        _entry({"token": token, "logprob": logprob})
        | {"top_logprobs": [_entry({"token": t, "logprob": p}) for t, p in list((others or {}).items())[:most]]}
        for token, logprob, others in zip(told["tokens"], told["token_logprobs"], likeliest, strict=True)
    )


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    token, logprob, raw = str(one["token"]), one["logprob"], one.get("bytes")
    known = raw if isinstance(raw, list) else list(token.encode(errors="replace"))
    return {"token": token, "logprob": LEAST_LOGPROB if logprob is None else logprob, "bytes": known}


def _short(values: list[float]) -> tuple[float, ...]:
    """Without the digits that a 32-bit number does not have."""
    return tuple(float(f"{value:.8g}") for value in values)


def _no_vectors(status: int, body: bytes) -> EngineError:
    if status in {404, 501} or (status == 400 and b"not support" in body):
        return EngineRejectedError(
            "This model, or the engine that it runs on, makes no vectors of texts.", code=NO_EMBEDDINGS
        )
    return refusal(status, body)


async def _sse_data(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The ``data:`` payloads of a server-sent event stream, as they come. Such servers send each in one line."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()  # a line may end in CR LF and be cut between the two


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
