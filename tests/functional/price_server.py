"""A public web server on loopback that gives one file, well or badly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, kw_only=True)
class Reply:
    """How to answer for one path."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    sized: bool = True
    """Say how long the body is; otherwise it ends where the connection does."""
    chunked: bool = False
    """Send it in chunks instead, without a length."""
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    silent_after: int | None = None
    """Send no more after so many bytes of the body, and keep the connection."""
    trickle: bool = False
    """Send the body's bytes one at a time, with pauses, for as long as anybody listens."""


@dataclass
class PriceServer:
    """Paths that are not in ``replies`` are answered 404."""

    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def price_server() -> Iterator[PriceServer]:
    """A running server, ended with the block."""
    state = PriceServer()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.state = state
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: PriceServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        state = self.server.state
        state.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        reply = state.replies.get(self.path, Reply(status=404))
        self.close_connection = True
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.sized:
            self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if reply.trickle:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if state.closing.wait(0.01):
                    return
        elif reply.silent_after is not None:
            self.wfile.write(reply.body[: reply.silent_after])
            self.wfile.flush()
            state.closing.wait()
        elif reply.chunked:
            self._send_chunks(reply)
        else:
            self.wfile.write(reply.body[: reply.cut_after])

    def _send_chunks(self, reply: Reply) -> None:
        for at in range(0, len(reply.body), 1000):
            part = reply.body[at : at + 1000]
            if reply.cut_after is not None and at + 1000 > reply.cut_after:
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")
