"""Where a server is and what opens it."""

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
    """Signs each request anew, where a token does not last as long as a connection."""
    streams: bool = True
    """Whether answers come as they grow; else the reader asks again and again."""


class Locator(Protocol):
    """Finds the server, and starts it where that is its business.

    Raises NotReachableError where there is none.
    """

    async def ensure(self) -> Endpoint:
        """The server; one is started if none runs."""

    async def again(self) -> Endpoint:
        """The server after a connection to it broke. One that was stopped on purpose is not started again."""


Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds; tests give one that does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedEndpoint:
    """A server somewhere else: found where it always is, started by others."""

    endpoint: Endpoint

    async def ensure(self) -> Endpoint:
        """The address given."""
        return self.endpoint

    async def again(self) -> Endpoint:
        """The address given."""
        return self.endpoint
