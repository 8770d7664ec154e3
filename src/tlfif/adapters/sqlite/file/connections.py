"""Opening the database file: its access rights, its journal mode, and the two connections to it."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from time import monotonic
from typing import NamedTuple

from tlfif.adapters.sqlite.file.storage_errors import storage_errors
from tlfif.adapters.sqlite.schema import Migration, migrate
from tlfif.kernel.errors import StorageError

CHECKPOINT_PAGES = 4000
"""Length of the write-ahead log, in pages of 4 KiB, at which a commit of the durable connection runs a checkpoint too.

A checkpoint waits for the disk twice: up to 20 ms. At SQLite's default of 1,000 pages one accepted prompt in 125 would
pay for it, at 4,000 one in 500. (A submit writes about eight pages.)
"""
_IMMEDIATE_CHECKPOINT_PAGES = 4 * CHECKPOINT_PAGES
"""The same for the immediate connection. Only a program that writes nothing durable for hours gets there."""


class Connections(NamedTuple):
    """Two connections to one file, each for one thread at a time.

    What ``durable`` commits survives a power failure; it waits for the disk and for other connections' locks. What
    ``immediate`` commits survives the end of the process, but a power failure may undo the last commits; where another
    connection holds the lock that it needs, it raises sqlite3.OperationalError at once. In WAL mode a read needs none,
    except in rare moments such as the recovery after a crash.
    """

    durable: sqlite3.Connection
    immediate: sqlite3.Connection


def open_connections(path: Path, migrations: Sequence[Migration], busy_seconds: float) -> Connections:
    """Open ``path``, create it where it is absent, and bring its schema up to date.

    ``busy_seconds`` limits each wait for another connection's lock. Raises StorageError.
    """
    _create_private(path)
    with storage_errors():
        durable = _connect(path, "FULL", CHECKPOINT_PAGES, busy_seconds)
        try:
            _switch_to_wal(durable, busy_seconds)
            migrate(durable, migrations)
            immediate = _connect(path, "NORMAL", _IMMEDIATE_CHECKPOINT_PAGES, busy_seconds)
        except BaseException:
            durable.close()
            raise
        immediate.execute("PRAGMA busy_timeout = 0")
        return Connections(durable, immediate)


def _connect(path: Path, synchronous: str, checkpoint_pages: int, busy_seconds: float) -> sqlite3.Connection:
    # isolation_level None: transactions are begun and ended explicitly.
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, cached_statements=256, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA fullfsync = ON")  # on macOS a plain fsync does not reach the disk
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # deleted rows are overwritten with zeros
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
    except BaseException:
        connection.close()
        raise
    return connection


def _create_private(path: Path) -> None:
    """Create the file, readable by its owner only, because it holds prompts. SQLite gives its side files the same
    access rights."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if os.name == "posix":
            path.chmod(0o600)
    except OSError as error:
        raise StorageError(
            "The job file cannot be opened. Check that its folder exists, that your user may write there and "
            "that the disk is not full.",
            details={"reason": "cannot_open", "cause": str(error)},
        ) from error


def _switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Set the journal mode. SQLite does not wait for a lock here, so two processes that open a new file at the same
    time would collide: try again until ``busy_seconds`` are over."""
    deadline = monotonic() + busy_seconds
    mode = None
    while mode is None:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            Event().wait(0.01)
    if mode != "wal":
        raise StorageError(
            "The job file lies on a disk that two programs cannot share safely (a network folder?). Set a "
            "data folder on a disk of this computer.",
            details={"reason": "no_wal"},
        )
