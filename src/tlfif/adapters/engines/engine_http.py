"""HTTP to an engine on this machine. Each token is a piece of an answer, and what reading one costs is taken from the
engine, which wants every core: so there is httptools, which reads HTTP, and no more than an engine needs around it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import httptools

from tlfif.jobs.engine import EngineAddress
from tlfif.kernel.errors import EngineError, EngineGoneError, EngineStuckError

END_SECONDS = 1.0
"""From the last word of an answer to its end; an engine that takes longer loses its connection."""


class EngineHttp:
    """Asks one engine; its connections are kept and used again. ``stall_seconds``: the longest silence within an
    answer."""

    def __init__(self, address: EngineAddress, *, stall_seconds: float) -> None:
        parts = urlsplit(address.base_url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._fields = f"Host: {parts.netloc}\r\nAuthorization: Bearer {address.api_key}\r\n"
        self._stall_seconds = stall_seconds
        self._idle: list[_Connection] = []

    @asynccontextmanager
    async def asked(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, accept_seconds: float | None = None
    ) -> AsyncIterator["Answer"]:
        """The answer, as soon as its head has come; until then ``accept_seconds`` may pass, or a whole silence. Leaving
        the block early hangs up, which frees the engine's slot.

        Raises EngineGoneError: nobody there, or it does not speak HTTP. EngineStuckError.
        """
        request = self._request(method, path, body)
        try:
            async with asyncio.timeout(accept_seconds or self._stall_seconds):
                connection = await self._begun(request)
        except TimeoutError as error:
            raise (_never_taken_in(accept_seconds) if accept_seconds else _silent()) from error
        try:
            yield Answer(connection, self._stall_seconds)
        finally:
            if connection.is_reusable:
                self._idle.append(connection)
            else:
                connection.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0)  # a transport closes its socket in the loop's next iteration

    def _request(self, method: str, path: str, body: Mapping[str, object] | None) -> bytes:
        content = b""
        if body is not None:
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
        return f"{method} {path} HTTP/1.1\r\n{self._fields}{kind}\r\n".encode() + content

    async def _begun(self, request: bytes) -> "_Connection":
        """A connection on which the head of the answer has come."""
        while self._idle:
            connection = self._idle.pop()
            # The engine may close a connection just when it is used again; then nothing of the answer comes.
            if connection.is_open and await connection.answers(request):
                return connection
        connection = await self._connected()
        if not await connection.answers(request):
            raise EngineGoneError("The engine went away: it closed the connection.")
        return connection

    async def _connected(self) -> "_Connection":
        try:
            _, connection = await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port)
        except OSError as error:
            raise EngineGoneError(f"The engine went away: {type(error).__name__}.") from error
        return connection


class Answer:
    """An answer whose head has come. :meth:`pieces` or :meth:`whole`, once."""

    def __init__(self, connection: "_Connection", stall_seconds: float) -> None:
        self.status = connection.status
        self._connection = connection
        self._stall_seconds = stall_seconds

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises EngineGoneError where it breaks off, EngineStuckError."""
        while True:
            if piece := self._connection.taken():
                yield piece
            elif self._connection.is_whole:
                return
            else:
                await self._more()

    async def whole(self) -> bytes:
        """All of the body. Raises as :meth:`pieces`."""
        return b"".join([piece async for piece in self.pieces()])

    async def ended(self) -> None:
        """Wait a moment for the end behind the last word: only then can the connection serve the next request."""
        with suppress(TimeoutError, EngineError):
            async with asyncio.timeout(END_SECONDS):
                while not self._connection.is_whole:
                    await self._connection.more()
        self._connection.taken()

    async def _more(self) -> None:
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._connection.more()
        except TimeoutError as error:
            raise _silent() from error


class _Connection(asyncio.Protocol):
    """One connection, on which one answer comes at a time. It is also what httptools tells what it reads."""

    status = 0
    is_whole = False
    _goes_on = False
    _transport: asyncio.Transport
    _parser: httptools.HttpResponseParser

    def __init__(self) -> None:
        self._body: list[bytes] = []
        self._has_length = self._is_http = self.is_open = True
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_reusable(self) -> bool:
        """Whether another request can be sent: the answer has ended and its connection has not."""
        return self.is_open and self.is_whole and self._goes_on and not self._body

    async def answers(self, request: bytes) -> bool:
        """Send the request and wait for the head of its answer; False where the connection closes before anything of
        it came. Raises EngineGoneError."""
        self.status, self.is_whole, self._has_length = 0, False, False
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        try:
            while not self.status:
                if not self.is_open:
                    return False
                await self.more()
        except BaseException:
            self.close()
            raise
        return True

    async def more(self) -> None:
        """Return when more has come, or the answer has ended. Raises EngineGoneError where no more will come."""
        if not self._is_http:
            raise EngineGoneError("The engine sent something that is not OpenAI's protocol.")
        if not self.is_open:
            raise EngineGoneError("The engine's answer broke off.")
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def taken(self) -> bytes:
        """What has come of the body since the last call."""
        piece = b"".join(self._body)
        self._body.clear()
        return piece

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP connection's

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError):  # or it speaks without being asked
            self._is_http = False
            self.close()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name for it
        self.is_open = False
        if self.status and not self._has_length and self._is_http:
            self.is_whole = True  # such an answer ends with its connection
        self._wake()

    def on_header(self, name: bytes, _value: bytes) -> None:
        """A field of the answer's head."""
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self._has_length = True

    def on_headers_complete(self) -> None:
        """The head has come."""
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """More of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer has ended."""
        self.is_whole = True
        self._goes_on = self._parser.should_keep_alive()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _never_taken_in(seconds: float) -> EngineStuckError:
    return EngineStuckError(
        f"The engine did not take the prompt in within {seconds:g} s and was ended: most likely the model's chat "
        "template never ends. Choose another model."
    )


def _silent() -> EngineStuckError:
    return EngineStuckError("The engine fell silent in the middle of this answer and was ended.")
