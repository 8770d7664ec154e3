"""A small API that believes nobody: every token is verified against the provider's own keys, as API Gateway does."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet


class ResourceServer:
    """Answers ``GET /v1/jobs``. ``refused`` holds tokens that it takes for expired."""

    def __init__(self) -> None:
        self.url = ""
        self.issuer = ""
        self.refused: set[str] = set()
        self.seen: list[tuple[int, str]] = []
        self._keys: KeySet | None = None

    def check(self, token: str) -> None:
        """Raises JoseError for a token that is not the provider's, for this API."""
        if self._keys is None:
            with urllib.request.urlopen(f"{self.issuer}/jwks", timeout=10) as answer:
                self._keys = KeySet.import_key_set(json.loads(answer.read()))
        found = jwt.decode(token, self._keys, algorithms=["RS256"])
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": "tlfif-api"},
            exp={"essential": True},
            scope={"essential": True, "value": "tlfif/use"},
        ).validate(found.claims)


@contextmanager
def serving_resource() -> Iterator[ResourceServer]:
    """Runs it on a port of its own."""
    resource = ResourceServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            try:
                resource.check(token)
                status = 401 if token in resource.refused else 200
            except (JoseError, ValueError):
                status = 401
            resource.seen.append((status, token))
            wrong = {"code": "token_wrong", "detail": "The token is wrong.", "status": 401}
            body = json.dumps({"jobs": [], "next_cursor": None} if status == 200 else wrong).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """It says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    resource.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield resource
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
