"""Whose request it is: the gate says so, the routes ask."""

from starlette.requests import Request
from starlette.types import Scope

_USER = "tlfif.user"


def set_user(scope: Scope, user: str) -> None:
    """The gate has checked that this is ``user``'s request."""
    scope[_USER] = user


def user_of(request: Request) -> str:
    """Whose jobs the request may see; empty in a home that has one user."""
    found: str = request.scope.get(_USER, "")
    return found
