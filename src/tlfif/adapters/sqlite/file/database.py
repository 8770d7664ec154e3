"""One SQLite file as the stores see it: reads, transactions and the news they make."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tlfif.adapters.local.wakeups import WORK, Wakeups
from tlfif.adapters.sqlite.file.connections import Connections, open_connections, open_reader, open_writer
from tlfif.adapters.sqlite.file.doorbell import Ringer, listening_ports, mark_work
from tlfif.adapters.sqlite.file.log_mover import LogMover
from tlfif.adapters.sqlite.file.sql_thread import SqlThread
from tlfif.adapters.sqlite.file.storage_errors import storage_errors
from tlfif.adapters.sqlite.schema import MIGRATIONS, Migration

T = TypeVar("T")

Read = Callable[[sqlite3.Connection], T]
Write = Callable[[sqlite3.Connection, set[str]], T]
"""Work inside one transaction. Topics added to the set are rung once it is committed."""


class Database:
    """Shared by the stores of one process; each calls :meth:`share` once and :meth:`release` once.

    Several processes may open the same file. All that may have to wait runs in one thread of its own, one call after
    another. Reads do not wait, so they are done where they are asked for: a change of threads costs more than a read,
    and many times as much while an engine keeps every core busy. For the same reason the few short writes that lie
    between a prompt and its first word (:meth:`write_at_once`) are done there as long as nobody else holds the lock.
    """

    def __init__(self, path: Path, thread: SqlThread, connections: Connections) -> None:
        self._path = path
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._mover = LogMover(path)
        self.wakeups = Wakeups()
        self.ringer = Ringer()
        self._thread = thread
        self._connections = connections
        self._sharers = 0
        self._closed = False

    @classmethod
    async def open(
        cls, path: Path, *, migrations: Sequence[Migration] = MIGRATIONS, busy_seconds: float = 5.0
    ) -> "Database":
        """Open or make the file at ``path``. ``busy_seconds`` limits the wait for another process's lock.

        Raises StorageError.
        """
        thread = SqlThread(f"sql {path.name}")
        try:
            return cls(path, thread, await thread.run(lambda: open_connections(path, migrations, busy_seconds)))
        except BaseException:
            await thread.stop(lambda: None)
            raise

    def share(self) -> None:
        """Count one more user."""
        self._sharers += 1

    async def release(self) -> None:
        """Count one user less; the last one closes."""
        self._sharers -= 1
        if self._sharers <= 0:
            await self.close()

    async def close(self) -> None:
        """Close connections and thread. Doing it again changes nothing."""
        if self._closed:
            return
        self._closed = True
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        await self._mover.close()
        await self._thread.stop(self._close_all)

    async def read(self, work: Read[T]) -> T:
        """The result of ``work``, which changes nothing."""
        if not self._closed:
            try:
                if self._reader is None:
                    self._reader = open_reader(self._path)
                return work(self._reader)
            except sqlite3.Error:
                pass  # locked, damaged, gone: the thread has the patience and the words for it
        return await self._thread.run(lambda: self._guarded(work))

    async def write(self, work: Write[T], *, durable: bool) -> T:
        """The result of ``work``, which is committed whole or, if it raises, not at all.

        ``durable``: on the disk for good before this returns.
        """
        loop = asyncio.get_running_loop()
        result = await self._thread.run(lambda: self._transact(work, durable, loop))
        self._mover.written()
        return result

    async def write_at_once(self, work: Write[T], *, durable: bool) -> T:
        """Like :meth:`write`, for a few rows, and ``work`` may be tried twice.

        ``durable`` here means: committed and told to others first, on the disk for good before this returns.
        """
        if not self._closed:
            try:
                if self._writer is None:
                    self._writer = open_writer(self._path)
                result, topics, ports = _committed(self._writer, work)
            except sqlite3.IntegrityError:
                raise  # a mistake of the program, which no patience mends
            except sqlite3.Error:
                pass  # locked, full, damaged: the thread has the patience and the words for it
            else:
                self.ringer.ring(ports, topics)  # other processes first: they have the longer way
                self.wakeups.ring(topics)
                self._mover.written()
                if durable:
                    await self._thread.run(self._connections.log.sync)
                return result
        return await self.write(work, durable=durable)

    async def write_if(self, condition: Read[bool], work: Write[T], *, durable: bool) -> T | None:
        """Like :meth:`write`, but None and no write lock taken where ``condition`` does not hold."""
        loop = asyncio.get_running_loop()

        def attempt() -> T | None:
            return self._transact(work, durable, loop) if self._guarded(condition) else None

        return await self._thread.run(attempt)

    def _guarded(self, work: Read[T]) -> T:
        with storage_errors():
            return work(self._connections.quick)

    def _transact(self, work: Write[T], durable: bool, loop: asyncio.AbstractEventLoop) -> T:
        connection = self._connections.durable if durable else self._connections.quick
        with storage_errors():
            result, topics, ports = _committed(connection, work)
        if topics:
            # Other processes first: waking the loop makes it ask for the interpreter, and this thread would wait.
            self.ringer.ring(ports, topics)
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(self.wakeups.ring, topics)
        return result

    def _close_all(self) -> None:
        self.ringer.close()
        with storage_errors():
            self._connections.close()


def _committed(connection: sqlite3.Connection, work: Write[T]) -> tuple[T, set[str], list[int]]:
    """One transaction: what ``work`` returned, the topics to ring, and the ports to ring them at."""
    topics: set[str] = set()
    ports: list[int] = []
    # IMMEDIATE: wait for the lock here and not half-way, where SQLite would refuse to.
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection, topics)
        if topics:
            ports = listening_ports(connection)
        if WORK in topics:
            mark_work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result, topics, ports
