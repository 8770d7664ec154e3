"""Hints between processes that share a file: "something changed, look again".

Whoever waits listens on a UDP port of the loopback interface and writes the port into the file; whoever commits
a change sends the topics there. A hint proves nothing and may get lost: the receiver reads the file, and looks
now and then unasked (``doorbell_listener.py``).
"""

import socket
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import psutil

LOOPBACK = "127.0.0.1"
EVERYTHING = "*"
_WORK_MARK = "work_mark"
_DATAGRAM_BYTES = 1200
_SAME_START_SECONDS = 1.0


def encode_topics(topics: set[str]) -> bytes:
    """One datagram for all topics; where they are too many, the one that means everything."""
    data = "\n".join(topics).encode()
    return data if len(data) <= _DATAGRAM_BYTES else EVERYTHING.encode()


def decode_topics(data: bytes) -> list[str]:
    """The topics of a datagram; none where it is not one of ours."""
    try:
        return data.decode().split("\n")
    except UnicodeDecodeError:
        return []


@dataclass(frozen=True, slots=True)
class Marks:
    """What a look at the file compares: ``version`` changes with every commit of others, ``work`` with every one
    that made work."""

    version: int
    work: float


def marks(connection: sqlite3.Connection) -> Marks:
    """The marks as they are now."""
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (_WORK_MARK,)).fetchone()
    return Marks(version=version, work=row[0] if row else 0.0)


def mark_work(connection: sqlite3.Connection) -> None:
    """Leave a mark that there is work. Without it every token that is written would send the idle looking for jobs."""
    connection.execute(
        "INSERT INTO settings VALUES (?, 1.0) ON CONFLICT (name) DO UPDATE SET value = value + 1.0", (_WORK_MARK,)
    )


def listening_ports(connection: sqlite3.Connection) -> list[int]:
    """Ports on which somebody said to listen."""
    return [port for (port,) in connection.execute("SELECT port FROM doorbells")]


def register(connection: sqlite3.Connection, port: int) -> None:
    """Write our port down and cross those out whose process is gone."""
    for other, pid, started in connection.execute("SELECT port, pid, process_started FROM doorbells").fetchall():
        if not _process_lives(pid, started):
            connection.execute("DELETE FROM doorbells WHERE port = ?", (other,))
    me = psutil.Process()
    connection.execute("INSERT OR REPLACE INTO doorbells VALUES (?, ?, ?)", (port, me.pid, me.create_time()))


def unregister(connection: sqlite3.Connection, port: int) -> None:
    """Cross our port out."""
    connection.execute("DELETE FROM doorbells WHERE port = ?", (port,))


def _process_lives(pid: int, started: float) -> bool:
    try:
        # The start time tells a process from a later one that was given the same number.
        return abs(psutil.Process(pid).create_time() - started) < _SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


class Ringer:
    """Sends hints, from any thread; never waits, never fails."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._opening = Lock()
        self.own_port: int | None = None
        """Our own listener's port: tasks of this process are woken directly."""

    def ring(self, ports: Sequence[int], topics: set[str]) -> None:
        """Send ``topics`` to all of ``ports`` but our own."""
        others = [port for port in ports if port != self.own_port]
        if not others:
            return
        data = encode_topics(topics)
        for port in others:
            try:
                self._sender().sendto(data, (LOOPBACK, port))
            except OSError:
                continue  # the receiver will look by itself

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _sender(self) -> socket.socket:
        with self._opening:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            return self._socket
