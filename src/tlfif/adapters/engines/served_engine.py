"""An inference server that runs as a service of its own: started by systemd, observed from here."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from tlfif.jobs.engine import EngineAddress, EngineProcess
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import EngineGoneError

KEY_NAME = "VLLM_API_KEY"
"""The environment variable of vLLM's key (vLLM ``envs.py``); the file is systemd's EnvironmentFile."""
START_POLL_SECONDS = 0.5
WATCH_POLL_SECONDS = 2.0
MISSES = 3
"""Health checks in a row without an answer: one may be lost while the engine reads long prompts."""
HEALTH_SECONDS = 5.0

GivenUp = Callable[[], Awaitable[str | None]]
"""None while systemd has not given the service up; afterwards why, empty where that is not known."""


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

    ``given_up``: see :data:`GivenUp`. ``start_limit_seconds``: how long a start may take.
    """

    def __init__(
        self, *, base_url: str, api_key: str, clock: Clock, given_up: GivenUp, start_limit_seconds: float
    ) -> None:
        self._address = EngineAddress(base_url=check_loopback(base_url), api_key=api_key, pid=None)
        self._clock = clock
        self._given_up = given_up
        self._limit = start_limit_seconds

    async def start(self) -> EngineAddress:
        """Wait until the service is healthy. Raises EngineGoneError: given up by systemd, or too slow."""
        begun = self._clock.monotonic()
        async with self._client() as client:
            while not await self._healthy(client):
                if (why := await self._given_up()) is not None:
                    raise EngineGoneError(f"The engine was given up after several starts: {why or 'its log says why'}.")
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
