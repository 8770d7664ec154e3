"""Reads one public file over the network, within limits of size and time, and without redirects."""

import asyncio
from collections.abc import Callable

import httpx2

from tlfif.adapters.http.host_lookup import Resolver, look_up, system_resolver
from tlfif.kernel.outbound import LOOPBACK_HOSTS, proxy_for, way_out, why_unreachable

BLOCK_BYTES = 1 << 16
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "tlfif"}


class UnreachableError(Exception):
    """The file was not received, or not wholly. The text continues "… cannot be read now: "."""


class UnusableError(Exception):
    """What was received cannot be the file. The text continues "… cannot be used: "."""


class BoundedDownload:
    """Files of one server. Only the request is sent: no token, no name, no statistics. Redirects are refused."""

    def __init__(
        self,
        *,
        base_url: str,
        max_bytes: int,
        total_seconds: float,
        stall_seconds: float = 30.0,
        resolver: Resolver = system_resolver,
    ) -> None:
        """``total_seconds``: for one file, with the host look-up. ``stall_seconds``: without a byte.

        Raises ValueError unless ``base_url`` is https, or http on this computer.
        """
        self._base = httpx2.URL(base_url.rstrip("/"))
        encrypted = self._base.scheme == "https" and bool(self._base.host)
        if not encrypted and not (self._base.scheme == "http" and self._base.host in LOOPBACK_HOSTS):
            raise ValueError(f"the address must begin with https: {base_url}")
        self._max_bytes = max_bytes
        self._total_seconds = total_seconds
        self._stall_seconds = stall_seconds
        self._resolver = resolver

    @property
    def host(self) -> str:
        """The server's host."""
        return self._base.host

    async def read(self, path: str, take: Callable[[bytes], None]) -> None:
        """Pass the file at ``path`` to ``take``, block by block, in constant memory.

        An exception of ``take`` ends the reading and is raised. On return the whole file was received.
        Raises UnreachableError, UnusableError.
        """
        try:
            async with asyncio.timeout(self._total_seconds):
                await self._read(self._base.copy_with(path=self._base.path.rstrip("/") + path), take)
        except TimeoutError as error:
            raise UnreachableError(f"it did not come whole within {self._total_seconds:g} seconds") from error
        except httpx2.TimeoutException as error:
            raise UnreachableError(f"{self.host} fell silent") from error
        except httpx2.RemoteProtocolError as error:
            raise UnreachableError("the connection broke before all of it had come") from error
        except (httpx2.TransportError, OSError) as error:
            raise UnreachableError(why_unreachable(error, str(self._base))) from error

    async def _read(self, url: httpx2.URL, take: Callable[[bytes], None]) -> None:
        if proxy_for(str(url)) is None:
            await look_up(url.host, url.port or 443, self._resolver)
        timeout = httpx2.Timeout(self._stall_seconds)
        async with (
            httpx2.AsyncClient(timeout=timeout, follow_redirects=False, **way_out(str(url))) as client,
            client.stream("GET", url, headers=_HEADERS) as response,
        ):
            self._check(response)
            received = 0
            # Raw: a compressed response could grow without end, and none was requested.
            async for block in response.aiter_raw(BLOCK_BYTES):
                received += len(block)
                if received > self._max_bytes:
                    raise self._too_large()
                take(block)

    def _check(self, response: httpx2.Response) -> None:
        status = response.status_code
        if 300 <= status < 400:
            raise UnreachableError(f"{self.host} sends us on to another address, which is not followed")
        if status != 200:
            raise UnreachableError(f"{self.host} answers {status}")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise UnusableError("it came compressed, which was not asked for")
        length = response.headers.get("Content-Length")
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        if length is None and not chunked:
            raise UnusableError("it came without its length, so nobody could tell if some of it were missing")
        if length is not None and int(length) > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> UnusableError:
        return UnusableError(f"it is larger than {self._max_bytes} bytes")
