"""The gate on AWS, which checks each request before the app sees it: a signed-in person, no web page, size of the
body."""

from fastapi import Depends
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tlfif.api.request_body import OPEN_PATHS, check_declared, read_body, refuse, replay
from tlfif.control.authority import Authority, Caller
from tlfif.kernel.errors import NotAllowedError, TlfifError

_CALLER = "tlfif.caller"
_ONLY_USER = Caller(user="", is_owner=True)


def set_caller(scope: Scope, caller: Caller) -> None:
    """Note that the gate has checked this to be ``caller``'s request."""
    scope[_CALLER] = caller


def caller_of(request: Request) -> Caller:
    """Who sent the request. On this computer that is its owner, who needs no name, or a program with a key."""
    found: Caller = request.scope.get(_CALLER, _ONLY_USER)
    return found


def user_of(request: Request) -> str:
    """The user whose jobs the request may see; empty for the owner of this computer, who may see all."""
    return caller_of(request).user


def owner_only(request: Request) -> None:
    """A route's dependency, where the act concerns everybody's machine or money. Raises NotAllowedError
    ``owner_only``."""
    if not caller_of(request).is_owner:
        raise NotAllowedError(
            "Only an owner of this home may do this, because it concerns everybody's machine or money. Nothing was "
            "changed. Ask the person who pays for the home.",
            code="owner_only",
        )


OWNER_ONLY = [Depends(owner_only)]


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
            await refuse(send, error, scope)
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
        set_caller(scope, caller)
