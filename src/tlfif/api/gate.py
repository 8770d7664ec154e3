"""The gate on this computer, which checks each request before the app sees it: host, no web page, token, size of the
body."""

import hmac
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from tlfif.api.request_body import check_declared, drain, read_body, refuse, replay
from tlfif.kernel.errors import BusyError, NotAllowedError, TlfifError

OPEN_PATHS = frozenset({"/healthz"})
ALWAYS_ANSWERED = OPEN_PATHS | {"/v1/server", "/v1/server/stop"}
"""Also while as many requests are under way as may be."""


class Gate:
    """ASGI middleware, without a framework because every request to follow an answer passes through it.

    * The ``Host`` header must name this server. A web page that points its own DNS name at 127.0.0.1 sends
      that name.
    * A request with an ``Origin`` comes from a web page and is refused; no CORS header is ever sent.
    * Every path but ``/healthz`` needs ``Authorization: Bearer <token>``.
    * A body over 1 MiB is refused, whether its length was declared or not, and so is one that takes too long.
    * No more than ``most_requests`` are answered at the same time.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        hosts: frozenset[str],
        on_request: Callable[[], None],
        most_requests: int,
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.encode() for host in hosts)
        self._on_request = on_request
        self._most_requests = most_requests
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope["path"], scope["headers"])
        except TlfifError as error:
            if error.code == "body_too_large" and not any(name == b"expect" for name, _ in scope["headers"]):
                await drain(receive)
            await refuse(send, error, path=scope["path"])
            return
        if scope["path"] not in OPEN_PATHS:
            self._on_request()
        self._under_way += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self._under_way -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(receive)
        except TlfifError as error:
            await refuse(send, error, path=scope["path"])
            return
        if body is not None:
            await self._app(scope, replay(body, receive), send)

    def _check(self, path: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        headers = dict(pairs)
        hosts = [value.lower() for name, value in pairs if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise NotAllowedError(
                "This address is not the server's own. Use the address in server.json.", code="host_wrong"
            )
        if b"origin" in headers:
            raise NotAllowedError("Web pages may not use this API.", code="origin_not_allowed")
        if path not in OPEN_PATHS:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                raise NotAllowedError(
                    "The token is missing or wrong. It stands in the file api-token in TL-FIF's folder.",
                    code="token_wrong",
                )
        if self._under_way >= self._most_requests and path not in ALWAYS_ANSWERED:
            raise BusyError(
                f"{self._under_way} requests are being answered, and that is as many as may be. Send it again later.",
                code="server_full",
            )
        check_declared(headers)
