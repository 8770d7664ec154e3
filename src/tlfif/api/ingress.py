"""The ingress, in front of the gate: what a connection may cost while nobody knows whose it is.

uvicorn bounds neither a request's head nor the time that it takes, so any program of this computer could fill the
server's memory and file handles without a token.
"""

import asyncio
from asyncio import TimerHandle
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from tlfif.api.problems import problem_of, status_of
from tlfif.kernel.errors import InvalidInputError, TlfifError

MAX_CONNECTIONS = 1200
"""Open at the same time; fewer where the system gives fewer file handles."""
RESERVED = 16
"""Of these, for connections without a request under way: so Stop and health always find a place."""
HEAD_BYTES = 32 * 1024
"""Request line and headers together."""
HEAD_FIELDS = 100
HEAD_SECONDS = 10.0
"""From the connection, or from the first byte of a later request, to the end of the head."""
STALLED_SECONDS = 60.0
"""So long a client may leave an answer unread that does not fit into the buffers; then it counts as gone."""
PIPELINED = 2
"""Requests that may wait in one connection behind the one that is being answered."""
MOST_GATHERED = 64 * 1024
"""Bytes of an answer that are sent together."""
PIECE_BYTES = 8 * 1024
"""A head is measured in pieces of this length."""

NO_HTTP = InvalidInputError("This is not an HTTP request.", code="request_malformed")
TOO_LARGE = InvalidInputError(
    f"The request's headers are more than {HEAD_BYTES // 1024} KiB, or more than {HEAD_FIELDS}.", code="head_too_large"
)
TOO_SLOW = InvalidInputError(f"The request's headers took more than {HEAD_SECONDS:g} s.", code="request_slow")


class IngressConfig(uvicorn.Config):
    """uvicorn's settings for ``app``, and the connections that wait: those without a request under way, the one that
    has waited longest first."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        connections: int = MAX_CONNECTIONS,
        head_seconds: float = HEAD_SECONDS,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        super().__init__(
            app,
            http=Ingress,
            log_config=None,
            log_level="error",  # its warnings are one for each faulty request: a way to fill the disk
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=75,
        )
        self.max_connections = connections
        self.head_seconds = head_seconds
        self.stalled_seconds = stalled_seconds
        self.waiting: dict[Ingress, None] = {}


class Ingress(HttpToolsProtocol):
    """One connection. A new one above the limit closes the one that has waited longest.

    It waits until the head of a request is complete, and again from the end of the last answer on. The timer runs while
    a head is due: from the connection, later from a head's first byte, until the head is complete. Of a head that is
    not, ``_head_bytes`` counts what has come; ``_fault`` is what is told of a request that the parser refuses. Another
    timer runs while an answer is not read.
    """

    config: IngressConfig

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base's
        """Wait for a request, for a limited time."""
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type]  # all that the base asks of one
        self._head_timer: TimerHandle | None = None
        self._stall_timer: TimerHandle | None = None
        self._fault: TlfifError = NO_HTTP
        self._in_head = False
        self._head_bytes = 0
        self._wait()
        self._start_head_timer()
        if len(self.connections) > self.config.max_connections:
            next(iter(self.config.waiting))._drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.config.waiting.pop(self, None)
        self._stop_head_timer()
        self._stop_stall_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(self.config.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        self._stop_stall_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse, and measure what belongs to a head that is not complete."""
        for at in range(0, len(data), PIECE_BYTES):
            piece = data[at : at + PIECE_BYTES]
            super().data_received(piece)
            if self.transport.is_closing():
                return
            if self._in_head:
                self._head_bytes += len(piece)
                if self._head_bytes > HEAD_BYTES:
                    self._refuse(TOO_LARGE)
                    return
        if not self._is_busy() and self._head_timer is None:
            self._start_head_timer()  # of a later request in this connection

    def on_message_begin(self) -> None:
        """A head begins. Raises ValueError, which ends the connection, for one more than may wait."""
        if len(self.pipeline) >= PIPELINED:
            raise ValueError
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; one behind the body is dropped. Raises ValueError for one too many."""
        if not self._in_head:
            return
        if len(self.headers) >= HEAD_FIELDS:
            self._fault = TOO_LARGE
            raise ValueError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request begins."""
        self._in_head = False
        self._stop_head_timer()
        super().on_headers_complete()
        self.config.waiting.pop(self, None)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self._is_busy():
            self._wait()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the base's sentence
        """Called for what the parser does not understand."""
        self._refuse(self._fault)

    def _is_busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self.config.waiting[self] = None

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.config.head_seconds, self._refuse, TOO_SLOW)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _drop(self) -> None:
        """Close at once. The transport reports it later, and until then more connections may come."""
        self.config.waiting.pop(self)
        self.connections.discard(self)
        self.transport.abort()

    def _refuse(self, error: TlfifError) -> None:
        """Answer with the problem where no answer is under way, and close."""
        if not self.pipeline and not (self._is_busy() and self.cycle.response_started):
            made = problem_of(status_of(error), error.code, error.message)
            fields = b"".join(name + b": " + value + b"\r\n" for name, value in made.headers)
            self.transport.write(STATUS_LINE[made.status] + fields + b"connection: close\r\n\r\n" + made.body)
        self.transport.close()


class _Gathering:
    """A transport that sends together what is written in one turn of the event loop, such as the head and the body of
    an answer: each call of the system wakes the client, on whose core the engine may compute."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered = bytearray()

    def write(self, data: bytes) -> None:
        """Send ``data`` soon."""
        if data and not self._gathered:
            self._loop.call_soon(self._send)
        self._gathered += data
        if len(self._gathered) > MOST_GATHERED:
            self._send()

    def close(self) -> None:
        """Send what there is, then close."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        if self._gathered and not self._transport.is_closing():
            self._transport.write(bytes(self._gathered))
        self._gathered.clear()
