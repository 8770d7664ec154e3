"""The sockets that the server on this computer listens on: loopback only, on a port that stays the same."""

import contextlib
import errno
import logging
import os
import socket
import sys
import zlib
from dataclasses import replace

from tlfif.kernel.access import change_access, load_access
from tlfif.kernel.data_folder import DataFolder, default_data_folder
from tlfif.kernel.errors import StorageError

log = logging.getLogger(__name__)

LOOPBACK, LOOPBACK_6 = "127.0.0.1", "::1"
HTTP_PORT = 80
USUAL_PORT = 17650
"""The first that is tried for a user's data folder; nobody has registered it, and no system takes it for outgoing
connections."""
NEAR_PORTS = range(USUAL_PORT, USUAL_PORT + 50)
"""For the data folders of other users, and for those that ``TLFIF_HOME`` names."""
RECEIVE_BYTES = 64 * 1024
BACKLOG = 2048


def bind(port: int) -> socket.socket:
    """A listening loopback socket; 0: on a free port. Raises StorageError (``port_taken``, ``port_unusable``)."""
    return _bound(socket.AF_INET, LOOPBACK, port)


def bind_both(port: int) -> list[socket.socket]:
    """The same, and one of IPv6 beside it where the system has that: ``localhost`` may mean either. Raises as
    :func:`bind`; a port of which another program has one half counts as taken."""
    first = bind(port)
    try:
        return [first, _bound(socket.AF_INET6, LOOPBACK_6, first.getsockname()[1])]
    except _TakenError:
        if port != 0:
            first.close()
            raise
        return [first]
    except StorageError:
        return [first]


def usual_sockets(data_folder: DataFolder) -> list[socket.socket]:
    """On the data folder's own port, which is chosen and remembered at the first start. Where another program has it
    now, on another one for this time; commands find the server there, and ``serve`` and ``connect`` say so.

    Raises StorageError, InvalidInputError (``access_damaged``).
    """
    own = load_access(data_folder).port
    for port in [own] if own is not None else _first_choices(data_folder):
        with contextlib.suppress(_TakenError):
            sockets = bind_both(port)
            break
    else:
        sockets = bind_both(0)
    taken: int = sockets[0].getsockname()[1]
    if own is None:
        remember_port(data_folder, taken)
    elif own != taken:
        log.warning("server: another program has port %d, listening on %d this time", own, taken)
    return sockets


def _first_choices(data_folder: DataFolder) -> list[int]:
    """A folder that is not the user's usual one begins elsewhere: it must not take the usual one's port while that
    one's server is off."""
    if data_folder == default_data_folder(None):
        return list(NEAR_PORTS)
    others = list(NEAR_PORTS)[1:]
    first = zlib.crc32(str(data_folder.root).encode()) % len(others)
    return others[first:] + others[:first]


def remember_port(data_folder: DataFolder, port: int) -> None:
    """The data folder's own port from now on. Raises StorageError, InvalidInputError (``access_damaged``)."""
    change_access(data_folder, lambda access: replace(access, port=port))


def own_hosts(port: int) -> frozenset[str]:
    """What a ``Host`` header may say, in lower case. Clients leave the port out where it is HTTP's own, 80."""
    ends = (f":{port}", "") if port == HTTP_PORT else (f":{port}",)
    return frozenset(name + end for name in (LOOPBACK, f"[{LOOPBACK_6}]", "localhost") for end in ends)


class _TakenError(StorageError):
    """Another program listens there."""


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    try:
        # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is named; else each waits 40 ms.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise _unusable(port, error) from error
    try:
        if sys.platform == "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # else another could take it as well
        elif os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # What is on its way to the server counts as its memory, too; accepted connections inherit this.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        bound.bind((address, port))
        bound.listen(BACKLOG)  # only then is the port this server's alone
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise _TakenError(
                f"Port {port} on this computer is in use. Choose another with --port.", code="port_taken"
            ) from error
        raise _unusable(port, error) from error
    return bound


def _unusable(port: int, error: OSError) -> StorageError:
    why = "The system forbids it to you" if isinstance(error, PermissionError) else error.strerror
    return StorageError(
        f"Port {port} on this computer cannot be used: {why}. Choose another with --port, from 1024 on.",
        code="port_unusable",
    )
