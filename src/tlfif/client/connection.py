"""One connection to one server: requests with the token, problems as errors, repeated where that is safe."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tlfif.client.endpoint import Endpoint, Locator, Sleep
from tlfif.client.errors import (
    ApiError,
    ConnectionLostError,
    GatewayFailedError,
    NotReachableError,
    ServerFailedError,
    error_from,
    lost,
)
from tlfif.kernel.outbound import NoWayOutError, WayOut, way_out

if TYPE_CHECKING:
    import httpx2

TRIES = 3
BACKOFF_SECONDS = (0.1, 0.4, 1.0)
"""Pauses before the second, third and any later try."""
GATEWAY_BACKOFF_SECONDS = (1.0, 3.0, 8.0)
"""The same after a gateway's answer: a function that AWS has no room for, or that failed, takes seconds to recover."""
LONGEST_RETRY_AFTER_SECONDS = 30.0
"""Where a gateway asks for a longer pause, the person is told instead."""
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 30.0
SILENCE_SECONDS = 10.0
"""A stream carries something about once a second; after this long without, the connection counts as lost."""


class Connection:
    """Opened by its first use; only then is the HTTP library imported, while the server starts."""

    def __init__(self, locator: Locator, *, sleep: Sleep = asyncio.sleep) -> None:
        self._locator = locator
        self.sleep = sleep
        self._http: httpx2.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._can_stream = True
        self._stays = False

    async def open(self) -> "httpx2.AsyncClient":
        """Find or start the server. Raises NotReachableError."""
        if self._http is not None:
            return self._http
        async with self._opening:  # two requests at once share one client
            if self._http is None:
                # In a thread, so that the import and the server's start take place at the same time.
                loading = asyncio.create_task(asyncio.to_thread(importlib.import_module, "httpx2"))
                endpoint = await self._locator.ensure()
                await loading
                self._http = self._use(endpoint)
            return self._http

    async def can_stream(self) -> bool:
        """Whether this server can. Raises NotReachableError."""
        await self.open()
        return self._can_stream

    async def recover(self) -> None:
        """Find the server again after a broken connection, wherever it is now. Raises NotReachableError."""
        async with self._opening:
            await self.renew()
            endpoint = await self._locator.again()
            if self._http is None:
                self._http = self._use(endpoint)

    async def renew(self) -> None:
        """After a broken connection: the next use finds the server again, unless it can be nowhere else. Other requests
        to such a one go on."""
        if not self._stays:
            await self.close()

    def _use(self, endpoint: Endpoint) -> "httpx2.AsyncClient":
        self._can_stream, self._stays = endpoint.streams, endpoint.stays
        return _http_client(endpoint)

    async def close(self) -> None:
        """Close it; the next use opens it anew."""
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        tries: int = TRIES,
    ) -> Any:
        """The JSON of the server's answer. A request over a connection that breaks is sent again, ``tries`` times in
        all: pass 1 for one that must not be sent twice.

        Raises ApiError.
        """
        for attempt in range(1, tries + 1):
            try:
                return await self._once(method, path, body, params, headers, answer_seconds)
            except ConnectionLostError as error:
                if attempt == tries:
                    raise
                await self.renew()
                await self.pause(error, attempt)
        raise ValueError("tries must be 1 or more")

    async def pause(self, error: ApiError, failures: int) -> None:
        """Wait after so many ``failures`` in a row, of which ``error`` is the last. Raises ``error`` where its sender
        asks for more than :data:`LONGEST_RETRY_AFTER_SECONDS`."""
        steps, least = BACKOFF_SECONDS, 0.0
        if isinstance(error, GatewayFailedError):
            steps, least = GATEWAY_BACKOFF_SECONDS, error.retry_after or 0.0
        if least > LONGEST_RETRY_AFTER_SECONDS:
            raise error
        await self.sleep(max(least, steps[min(failures, len(steps)) - 1]))

    async def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        answer_seconds: float,
    ) -> Any:
        import httpx2

        http = await self.open()
        limits = httpx2.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        try:
            response = await http.request(
                method, path, json=body, params=params, headers=dict(headers or {}), timeout=limits
            )
        except httpx2.TransportError as error:
            raise lost(error, str(http.base_url)) from error
        found = _json(response.content)
        if not response.is_success:
            raise _refusal(response, found)
        if found is None:
            raise ServerFailedError("The server's answer is not JSON.", code="answer_malformed")
        return found

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Bytes of an event stream as they come. Raises ApiError, ConnectionLostError also while reading."""
        import httpx2

        http = await self.open()
        wanted = {"Accept": "text/event-stream", **(headers or {})}
        limits = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        try:
            async with http.stream(method, path, json=body, params=params, headers=wanted, timeout=limits) as response:
                if response.status_code != 200:
                    raise _refusal(response, _json(await response.aread()))
                yield response.aiter_raw()
        except httpx2.TransportError as error:
            raise lost(error, str(http.base_url)) from error


def _http_client(endpoint: Endpoint) -> "httpx2.AsyncClient":
    import httpx2

    return httpx2.AsyncClient(
        base_url=endpoint.base_url,
        headers={"Authorization": f"Bearer {endpoint.token}", "Accept-Encoding": "identity"},
        auth=endpoint.auth,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        follow_redirects=False,
        **_way_out(endpoint.base_url),
    )


def _refusal(response: "httpx2.Response", body: object) -> ApiError:
    return error_from(response.status_code, body, retry_after=response.headers.get("Retry-After", ""))


def _way_out(url: str) -> WayOut:
    try:
        return way_out(url)
    except NoWayOutError as error:
        raise NotReachableError(f"The server cannot be reached: {error}.") from error


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None
