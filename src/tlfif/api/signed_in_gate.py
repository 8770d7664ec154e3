"""The gate on AWS, which checks each request before the app sees it: a signed-in person, no web page, size of the
body."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tlfif.api.gate import OPEN_PATHS
from tlfif.api.request_body import check_declared, read_body, refuse, replay
from tlfif.control.authority import Authority
from tlfif.kernel.errors import NotAllowedError, TlfifError

_USER = "tlfif.user"


def set_user(scope: Scope, user: str) -> None:
    """Note that the gate has checked this to be ``user``'s request."""
    scope[_USER] = user


def user_of(request: Request) -> str:
    """The user whose jobs the request may see; empty in a home that has one user."""
    found: str = request.scope.get(_USER, "")
    return found


class SignedInGate:
    """ASGI middleware. Every path but ``/healthz`` needs an access token that the authority accepts; the request then
    acts as the person whom the token names. A request with an ``Origin`` is refused; no CORS header is ever sent."""

    def __init__(self, app: ASGIApp, *, authority: Authority) -> None:
        self._app = app
        self._authority = authority

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._check(scope)
            body = await read_body(receive)
        except TlfifError as error:
            await refuse(send, error, path=scope["path"])
            return
        if body is not None:
            await self._app(scope, replay(body, receive), send)

    async def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        if b"origin" in headers:
            raise NotAllowedError("Web pages may not use this API.", code="origin_not_allowed")
        check_declared(headers)
        if scope["path"] in OPEN_PATHS:
            return
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise NotAllowedError("You are not signed in. Sign in: ./tlfif login", code="token_wrong")
        caller = await self._authority.identify(token.strip().decode("ascii", "replace"))
        set_user(scope, caller.user)
