"""Moving what was committed from the write-ahead log into the file itself (SQLite's checkpoint)."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from tlfif.adapters.sqlite.file.connections import open_writer
from tlfif.adapters.sqlite.file.sql_thread import SqlThread

MOVE_EVERY = 100
"""Writes between two moves: about as many pages (1,000) as SQLite waits for by itself."""


class LogMover:
    """Moves the log after every so many writes, in a thread of its own.

    SQLite does it within the commit that makes the log too long, and one prompt in a hundred would wait for it: 1 to
    18 ms here, because both files are synced. Readers and writers go on meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writes = 0
        self._thread: SqlThread | None = None
        self._connection: sqlite3.Connection | None = None

    def written(self) -> None:
        """Count one write."""
        self._writes += 1
        if self._writes >= MOVE_EVERY:
            self._writes = 0
            if self._thread is None:
                self._thread = SqlThread(f"log {self._path.name}")
            self._thread.post(self._move)

    async def close(self) -> None:
        """Return once nothing is being moved any more."""
        if self._thread is not None:
            await self._thread.stop(self._let_go)

    def _move(self) -> None:
        with suppress(sqlite3.Error):  # the next one tries again
            if self._connection is None:
                self._connection = open_writer(self._path)
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
