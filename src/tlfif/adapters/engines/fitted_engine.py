"""Engines that count a prompt exactly and fit the answer behind it, or refuse the prompt."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import httpx2

from tlfif.adapters.engines.openai_engine import ACCEPT_SECONDS, TOO_LONG, OpenAIEngine, never_taken_in, refusal
from tlfif.jobs.engine import Chunk, EngineAddress
from tlfif.jobs.jobs import GenerationRequest
from tlfif.jobs.limits import MIN_ANSWER_TOKENS, fit_max_tokens
from tlfif.kernel.errors import EngineError, EngineGoneError, EngineRejectedError, PromptTooLongError

MESSAGE_TOKENS = 32
FIXED_TOKENS = 128
"""More than the chat templates of our models add to a message, and once (SmolLM2's own system prompt among it)."""


class FittedEngine(OpenAIEngine):
    """Fits each answer into the context, because whoever accepted the prompt could only estimate its tokens.

    An answer that was to be longer than what the prompt leaves is shortened to that, and ends with the reason "length"
    as any answer does that reaches its limit: a refusal does not help a person who has waited for the machine.
    """

    def __init__(
        self,
        address: EngineAddress,
        *,
        context_tokens: int,
        count_path: str,
        count_field: str,
        named: bool = False,
        connections: int = 16,
        accept_seconds: float = ACCEPT_SECONDS,
    ) -> None:
        """``count_path`` is where the server counts a conversation's tokens, ``count_field`` holds them in its answer.
        The others: see the base."""
        super().__init__(address, named=named, connections=connections, accept_seconds=accept_seconds)
        self._context = context_tokens
        self._count_path = count_path
        self._count_field = count_field

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See the port. A prompt that leaves no space is an EngineRejectedError with the code ``prompt_too_long``."""
        if not self._fits_for_certain(request):
            request = replace(request, max_tokens=self._fit(request, await self._count(request)))
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _fits_for_certain(self, request: GenerationRequest) -> bool:
        """No token is less than a byte, so most prompts need not be counted."""
        most = sum(MESSAGE_TOKENS + len(message.content.encode()) for message in request.messages)
        return FIXED_TOKENS + most + request.max_tokens <= self._context

    async def _count(self, request: GenerationRequest) -> int:
        """Prompt tokens, chat template included, by the server's own count."""
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        try:
            answer = await self._client.post(
                self._count_path, json={"model": request.model, "messages": messages}, timeout=self._accept_seconds
            )
        except httpx2.ReadTimeout as error:
            raise never_taken_in(self._accept_seconds) from error
        except httpx2.RequestError as error:
            raise EngineGoneError(f"The engine went away: {type(error).__name__}.") from error
        if answer.status_code != 200:
            raise self._with_context(refusal(answer.status_code, answer.content))
        try:
            return int(answer.json()[self._count_field])
        except (ValueError, LookupError, TypeError) as error:
            raise EngineGoneError("The engine did not say how long the prompt is.") from error

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


def llama_engine(address: EngineAddress, *, context_tokens: int) -> FittedEngine:
    """llama.cpp, which serves one model."""
    return FittedEngine(
        address,
        context_tokens=context_tokens,
        count_path="/v1/chat/completions/input_tokens",
        count_field="input_tokens",
    )


def vllm_engine(address: EngineAddress, *, context_tokens: int) -> FittedEngine:
    """vLLM: every request names its model, the served one or a personal one on top of it."""
    return FittedEngine(
        address, context_tokens=context_tokens, count_path="/tokenize", count_field="count", named=True, connections=32
    )
