"""The requests whose answers are streams, to a server on this computer, over plain connections.

Between a person's call and the first word every layer counts: the HTTP client that ``client.connection`` has for
everything else spends 1.3 to 1.6 ms of processor time on such a request and its answer (profiled, two slow cores);
this one makes no request objects and builds its head in one piece. httptools does the parsing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httptools

from tlfif.client.endpoint import Endpoint
from tlfif.client.errors import lost

IDLE_LINKS = 4
"""Connections kept for the next request; a person rarely follows more answers at once."""
READ_BYTES = 64 * 1024


@dataclass(slots=True)
class _Link:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def usable(self) -> bool:
        return not (self.reader.at_eof() or self.reader.exception() or self.writer.is_closing())


class _Answer:
    """An answer that is still coming. The names of the methods that begin with ``on_`` are httptools'."""

    def __init__(self, link: _Link, silence_seconds: float) -> None:
        self._link = link
        self._silence = silence_seconds
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._has_head = self._keeps = self._complete = False

    def on_headers_complete(self) -> None:
        self._has_head = True
        self._keeps = bool(self._parser.should_keep_alive())  # after the end the parser no longer knows

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        self._complete = True

    @property
    def reusable(self) -> bool:
        """Whether it was read to its end and its connection may serve another."""
        return self._complete and self._keeps and self._link.usable

    async def status(self) -> int:
        while not self._has_head:
            await self._read()
        return int(self._parser.get_status_code())

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            parts, self._parts = self._parts, []
            for part in parts:
                yield part
            if self._complete:
                return
            await self._read()

    async def _read(self) -> None:
        async with asyncio.timeout(self._silence):
            data = await self._link.reader.read(READ_BYTES)
        if not data:
            raise EOFError("the server closed the connection in the middle of an answer")
        self._parser.feed_data(data)


@dataclass(slots=True)
class LoopbackStreams:
    """Requests to one server. ``connect_seconds`` limits the making of a connection, ``silence_seconds`` each wait for
    the next bytes."""

    endpoint: Endpoint
    connect_seconds: float
    silence_seconds: float
    _idle: list[_Link] = field(default_factory=list)
    _closed: bool = False

    @asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Status and body of the answer, as it comes. Left before its end, the connection is closed, by which the
        server knows.

        Raises ConnectionLostError, also while the body is read; ValueError for a header that cannot be sent.
        """
        request = self._request(method, path, params, headers, body)
        try:
            link = await self._link()
            answer = _Answer(link, self.silence_seconds)
            try:
                link.writer.write(request)
                yield await answer.status(), answer.chunks()
            finally:
                if answer.reusable and not self._closed and len(self._idle) < IDLE_LINKS:
                    self._idle.append(link)
                else:
                    link.writer.close()
        except (OSError, EOFError, httptools.HttpParserError) as error:  # TimeoutError is an OSError
            raise lost(error) from error

    def close(self) -> None:
        """Let go of the connections that serve nobody; those in use are closed when they are left."""
        self._closed = True
        while self._idle:
            self._idle.pop().writer.close()

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> bytes:
        sent = {
            "Host": urlsplit(self.endpoint.base_url).netloc,
            "Authorization": f"Bearer {self.endpoint.token}",
            "Accept-Encoding": "identity",
            **headers,
        }
        content = b""
        if body is not None:
            content = json.dumps(body).encode()
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        query = f"?{urlencode(params)}" if params else ""
        lines = [f"{method} {quote(path)}{query} HTTP/1.1"]
        for name, value in sent.items():
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the header {name} can hold visible ASCII characters only")
            lines.append(f"{name}: {value}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + content

    async def _link(self) -> _Link:
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
            link.writer.close()
        base = urlsplit(self.endpoint.base_url)
        async with asyncio.timeout(self.connect_seconds):
            return _Link(*await asyncio.open_connection(base.hostname, base.port))
