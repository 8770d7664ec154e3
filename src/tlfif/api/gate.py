"""The gate on this computer, which checks each request before the app sees it: host, web pages, token or key, size of
the body."""

import hmac
import re
from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tlfif.api.request_body import OPEN_PATHS, check_declared, drain, read_body, refuse, replay
from tlfif.api.signed_in_gate import set_caller
from tlfif.control.authority import Caller
from tlfif.dialects.addresses import canonical, dialect_of
from tlfif.kernel.access import CLOSED, Access, Key, digest_of
from tlfif.kernel.errors import BusyError, NotAllowedError, TlfifError

ALWAYS_ANSWERED = OPEN_PATHS | {"/v1/server", "/v1/server/stop"}
"""Also while as many requests are under way as may be."""
KEY_PATH = "/key/"
"""``/key/KEY/api/chat`` is ``/api/chat`` with that key: Ollama's clients have a setting for the address alone."""
_OWN_JOBS = {
    "GET": re.compile(r"/v1/jobs(/[^/]+(/events)?)?"),
    "POST": re.compile(r"/v1/jobs/[^/]+/cancel"),
}
_READS = frozenset({"GET", "HEAD"})
_WISH = re.compile(rb"[A-Za-z0-9_, -]{1,1000}")
PREFLIGHT_SECONDS = 600
"""How long a browser may remember what it is allowed. A key that is revoked stops at once all the same."""


def is_for_programs(method: str, path: str) -> bool:
    """Whether a key, or a web page that is allowed, may use it: to ask in any dialect, and to read its own answers."""
    path = canonical(path)
    if dialect_of(path, method) is not None:
        return method in _READS | {"POST"} or (method == "DELETE" and path.startswith("/v1/responses/"))
    if path == "/":
        return method in _READS
    jobs = _OWN_JOBS.get("GET" if method == "HEAD" else method)
    return jobs is not None and jobs.fullmatch(path) is not None


class Gate:
    """ASGI middleware, without a framework because every request to follow an answer passes through it.

    * The ``Host`` header must name this server, or a name that its owner allowed. A web page that points its own DNS
      name at 127.0.0.1 sends that name.
    * A request with an ``Origin`` comes from a web page and is refused, unless its owner allowed that origin; only then
      are there CORS headers, and only for what programs may use.
    * Every path but ``/healthz`` needs the owner's token, or, for what programs may use, a key: as ``Authorization:
      Bearer``, as ``x-api-key``, or in the path.
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
        access: Callable[[], Access] = lambda: CLOSED,
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.encode() for host in hosts)
        self._on_request = on_request
        self._most_requests = most_requests
        self._access = access
        self._under_way = 0
        self._asked = 0

    @property
    def answering(self) -> bool:
        """Whether a request is being answered, other than one that asks for the server itself."""
        return self._asked > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        scope, in_path = _key_in_path(scope)
        try:
            self._check_host(scope["headers"])
            if b"origin" in headers:
                self._check_origin(headers[b"origin"])
                send = _for_page(send, headers[b"origin"])
                if _is_preflight(scope, headers):
                    await _allow(send, scope, headers)
                    return
            key = self._check_caller(scope, headers, in_path)
        except TlfifError as error:
            if error.code == "body_too_large" and b"expect" not in headers:
                await drain(receive)
            await refuse(send, error, scope)
            return
        if key is not None:
            set_caller(scope, Caller(user=key.owner, is_owner=False))
            send = self._while_good(key, send)
        if scope["path"] not in OPEN_PATHS:
            self._on_request()
        asked = scope["path"] not in ALWAYS_ANSWERED
        self._under_way += 1
        self._asked += asked
        try:
            await self._answer(scope, receive, send)
        except _RevokedError:
            return  # the connection ends with the answer unfinished
        finally:
            self._under_way -= 1
            self._asked -= asked

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(receive)
        except TlfifError as error:
            await refuse(send, error, scope)
            return
        if body is not None:
            await self._app(scope, replay(body, receive), send)

    def _check_host(self, pairs: list[tuple[bytes, bytes]]) -> None:
        hosts = [value.lower() for name, value in pairs if name == b"host"]
        if len(hosts) == 1 and (hosts[0] in self._hosts or self._allows_host(hosts[0])):
            return
        raise NotAllowedError(
            "This address is not the server's own. Use the address in server.json. To allow a name that you trust, "
            "such as a container's for this computer: ./tlfif serve --allow-host NAME",
            code="host_wrong",
        )

    def _allows_host(self, host: bytes) -> bool:
        named = host.decode("latin-1")
        return bool({named, named.rpartition(":")[0]} & set(self._access().hosts))

    def _check_origin(self, origin: bytes) -> None:
        named = origin.decode("latin-1").lower()
        if not {named, f"{named.partition('://')[0]}://*"} & set(self._access().origins):
            raise NotAllowedError(
                "Web pages may not use this API. To allow one that you trust: ./tlfif serve --allow-origin ORIGIN",
                code="origin_not_allowed",
            )

    def _check_caller(self, scope: Scope, headers: Mapping[bytes, bytes], in_path: bytes) -> Key | None:
        """The key that the request was sent with; None for the owner's token."""
        path = scope["path"]
        key = None
        if path not in OPEN_PATHS:
            key = self._known(headers, in_path)
            if (key is not None or b"origin" in headers) and not is_for_programs(scope["method"], path):
                raise NotAllowedError(
                    "A key, and a web page, may ask the model and read its own answers, nothing else. For this take "
                    "the owner's token, in the file api-token in TL-FIF's folder.",
                    code="key_not_enough",
                )
        if self._under_way >= self._most_requests and path not in ALWAYS_ANSWERED:
            raise BusyError(
                f"{self._under_way} requests are being answered, and that is as many as may be. Send it again later.",
                code="server_full",
            )
        check_declared(headers)
        return key

    def _known(self, headers: Mapping[bytes, bytes], in_path: bytes) -> Key | None:
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        bearer = given.strip() if scheme.lower() == b"bearer" else b""
        for one in (bearer, headers.get(b"x-api-key", b"").strip(), in_path):
            if not one:
                continue
            if hmac.compare_digest(one, self._token):
                return None
            digest = digest_of(one)
            for key in self._access().keys:
                if key.digest == digest:
                    return key
        raise NotAllowedError(
            "The token or key is missing, wrong or revoked. Programs get a key from: ./tlfif connect. The owner's "
            "token stands in the file api-token in TL-FIF's folder.",
            code="token_wrong",
        )

    def _while_good(self, key: Key, send: Send) -> Send:
        """Ends an answer as soon as its key is revoked."""
        begun = self._access()

        async def send_on(message: Message) -> None:
            now = self._access()
            if now is not begun and now.key(key.name) != key:
                raise _RevokedError
            await send(message)

        return send_on


class _RevokedError(OSError, ClientDisconnect):
    """As if the caller had left: the job is then ended, too."""


def _key_in_path(scope: Scope) -> tuple[Scope, bytes]:
    if not scope["path"].startswith(KEY_PATH):
        return scope, b""
    key, slash, rest = scope["path"].removeprefix(KEY_PATH).partition("/")
    path = slash + rest
    return {**scope, "path": path, "raw_path": path.encode()}, key.encode()


def _is_preflight(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers


def _for_page(send: Send, origin: bytes) -> Send:
    """Lets the page of that ``origin`` read the answer."""

    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = [
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", b"*"),
                (b"vary", b"Origin"),
            ]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return send_on


async def _allow(send: Send, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    """Answer the browser's question before it sends what the page wishes."""
    methods = [method for method in ("GET", "POST", "DELETE") if is_for_programs(method, scope["path"])]
    answer = [(b"content-length", b"0"), (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS)]
    answer += [(b"access-control-allow-methods", ", ".join(methods).encode())] if methods else []
    wish = headers.get(b"access-control-request-headers", b"")
    if _WISH.fullmatch(wish):
        answer.append((b"access-control-allow-headers", wish))
    if headers.get(b"access-control-request-private-network") == b"true":
        answer.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})
