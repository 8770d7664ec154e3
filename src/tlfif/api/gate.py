"""The first door of every request: right host, no browser page, right token, bounded body."""

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tlfif.api.problems import MEDIA_TYPE, problem_body, status_of
from tlfif.domain.errors import InvalidInputError, NotAllowedError, TlfifError

MAX_BODY_BYTES = 1024 * 1024
DRAIN_BYTES = 64 * MAX_BODY_BYTES
DRAIN_SECONDS = 2.0
OPEN_PATHS = frozenset({"/healthz"})


class Gate:
    """ASGI middleware, plain on purpose: it is on the path of every token.

    * The ``Host`` header must name this server. A web page that rebinds its DNS name to 127.0.0.1 sends its own.
    * A request with an ``Origin`` comes from a web page; none has business here, and no CORS header is ever sent.
    * Every path but ``/healthz`` wants ``Authorization: Bearer <token>``.
    * A body over 1 MiB is refused, declared or not.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: frozenset[str], on_request: Callable[[], None]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.encode() for host in hosts)
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope["path"], scope["headers"])
        except TlfifError as error:
            if error.code == "body_too_large" and not any(name == b"expect" for name, _ in scope["headers"]):
                await _drain(receive)
            await _refuse(send, error, path=scope["path"])
            return
        if scope["path"] not in OPEN_PATHS:
            self._on_request()
        if scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            body = await _read_body(receive)
        except TlfifError as error:
            await _refuse(send, error, path=scope["path"])
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), send)

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
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:20]) > MAX_BODY_BYTES:
            raise _too_large()


def _too_large() -> InvalidInputError:
    return InvalidInputError("The request is larger than 1 MiB. Shorten it.", code="body_too_large")


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None where the caller left. Raises InvalidInputError ``body_too_large``."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            if message.get("more_body", False):
                await _drain(receive)
            raise _too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _drain(receive: Receive) -> None:
    """Throw away what is still coming, for a while: a caller cut off while it sends never reads the refusal."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while size < DRAIN_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def _refuse(send: Send, error: TlfifError, *, path: str) -> None:
    status = status_of(error)
    body = problem_body(status, error.code, error.message, error.details, path=path)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="tlfif"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
