"""Group commit: writes that wait at the same time share one transaction, and with it one wait for the disk."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from tlfif.adapters.local.wakeups import WORK
from tlfif.adapters.sqlite.file.notifier import count_work, listening_ports
from tlfif.adapters.sqlite.file.storage_errors import storage_errors

T = TypeVar("T")

Write = Callable[[sqlite3.Connection, set[str]], T]
"""Work inside one transaction. Who waits for a topic that it adds to the set is notified after the commit."""


class PendingWrite(Generic[T]):
    """One caller's write, and what became of it."""

    __slots__ = ("_result", "_work", "done", "durable", "error", "topics")

    def __init__(self, work: Write[T], *, durable: bool) -> None:
        self._work = work
        self._result: T | None = None
        self.durable = durable
        self.topics: set[str] = set()
        self.error: Exception | None = None
        self.done = False

    def run(self, connection: sqlite3.Connection, *, alone: bool) -> None:
        """Do the work inside the transaction. If it raises, so does this where it is ``alone``, and the transaction is
        to be undone; beside others its own part is undone, and the error kept.

        Raises sqlite3.Error where SQLite has undone the whole transaction.
        """
        if alone:  # without a savepoint, which copies each page before it is changed
            self._result = self._work(connection, self.topics)
            return
        connection.execute("SAVEPOINT one")
        try:
            self._result = self._work(connection, self.topics)
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO one")
            self.topics.clear()
            self.error = error
        connection.execute("RELEASE one")

    def outcome(self) -> T:
        """The result of the work. Raises what it raised; StorageError for failures of the file or the disk."""
        with storage_errors():
            if self.error is not None:
                raise self.error
        return cast(T, self._result)


def commit(connection: sqlite3.Connection, writes: Sequence[PendingWrite[Any]]) -> tuple[set[str], list[int]]:
    """Run ``writes`` in one transaction; return the topics to notify about, and the ports to send them to.

    Raises sqlite3.Error: then nothing of any is stored. A single write raises whatever its work raises.
    """
    topics: set[str] = set()
    ports: list[int] = []
    # IMMEDIATE takes the write lock here, where SQLite waits for it; in the middle of a transaction it would not.
    connection.execute("BEGIN IMMEDIATE")
    try:
        for write in writes:
            write.run(connection, alone=len(writes) == 1)
            topics |= write.topics
        if topics:
            ports = listening_ports(connection)
        if WORK in topics:
            count_work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return topics, ports
