"""SQLite's errors as messages for the owner."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tlfif.kernel.errors import StorageError

_REASONS = {
    sqlite3.SQLITE_FULL: (
        "disk_full",
        "The disk is full. Free some space, then try again; nothing was changed.",
    ),
    sqlite3.SQLITE_BUSY: (
        "locked",
        "Another program holds the job file and did not let go in time. Close programs that have it open and "
        "try again; nothing was changed.",
    ),
    sqlite3.SQLITE_LOCKED: (
        "locked",
        "The job file is locked by another program. Try again; nothing was changed.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "corrupt",
        "The job file is damaged. Stop TL-FIF, move the file to another folder and start again; a new one "
        "is made. Keep the old one if you want its jobs rescued.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "corrupt",
        "The job file is damaged or is no TL-FIF file. Stop TL-FIF, move the file to another folder and "
        "start again; a new one is made.",
    ),
    sqlite3.SQLITE_READONLY: (
        "read_only",
        "The job file may not be written. Give your user the right to write the file and its folder, then try "
        "again; nothing was changed.",
    ),
    sqlite3.SQLITE_PERM: (
        "read_only",
        "The job file may not be opened. Give your user the right to read and write it, then try again.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot_open",
        "The job file cannot be opened. Check that its folder exists and that your user may write there.",
    ),
    sqlite3.SQLITE_IOERR: (
        "io_error",
        "The disk did not read or write the job file. Check free space and the disk itself, then try again; "
        "nothing was changed.",
    ),
}


def storage_error(error: sqlite3.Error) -> StorageError:
    """Translate ``error``; ``details`` has ``reason``, for programs, and SQLite's own message as ``cause``."""
    code = getattr(error, "sqlite_errorcode", None)
    reason, sentence = _REASONS.get(
        sqlite3.SQLITE_ERROR if code is None else code & 0xFF,  # the low byte is the family of the error
        ("other", "The job file could not be used. Try again; if it stays so, see the log of the server."),
    )
    return StorageError(sentence, details={"reason": reason, "cause": str(error)})


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise StorageError for failures of the file or the disk.

    Mistakes of the program (a violated constraint, a wrong use of a connection) pass through unchanged.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        raise storage_error(error) from error
