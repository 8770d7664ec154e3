"""One SQLite file as the stores use it: reads, transactions, and notifications about what changed."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tlfif.adapters.local.wakeups import Wakeups
from tlfif.adapters.sqlite.file.connections import Connections, open_connections
from tlfif.adapters.sqlite.file.group_commit import PendingWrite, Write, commit
from tlfif.adapters.sqlite.file.notifier import Notifier
from tlfif.adapters.sqlite.file.sql_thread import SqlThread
from tlfif.adapters.sqlite.file.storage_errors import damage_behind, storage_errors
from tlfif.adapters.sqlite.schema import MIGRATIONS, Migration

T = TypeVar("T")

Read = Callable[[sqlite3.Connection], T]
MOST_TOGETHER = 64
"""Writes in one transaction: enough to share the wait for the disk, and none waits long for the others."""


class Database:
    """The file, shared by the stores of one process; each calls :meth:`share` and, when it is closed, :meth:`release`.

    Several processes may open the same file. Each has two connections: one on the event loop, which never waits, for
    reads; and one in a thread, which waits for the disk and for other processes, so that neither ever blocks the event
    loop. A worker makes short writes on its event loop, too: between a prompt and its first word a change of threads
    costs more than the write, and a worker has no callers whom a slow disk would keep waiting.
    """

    def __init__(self, thread: SqlThread, connections: Connections, *, short_writes_on_loop: bool = False) -> None:
        self.wakeups = Wakeups()
        self.notifier = Notifier()
        self._thread = thread
        self._durable, self._immediate = connections
        self._short_writes_on_loop = short_writes_on_loop
        self._syncs = True
        self._pending: deque[PendingWrite[Any]] = deque()
        self._users: set[object] = set()
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        migrations: Sequence[Migration] = MIGRATIONS,
        busy_seconds: float = 5.0,
        short_writes_on_loop: bool = False,
    ) -> "Database":
        """Open or create the file at ``path``. ``busy_seconds`` limits the wait for another process's lock.

        Raises StorageError.
        """
        thread = SqlThread(f"sql {path.name}")
        try:
            connections = await thread.run(lambda: open_connections(path, migrations, busy_seconds))
            return cls(thread, connections, short_writes_on_loop=short_writes_on_loop)
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
        self._immediate.close()
        await self._thread.stop(self._durable.close)
        self.notifier.close()  # behind the last commit, which notifies as well

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
        write = PendingWrite(work, durable=durable)
        if not durable and self._short_writes_on_loop and not self._closed:
            try:
                topics, ports = commit(self._immediate, [write])
            except sqlite3.Error:
                pass  # locked, full or damaged: the thread waits, or raises StorageError
            else:
                self.notifier.notify(ports, topics)
                self.wakeups.notify(topics)
                return write.outcome()
        loop = asyncio.get_running_loop()
        if not self._closed:
            self._pending.append(write)
        await self._thread.run(lambda: self._commit_pending(write, loop))
        return write.outcome()

    async def between_writes(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, run in the thread: this process's writes wait for it in their queue, however
        long it takes, instead of for a lock. Reads go on. Raises StorageError."""
        return await self._thread.run(work)

    def _read_in_thread(self, work: Read[T]) -> T:
        with storage_errors():
            return work(self._durable)

    def _commit_pending(self, own: PendingWrite[Any], loop: asyncio.AbstractEventLoop) -> None:
        """Commit ``own``, unless it was committed with another, and with it the writes that wait behind it."""
        if own.done:
            return
        together = [self._pending.popleft() for _ in range(min(len(self._pending), MOST_TOGETHER))]
        topics, ports = set[str](), list[int]()
        try:
            self._wait_for_the_disk(any(write.durable for write in together))
            topics, ports = commit(self._durable, together)
        except Exception as error:  # handed to those who wait, in the event loop
            for write in together:
                write.error = error
        for write in together:
            if isinstance(write.error, sqlite3.IntegrityError):
                write.error = damage_behind(write.error, self._durable)
            write.done = True
        if topics:
            # Other processes first: waking the loop makes it ask for the interpreter, and this thread would wait.
            self.notifier.notify(ports, topics)
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(self.wakeups.notify, topics)

    def _wait_for_the_disk(self, syncs: bool) -> None:
        """Whether the thread's commits wait for the disk from now on."""
        if syncs is not self._syncs:
            self._durable.execute(f"PRAGMA synchronous = {'FULL' if syncs else 'NORMAL'}")
            self._syncs = syncs
