"""Opening the file: its rights, its mode, its two connections."""

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

from tlfif.adapters.sqlite.file.log_sync import LogSync
from tlfif.adapters.sqlite.file.storage_errors import storage_errors
from tlfif.adapters.sqlite.schema import Migration, migrate
from tlfif.kernel.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Two ways into one file, and its write-ahead log.

    What ``durable`` commits survives power loss. What ``quick`` commits survives any end of the process; its last
    moments may be lost with the power.
    """

    durable: sqlite3.Connection
    quick: sqlite3.Connection
    log: LogSync

    def close(self) -> None:
        """Close both; the last one out writes the log back into the file."""
        self.log.close()
        self.quick.close()
        self.durable.close()


def open_connections(path: Path, migrations: Sequence[Migration], busy_seconds: float) -> Connections:
    """Open ``path``, made where it is absent, with the newest schema. Raises StorageError."""
    _make_private(path)
    with storage_errors():
        durable = _connect(path, "FULL", busy_seconds)
        try:
            _switch_to_wal(durable, busy_seconds)
            migrate(durable, migrations)
            quick = _connect(path, "NORMAL", busy_seconds)
            return Connections(durable=durable, quick=quick, log=LogSync(path))
        except BaseException:
            durable.close()
            raise


def open_reader(path: Path) -> sqlite3.Connection:
    """A third way in, which can only read and never waits: who writes does not hold readers up in this mode, and in the
    rare moment when the file is locked as a whole it says so at once. Raises sqlite3.Error."""
    reader = sqlite3.connect(path, timeout=0.0, isolation_level=None, cached_statements=256, check_same_thread=False)
    try:
        reader.execute("PRAGMA query_only = ON")
    except BaseException:
        reader.close()
        raise
    return reader


def open_writer(path: Path) -> sqlite3.Connection:
    """A fourth way in, for short writes: it does not wait for a lock, nor for the disk. Raises sqlite3.Error."""
    writer = _connect(path, "NORMAL", 0.0, shared=True)
    try:
        writer.execute("PRAGMA wal_autocheckpoint = 0")  # never within its commits: that waits for the disk
    except BaseException:
        writer.close()
        raise
    return writer


def _make_private(path: Path) -> None:
    """Only the owner may read the file: prompts are in it. SQLite gives its side files the same rights."""
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


LONGEST_LOG_PAGES = 4000
"""From this length on the next commit moves the log itself, should the mover (``log_mover.py``) not keep up."""


def _connect(path: Path, synchronous: str, busy_seconds: float, *, shared: bool = False) -> sqlite3.Connection:
    # isolation_level None: transactions are begun and ended by hand. Unless shared, used in the one SQL thread.
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, cached_statements=256, check_same_thread=not shared
    )
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone does not reach the platter there
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG_PAGES}")
        connection.execute("PRAGMA secure_delete = ON")  # what was purged is gone from the file too
    except BaseException:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """SQLite does not wait for a lock while it changes the mode, so two first openers would collide."""
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
