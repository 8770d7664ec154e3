"""The first door on AWS: a signed-in person, no browser page, bounded body."""

from starlette.types import ASGIApp, Receive, Scope, Send

from tlfif.api.caller import set_user
from tlfif.api.gate import OPEN_PATHS
from tlfif.api.request_body import check_declared, read_body, refuse, replay
from tlfif.control.authority import Authority
from tlfif.kernel.errors import NotAllowedError, TlfifError


class SignedInGate:
    """ASGI middleware. Every path but ``/healthz`` wants an access token that the authority knows; what the request
    does is done as that person. No CORS header is ever sent, and a request with an ``Origin`` is refused."""

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
