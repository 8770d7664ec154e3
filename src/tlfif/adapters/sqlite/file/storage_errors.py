"""SQLite's errors as messages for the owner."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TypeVar

from tlfif.kernel.errors import StorageError

R = TypeVar("R")
T = TypeVar("T")

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
    family = sqlite3.SQLITE_ERROR if code is None else code & 0xFF  # the low byte
    if family in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or str(error).startswith("Could not decode"):
        return damaged(error)
    reason, sentence = _REASONS.get(
        family,
        ("other", "The job file could not be used. Try again; if it stays so, see the log of the server."),
    )
    stable = "storage_full" if reason == "disk_full" else StorageError.code
    return StorageError(sentence, code=stable, details={"reason": reason, "cause": str(error)})


def damaged(error: Exception) -> StorageError:
    """The file does not hold what this program wrote."""
    return StorageError(
        "The job file tlfif.db is damaged. To set it aside and go on with a new one: ./tlfif doctor "
        "--set-aside-database. Waiting prompts, old answers and the month's sum stay in the old file, which is kept.",
        code="storage_damaged",
        details={
            "reason": "corrupt",
            "cause": str(error) if isinstance(error, sqlite3.Error) else type(error).__name__,
        },
    )


def damage_behind(error: sqlite3.IntegrityError, connection: sqlite3.Connection) -> Exception:
    """What a violated constraint means: an index that does not agree with its table is damage, and any other a mistake
    of the program, which stays ``error``. Reads the whole file where that is in order, about a second for 500 MB."""
    try:
        whole = connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
    except sqlite3.Error:
        whole = False
    return error if whole else damaged(error)


def as_written(read: Callable[[R], T]) -> Callable[[R], T]:
    """``read`` makes something of what is in a row; StorageError (``storage_damaged``) where it cannot: nothing but
    this program writes rows."""

    @wraps(read)
    def checked(row: R) -> T:
        try:
            return read(row)
        except Exception as error:
            raise damaged(error) from None  # its message may quote a prompt

    return checked


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise StorageError for failures of the file or the disk.

    Mistakes of the program (a violated constraint in a file that is whole, a wrong use of a connection) pass through
    unchanged.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        raise storage_error(error) from error
    except UnicodeDecodeError as error:  # SQLite quotes what it finds in a damaged file
        raise damaged(error) from None
