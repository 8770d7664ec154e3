"""A model hub on loopback that keeps to the real one's protocol until told to misbehave."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How to answer one request for the file's bytes. The default is to answer well."""

    status: int | None = None
    """Nothing but this status."""
    headers: tuple[tuple[str, str], ...] = ()
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    hang_after: int | None = None
    """Send no more after so many bytes of the body, and keep the connection."""
    silent: bool = False
    """Accept and never answer."""
    unsized: bool = False
    """Do not say how long the body is."""
    ignore_range: bool = False
    wrong_range: bool = False
    """Answer 206 for another place than asked for."""
    etag: str | None = None
    body: bytes | None = None
    """Other bytes than the file's."""
    redirect: str | None = None
    """Send on to exactly this address."""


WELL = Answer()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked of the store that holds the bytes, or of the hub."""

    path: str
    range: str | None
    headers: dict[str, str]


@dataclass
class FakeHub:
    """The hub redirects to a second server, as the real one does; ``answers`` are used up there one by one."""

    body: bytes
    answers: list[Answer] = field(default_factory=list)
    hub_answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    hub_requests: list[Request] = field(default_factory=list)
    url: str = ""
    store_url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def next_answer(self) -> Answer:
        """The script's next line; the last well-behaved for ever."""
        return self.answers.pop(0) if self.answers else WELL

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of every request for bytes."""
        return [request.range for request in self.requests]


@contextmanager
def fake_hub(body: bytes) -> Iterator[FakeHub]:
    """A hub for one file, ended with the block."""
    hub = FakeHub(body=body)
    servers = [_server(hub, _StoreHandler), _server(hub, _HubHandler)]
    hub.store_url, hub.url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: FakeHub

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the play."""


def _server(hub: FakeHub, handler: type[BaseHTTPRequestHandler]) -> _Server:
    server = _Server(("127.0.0.1", 0), handler)
    server.hub = hub
    return server


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _note(self, into: list[Request]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        into.append(Request(path=self.path, range=headers.get("range"), headers=headers))

    def _plain(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class _HubHandler(_Handler):
    """``/{repo}/resolve/{revision}/{file}``: a redirect with the headers that describe the file."""

    def do_GET(self) -> None:
        hub = self.server.hub
        self._note(hub.hub_requests)
        answer = hub.hub_answers.pop(0) if hub.hub_answers else WELL
        if answer.silent:
            hub.closing.wait()
        elif answer.status is not None:
            self._plain(answer.status, dict(answer.headers))
        else:
            described = {
                "Location": answer.redirect or f"{hub.store_url}/bytes?signature=x",
                "X-Linked-Etag": answer.etag or f'"{hashlib.sha256(hub.body).hexdigest()}"',
                "X-Linked-Size": str(len(hub.body)),
                "X-Repo-Commit": "0" * 40,
            }
            self._plain(302, described | dict(answer.headers))


class _StoreHandler(_Handler):
    """Serves bytes and ranges."""

    def do_GET(self) -> None:
        hub = self.server.hub
        self._note(hub.requests)
        answer = hub.next_answer()
        if answer.silent:
            hub.closing.wait()
        elif answer.status is not None:
            self._plain(answer.status, dict(answer.headers))
        else:
            self._send(hub, answer)

    def _send(self, hub: FakeHub, answer: Answer) -> None:
        body = hub.body if answer.body is None else answer.body
        begin = 0
        asked = self.headers.get("Range")
        if asked is not None and not answer.ignore_range:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(body):
            self._plain(416, {"Content-Range": f"bytes */{len(body)}"})
            return
        part = body[begin:]
        self.send_response(206 if begin else 200)
        if not answer.unsized:
            self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", answer.etag or '"store"')
        if begin:
            shown = begin + 1 if answer.wrong_range else begin
            self.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if answer.hang_after is not None:
            self.wfile.write(part[: answer.hang_after])
            self.wfile.flush()
            hub.closing.wait()
        else:
            self.wfile.write(part[: answer.cut_after])
