"""One SQLite file as the stores use it: reads, transactions, and notifications about what changed."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tlfif.adapters.local.wakeups import WORK, Wakeups
from tlfif.adapters.sqlite.file.connections import Connections, open_connections
from tlfif.adapters.sqlite.file.notifier import Notifier, count_work, listening_ports
from tlfif.adapters.sqlite.file.sql_thread import SqlThread
from tlfif.adapters.sqlite.file.storage_errors import storage_errors
from tlfif.adapters.sqlite.schema import MIGRATIONS, Migration

T = TypeVar("T")

Read = Callable[[sqlite3.Connection], T]
Write = Callable[[sqlite3.Connection, set[str]], T]
"""Work inside one transaction. Who waits for a topic that it adds to the set is notified after the commit."""


class Database:
    """The file, shared by the stores of one process; each calls :meth:`share` and, when it is closed, :meth:`release`.

    Several processes may open the same file. Each has two connections: one on the event loop, which never waits, for
    reads and short writes; and one in a thread, which waits for the disk and for other processes, so that neither ever
    blocks the event loop. Between a prompt and its first word a change of threads costs more than the write itself.
    """

    def __init__(self, thread: SqlThread, connections: Connections) -> None:
        self.wakeups = Wakeups()
        self.notifier = Notifier()
        self._thread = thread
        self._durable, self._immediate = connections
        self._users: set[object] = set()
        self._closed = False

    @classmethod
    async def open(
        cls, path: Path, *, migrations: Sequence[Migration] = MIGRATIONS, busy_seconds: float = 5.0
    ) -> "Database":
        """Open or create the file at ``path``. ``busy_seconds`` limits the wait for another process's lock.

        Raises StorageError.
        """
        thread = SqlThread(f"sql {path.name}")
        try:
            return cls(thread, await thread.run(lambda: open_connections(path, migrations, busy_seconds)))
        except BaseException:
            await thread.stop(lambda: None)
            raise

    def share(self, user: object) -> None:
        """Keep the file open for ``user``."""
        self._users.add(user)

    async def release(self, user: object) -> None:
        """``user`` needs the file no more; the last one closes it. Releasing again changes nothing."""
        self._users.discard(user)
        if not self._users:
            await self.close()

    async def close(self) -> None:
        """Close connections and thread. Closing again changes nothing."""
        if self._closed:
            return
        self._closed = True
        self.notifier.close()
        self._immediate.close()
        await self._thread.stop(self._durable.close)

    async def read(self, work: Read[T]) -> T:
        """Return the result of ``work``, which changes nothing. Raises StorageError."""
        if not self._closed:
            with suppress(sqlite3.Error):  # locked or damaged: the thread waits, or raises StorageError
                return work(self._immediate)
        return await self._thread.run(lambda: self._read_in_thread(work))

    async def write(self, work: Write[T], *, durable: bool) -> T:
        """Return the result of ``work``, which is committed completely or, where it raises, not at all.

        With ``durable`` the commit has reached the disk before this returns and survives a power failure. Without, it
        survives the end of the process, ``kill -9`` included, but a power failure may undo it; ``work`` then should
        concern a few rows only, and may be called twice.

        Raises StorageError.
        """
        if not durable and not self._closed:
            try:
                result, topics, ports = _committed(self._immediate, work)
            except sqlite3.IntegrityError:
                raise  # a mistake of the program, the same at the second try
            except sqlite3.Error:
                pass  # locked, full or damaged: the thread waits, or raises StorageError
            else:
                self.notifier.notify(ports, topics)
                self.wakeups.notify(topics)
                return result
        loop = asyncio.get_running_loop()
        return await self._thread.run(lambda: self._write_in_thread(work, loop))

    def _read_in_thread(self, work: Read[T]) -> T:
        with storage_errors():
            return work(self._durable)

    def _write_in_thread(self, work: Write[T], loop: asyncio.AbstractEventLoop) -> T:
        with storage_errors():
            result, topics, ports = _committed(self._durable, work)
        if topics:
            # Other processes first: waking the loop makes it ask for the interpreter, and this thread would wait.
            self.notifier.notify(ports, topics)
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(self.wakeups.notify, topics)
        return result


def _committed(connection: sqlite3.Connection, work: Write[T]) -> tuple[T, set[str], list[int]]:
    """Run one transaction; return the result of ``work``, the topics to notify about, and the ports to send them to."""
    topics: set[str] = set()
    ports: list[int] = []
    # IMMEDIATE takes the write lock here, where SQLite waits for it; in the middle of a transaction it would not.
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection, topics)
        if topics:
            ports = listening_ports(connection)
        if WORK in topics:
            count_work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result, topics, ports
