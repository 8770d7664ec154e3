"""Putting on the disk what SQLite has committed without waiting for it."""

import os
import sys
from pathlib import Path

from tlfif.adapters.sqlite.file.wal_tail import wal_file
from tlfif.kernel.errors import StorageError


class LogSync:
    """The write-ahead log, held open beside SQLite.

    A commit is in the log when it is done; whether it survives power loss is a question of the log's bytes having left
    for the disk. SQLite's FULL sends them while it commits, so that nobody learns of the commit before. Sent from here
    afterwards, others can begin with what was committed while its author waits for the disk. A commit that has left the
    log meanwhile is on the disk all the same: SQLite syncs both files before it begins the log anew.
    """

    def __init__(self, path: Path) -> None:
        """``path`` is the database's, open in WAL mode. Raises StorageError."""
        try:
            # SQLite's locks lie in the other two files, so that closing this handle lets go of none.
            self._handle = os.open(wal_file(path), os.O_RDWR | getattr(os, "O_BINARY", 0))
            _sync_folder(path.parent)
        except OSError as error:
            raise StorageError(
                "The job file cannot be opened. Check that its folder exists and that your user may write there.",
                details={"reason": "cannot_open", "cause": str(error)},
            ) from error

    def sync(self) -> None:
        """Return once all that was committed before is on the disk. Raises StorageError."""
        try:
            _sync(self._handle)
        except OSError as error:
            raise StorageError(
                "The disk did not confirm that the prompt is stored for good. Check the disk, then try again; the "
                "prompt may be answered all the same.",
                details={"reason": "io_error", "cause": str(error)},
            ) from error

    def close(self) -> None:
        """Let go of it; to be done before SQLite's own last connection closes and removes the log."""
        os.close(self._handle)


def _sync(handle: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # there fsync alone does not reach the platter
    elif sys.platform == "win32":
        os.fsync(handle)
    else:
        os.fdatasync(handle)


def _sync_folder(folder: Path) -> None:
    """That the log is there at all must survive, too: SQLite sees to it only where it syncs the log itself."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
