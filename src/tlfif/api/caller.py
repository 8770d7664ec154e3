"""Which user a request belongs to: the gate sets it, the routes read it."""

from starlette.requests import Request
from starlette.types import Scope

_USER = "tlfif.user"


def set_user(scope: Scope, user: str) -> None:
    """Note that the gate has checked this to be ``user``'s request."""
    scope[_USER] = user


def user_of(request: Request) -> str:
    """The user whose jobs the request may see; empty in a home that has one user."""
    found: str = request.scope.get(_USER, "")
    return found
