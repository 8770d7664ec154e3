"""An inference server that runs as its own service (vLLM under systemd): observed from here, started by systemd."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from tlfif.adapters.engines.openai_engine import TOO_LONG, OpenAIEngine, refusal
from tlfif.jobs.engine import Chunk, Engine, EngineAddress, EngineProcess
from tlfif.jobs.jobs import GenerationRequest
from tlfif.jobs.limits import MIN_ANSWER_TOKENS, fit_max_tokens
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import EngineError, EngineGoneError, EngineRejectedError, PromptTooLongError

KEY_NAME = "VLLM_API_KEY"
"""The environment variable of vLLM's key (vLLM ``envs.py``); the file is systemd's EnvironmentFile."""
START_POLL_SECONDS = 0.5
WATCH_POLL_SECONDS = 2.0
MISSES = 3
"""Health checks in a row without an answer: one may be lost while the engine reads long prompts."""
HEALTH_SECONDS = 5.0
COUNT_SECONDS = 30.0
MESSAGE_TOKENS = 32
FIXED_TOKENS = 128
"""More tokens than the chat templates of our models add to a message, and to all of them (a system text)."""

Failed = Callable[[], Awaitable[bool]]
"""Whether systemd has given the service up."""


def read_engine_key(path: Path) -> str:
    """The key in a file with the line ``VLLM_API_KEY=…``. Raises EngineGoneError where there is none."""
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == KEY_NAME and value.strip():
                return value.strip()
    except (OSError, UnicodeError) as error:
        raise EngineGoneError(f"The engine's key cannot be read: {type(error).__name__}.") from error
    raise EngineGoneError(f"The engine's key is missing: no line {KEY_NAME}=… in its file.")


def check_loopback(base_url: str) -> str:
    """``base_url`` if it is plain HTTP to this machine, because prompts are sent unencrypted. Raises ValueError."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme != "http" or not (host == "localhost" or _is_loopback(host)):
        raise ValueError("an engine's address must be http:// on this machine (127.0.0.1)")
    return base_url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class ServedEngineProcess(EngineProcess):
    """A service that systemd starts, restarts and ends; ``GET /health`` reports its state.

    ``failed``: whether systemd has given it up. ``start_limit_seconds``: how long a start may take.
    """

    def __init__(
        self, *, base_url: str, api_key: str, clock: Clock, failed: Failed, start_limit_seconds: float
    ) -> None:
        self._address = EngineAddress(base_url=check_loopback(base_url), api_key=api_key, pid=None)
        self._clock = clock
        self._failed = failed
        self._limit = start_limit_seconds

    async def start(self) -> EngineAddress:
        """Wait until the service is healthy. Raises EngineGoneError: given up by systemd, or too slow."""
        begun = self._clock.monotonic()
        async with self._client() as client:
            while not await self._healthy(client):
                if await self._failed():
                    raise EngineGoneError("The engine's service has failed; its log says why.")
                if self._clock.monotonic() - begun >= self._limit:
                    raise EngineGoneError(f"The engine was not healthy within {self._limit:.0f} s.")
                await self._clock.sleep(START_POLL_SECONDS)
        return self._address

    async def wait(self) -> int:
        """Return 1 once three health checks in a row have failed; only systemd knows the real exit status."""
        misses = 0
        async with self._client() as client:
            while misses < MISSES:
                await self._clock.sleep(WATCH_POLL_SECONDS)
                misses = 0 if await self._healthy(client) else misses + 1
        return 1

    async def stop(self) -> None:
        """Do nothing: systemd restarts the service if it fails and ends it with the machine."""

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self._address.base_url, timeout=HEALTH_SECONDS, trust_env=False)

    async def _healthy(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get("/health")).status_code == 200
        except httpx2.RequestError:
            return False


class VllmEngine(Engine):
    """vLLM: every request names its model (the served name, or a personal model's), and the answer is limited to the
    tokens that the prompt leaves, because the API that accepted the prompt could not count them exactly.

    An answer that would be longer is shortened, and ends with the reason "length" as any answer at its limit: after
    minutes of waiting for a machine a refusal would be worse.
    """

    def __init__(self, address: EngineAddress, *, context_tokens: int, connections: int = 32) -> None:
        self._context = context_tokens
        self._inner = OpenAIEngine(address, named=True, connections=connections)
        self._client = httpx2.AsyncClient(
            base_url=address.base_url,
            headers={"Authorization": f"Bearer {address.api_key}"},
            timeout=COUNT_SECONDS,
            trust_env=False,
        )

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See the port. A prompt that leaves no tokens is an EngineRejectedError with the code ``prompt_too_long``."""
        if not self._certainly_fits(request):
            request = replace(request, max_tokens=self._fit(request, await self._count(request)))
        async with aclosing(self._inner.generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        """See the port."""
        await self._client.aclose()
        await self._inner.close()

    def _certainly_fits(self, request: GenerationRequest) -> bool:
        """A token is at least a byte, so most prompts need not be counted."""
        most = sum(MESSAGE_TOKENS + len(message.content.encode()) for message in request.messages)
        return FIXED_TOKENS + most + request.max_tokens <= self._context

    async def _count(self, request: GenerationRequest) -> int:
        """Prompt tokens by vLLM's own ``POST /tokenize``."""
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        try:
            answer = await self._client.post("/tokenize", json={"model": request.model, "messages": messages})
        except httpx2.RequestError as error:
            raise EngineGoneError(f"The engine went away: {type(error).__name__}.") from error
        if answer.status_code != 200:
            raise self._with_limit(refusal(answer.status_code, answer.content))
        try:
            return int(answer.json()["count"])
        except (ValueError, LookupError, TypeError) as error:
            raise EngineGoneError("The engine did not report how long the prompt is.") from error

    def _with_limit(self, error: EngineError) -> EngineError:
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


async def systemd_says_failed(unit: str) -> bool:
    """Whether systemd has given the unit up (``systemctl is-failed``); False where systemctl cannot be run."""
    try:
        child = await asyncio.create_subprocess_exec(
            "systemctl",
            "is-failed",
            "--quiet",
            unit,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    return await child.wait() == 0
