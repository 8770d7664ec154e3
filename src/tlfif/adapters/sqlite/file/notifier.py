"""Notifications between processes that share a file: "something changed, read the file again".

Whoever waits listens on a UDP port of the loopback interface and stores that port in the file; whoever commits a change
sends the topics of the change to all stored ports. A notification may get lost and is never trusted: the receiver reads
the file, and polls it as well (``notification_listener.py``).
"""

import socket
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import psutil

from tlfif.adapters.local.process_start import SAME_START_SECONDS, process_start

LOOPBACK = "127.0.0.1"
EVERYTHING = "*"
"""Topic that means all topics."""

_WORK_COUNT = "work_mark"
_DATAGRAM_BYTES = 1200


def encode_topics(topics: set[str]) -> bytes:
    """Encode all topics in one datagram; where they do not fit, :data:`EVERYTHING`."""
    data = "\n".join(topics).encode()
    return data if len(data) <= _DATAGRAM_BYTES else EVERYTHING.encode()


def decode_topics(data: bytes) -> list[str]:
    """Decode the topics of a datagram; none where it was not made by :func:`encode_topics`."""
    try:
        return data.decode().split("\n")
    except UnicodeDecodeError:
        return []


@dataclass(frozen=True, slots=True)
class ChangeCounters:
    """What a poll compares with the poll before.

    ``commits`` changes with every commit of another connection, ``work`` with every commit that left work to do.
    """

    commits: int
    work: float


def change_counters(connection: sqlite3.Connection) -> ChangeCounters:
    """Read the present counters."""
    (commits,) = connection.execute("PRAGMA data_version").fetchone()
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (_WORK_COUNT,)).fetchone()
    return ChangeCounters(commits=commits, work=row[0] if row else 0.0)


def count_work(connection: sqlite3.Connection) -> None:
    """Count one more commit that left work to do. Without it, every stored token would make idle workers look for
    jobs."""
    connection.execute(
        "INSERT INTO settings VALUES (?, 1.0) ON CONFLICT (name) DO UPDATE SET value = value + 1.0", (_WORK_COUNT,)
    )


def listening_ports(connection: sqlite3.Connection) -> list[int]:
    """Return the ports that listeners stored."""
    return [port for (port,) in connection.execute("SELECT port FROM listeners")]


def register(connection: sqlite3.Connection, port: int) -> None:
    """Store this process's port and delete the ports of processes that have ended."""
    for other, pid, started in connection.execute("SELECT port, pid, process_started FROM listeners").fetchall():
        if not _is_alive(pid, started):
            connection.execute("DELETE FROM listeners WHERE port = ?", (other,))
    me = psutil.Process()
    connection.execute("INSERT OR REPLACE INTO listeners VALUES (?, ?, ?)", (port, me.pid, process_start(me)))


def unregister(connection: sqlite3.Connection, port: int) -> None:
    """Delete this process's port."""
    connection.execute("DELETE FROM listeners WHERE port = ?", (port,))


def _is_alive(pid: int, started: float) -> bool:
    try:
        # The start time distinguishes a process from a later one with the same number.
        return abs(process_start(psutil.Process(pid)) - started) <= SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


class Notifier:
    """Sends notifications, from any thread; never waits and never fails."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._opening = Lock()
        self.own_port: int | None = None
        """The port of this process's own listener: tasks of this process are woken directly."""

    def notify(self, ports: Sequence[int], topics: set[str]) -> None:
        """Send ``topics`` to all of ``ports`` except :attr:`own_port`."""
        others = [port for port in ports if port != self.own_port]
        if not others:
            return
        data = encode_topics(topics)
        for port in others:
            try:
                self._sender().sendto(data, (LOOPBACK, port))
            except OSError:
                continue  # the receiver polls

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _sender(self) -> socket.socket:
        with self._opening:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
                self._socket.bind((LOOPBACK, 0))  # else the first datagram opens its port to every network
            return self._socket
