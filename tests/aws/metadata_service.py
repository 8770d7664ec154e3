"""EC2's metadata service on loopback, as an instance sees it: a token first, then its user data, and the role's
credentials."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Thread
from typing import Any

ROLE = "/latest/meta-data/iam/security-credentials/"


@dataclass
class MetadataService:
    """The next ``failures`` requests are answered with status 503. ``asked``: the paths."""

    failures: int = 0
    user_data: bytes | None = None
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body."""
        self.asked.append(path)
        if self.failures > 0:
            self.failures -= 1
            return 503, ""
        if path == ROLE:
            return 200, "worker"
        if path == ROLE + "worker":
            ends = datetime.now(UTC) + timedelta(hours=6)
            found = {"AccessKeyId": "testing", "SecretAccessKey": "testing", "Token": "t"}
            return 200, json.dumps({"Code": "Success", "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}", **found})
        if path == "/latest/user-data":
            return (404, "") if self.user_data is None else (200, self.user_data.decode())
        return 200, "token"


@contextmanager
def serving_metadata(service: MetadataService, listening: socket | None = None) -> Iterator[MetadataService]:
    """``service`` behind a socket: one of its own on loopback, or the one that is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.command == "PUT" or self.headers.get("X-aws-ec2-metadata-token") == "token"
            status, body = service.answer(self.path) if known else (401, "")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_PUT = do_GET  # noqa: N815  # the base class's name

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=listening is None)
    if listening is not None:
        server.socket.close()
        server.socket = listening
        server.server_port = listening.getsockname()[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    service.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
