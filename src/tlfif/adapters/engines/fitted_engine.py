"""Engines whose tokenizer is asked: the text of messages stays text, and the answer is fitted behind the prompt."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx2

from tlfif.adapters.engines.control_tokens import WORD_JOINER, as_plain_text, is_turn_mark, suspects
from tlfif.adapters.engines.openai_engine import ACCEPT_SECONDS, TOO_LONG, OpenAIEngine, never_taken_in, refusal
from tlfif.jobs.engine import Chunk, EngineAddress
from tlfif.jobs.limits import MIN_ANSWER_TOKENS, fit_max_tokens
from tlfif.jobs.request import GenerationRequest
from tlfif.kernel.errors import EngineError, EngineGoneError, EngineRejectedError, PromptTooLongError

MOST_HARMLESS = 10_000
"""Pieces written like control tokens that are remembered to be none, so that the tokenizer is asked once."""
MESSAGE_TOKENS = 32
FIXED_TOKENS = 128
"""More than the chat templates of our models add to a message, and once (SmolLM2's own system prompt among it)."""
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerDialect:
    """How a server's tokenizer is asked. ``count_path`` takes a conversation, and ``count_field`` of the answer holds
    its tokens. ``/tokenize`` takes a text as ``text_field`` beside ``options``; ``pieces`` reads the answer, each
    token as it is written."""

    count_path: str
    count_field: str
    text_field: str
    options: dict[str, bool]
    pieces: Callable[[Any], set[str]]


class FittedEngine(OpenAIEngine):
    """Keeps the text of messages from becoming control tokens, and fits each answer into the context, because whoever
    accepted the prompt could only estimate its tokens.

    An answer that was to be longer than what the prompt leaves is shortened to that, and ends with the reason "length"
    as any answer does that reaches its limit: a refusal does not help a person who has waited for the machine.
    """

    def __init__(
        self,
        address: EngineAddress,
        *,
        context_tokens: int,
        dialect: TokenizerDialect,
        named: bool = False,
        connections: int = 16,
        accept_seconds: float = ACCEPT_SECONDS,
    ) -> None:
        """``named``, ``connections``, ``accept_seconds``: see the base."""
        super().__init__(address, named=named, connections=connections, accept_seconds=accept_seconds)
        self._context = context_tokens
        self._dialect = dialect
        self._harmless: set[str] = set()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See the port. A prompt that leaves no space is an EngineRejectedError with the code ``prompt_too_long``."""
        asked, request = request, await self._as_plain_text(request)
        put_in = request != asked and not any(WORD_JOINER in message.content for message in asked.messages)
        if not self._fits_for_certain(request):
            request = replace(request, max_tokens=self._fit(request, await self._count(request)))
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                # An answer that repeats what was typed repeats what was put into it, too.
                yield without_joiners(chunk) if put_in else chunk

    def _fits_for_certain(self, request: GenerationRequest) -> bool:
        """No token is less than a byte, so most prompts need not be counted."""
        most = sum(MESSAGE_TOKENS + len(message.content.encode()) for message in request.messages)
        return FIXED_TOKENS + most + request.max_tokens <= self._context

    async def _as_plain_text(self, request: GenerationRequest) -> GenerationRequest:
        """The request with nothing in its messages that would become a control token."""
        alike = suspects(message.content for message in request.messages) - self._harmless
        if not alike:
            return request
        body = {self._dialect.text_field: "\n".join(sorted(alike)), **self._dialect.options}
        pieces = await self._ask_tokenizer("/tokenize", {"model": request.model, **body}, self._dialect.pieces)
        control = {one for one in alike if one in pieces or is_turn_mark(one)}
        if len(self._harmless) < MOST_HARMLESS:
            self._harmless |= alike - control
        messages = tuple(replace(one, content=as_plain_text(one.content, control)) for one in request.messages)
        return replace(request, messages=messages)

    async def _count(self, request: GenerationRequest) -> int:
        """Prompt tokens, chat template included, by the server's own count."""
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        body = {"model": request.model, "messages": messages}
        return await self._ask_tokenizer(
            self._dialect.count_path, body, lambda answer: int(answer[self._dialect.count_field])
        )

    async def _ask_tokenizer(self, path: str, body: Mapping[str, object], read: Callable[[Any], Read]) -> Read:
        try:
            answer = await self._client.post(path, json=body, timeout=self._accept_seconds)
        except httpx2.ReadTimeout as error:
            raise never_taken_in(self._accept_seconds) from error
        except httpx2.RequestError as error:
            raise EngineGoneError(f"The engine went away: {type(error).__name__}.") from error
        if answer.status_code != 200:
            raise self._with_context(refusal(answer.status_code, answer.content))
        try:
            return read(answer.json())
        except (ValueError, LookupError, TypeError) as error:
            raise EngineGoneError("The engine did not say what tokens the prompt has.") from error

    def _with_context(self, error: EngineError) -> EngineError:
        if error.code != TOO_LONG:
            return error
        return EngineRejectedError(
            f"The prompt is longer than the {self._context} tokens that this model holds for prompt and answer "
            "together. Shorten the prompt.",
            code=TOO_LONG,
        )

    def _fit(self, request: GenerationRequest, counted: int) -> int:
        asked = request.max_tokens if request.max_tokens < MIN_ANSWER_TOKENS else None
        try:
            return fit_max_tokens(prompt_tokens=counted, asked=asked, default=request.max_tokens, context=self._context)
        except PromptTooLongError as error:
            raise EngineRejectedError(error.message, code=error.code, details=error.details) from error


def without_joiners(chunk: Chunk) -> Chunk:
    """The piece of an answer without word joiners."""
    text, reasoning = (found.replace(WORD_JOINER, "") for found in (chunk.text, chunk.reasoning))
    return replace(chunk, text=text, reasoning=reasoning)


LLAMA = TokenizerDialect(
    count_path="/v1/chat/completions/input_tokens",
    count_field="input_tokens",
    text_field="content",
    options={"parse_special": True, "with_pieces": True},
    # a piece that is no whole character is a list of bytes
    pieces=lambda answer: {token["piece"] for token in answer["tokens"] if isinstance(token["piece"], str)},
)
VLLM = TokenizerDialect(
    count_path="/tokenize",
    count_field="count",
    text_field="prompt",
    options={"add_special_tokens": False, "return_token_strs": True},
    pieces=lambda answer: set(answer["token_strs"]),
)


def llama_engine(address: EngineAddress, *, context_tokens: int) -> FittedEngine:
    """llama.cpp, which serves one model."""
    return FittedEngine(address, context_tokens=context_tokens, dialect=LLAMA)


def vllm_engine(address: EngineAddress, *, context_tokens: int) -> FittedEngine:
    """vLLM: every request names its model, the served one or a personal one on top of it."""
    return FittedEngine(address, context_tokens=context_tokens, dialect=VLLM, named=True, connections=32)
