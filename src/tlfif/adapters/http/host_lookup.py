"""Looks up a host's address without ever blocking the program."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable

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
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: OSError | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def ask() -> None:
        failure: OSError | None = None
        try:
            resolver(host, port)
        except UnicodeError:
            failure = OSError(f"{host!r} is no host name")
        except OSError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, so nothing waits for the result
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=ask, name="host-lookup", daemon=True).start()
    await done
