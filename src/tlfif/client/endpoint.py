"""Where a server is, and the credentials for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import httpx2


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server's address and the token it wants."""

    base_url: str
    token: str = field(repr=False)
    auth: "httpx2.Auth | None" = field(default=None, repr=False)
    """Signs each request, for servers whose tokens expire sooner than a connection."""
    streams: bool = True
    """Whether the server can stream; otherwise the reader polls."""
    stays: bool = False
    """Whether it is always found there: a connection that breaks then ends no other one."""


class Locator(Protocol):
    """Finds the server, and starts it if it is one that clients start.

    Raises NotReachableError where there is none.
    """

    async def ensure(self) -> Endpoint:
        """The server; one is started if none runs."""

    async def again(self) -> Endpoint:
        """The server after a connection to it broke. One that was stopped on purpose is not started again."""


Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds; replaced in tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedEndpoint:
    """A server at a fixed address that clients do not start."""

    endpoint: Endpoint

    async def ensure(self) -> Endpoint:
        """The address given."""
        return self.endpoint

    async def again(self) -> Endpoint:
        """The address given."""
        return self.endpoint
