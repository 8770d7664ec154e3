"""Looks up a host's address without ever blocking the program."""

import socket
from collections.abc import Callable

from tlfif.adapters.daemon_thread import in_daemon_thread

Resolver = Callable[[str, int], object]
"""Finds a host's addresses, or raises OSError. May block for any time."""


def system_resolver(host: str, port: int) -> object:
    """The operating system's look-up."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def look_up(host: str, port: int, resolver: Resolver) -> None:
    """Return once ``host`` has an address; can be cancelled at once.

    The event loop's own look-up runs in a pool whose threads are joined at exit: a name server that never answers would
    then keep the program from ending for half a minute. A daemon thread does not.

    Raises OSError where there is no such host."""
    try:
        await in_daemon_thread(lambda: resolver(host, port))
    except UnicodeError as error:
        raise OSError(f"{host!r} is no host name") from error
