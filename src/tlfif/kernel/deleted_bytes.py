"""The bytes that deleted rows leave in a database file and its log, and how they are removed."""

import sqlite3
from contextlib import closing
from pathlib import Path

_BUSY_SECONDS = 2.0


def remove_deleted_bytes(path: Path, *, rewrite: bool) -> bool:
    """Remove what was deleted from the SQLite database at ``path``. False: another program holds it; try again later.

    Its write-ahead log keeps pages as they were before a deletion until it is cut to nothing here. In the file itself
    ``secure_delete`` overwrites a row where it lies, but a row that SQLite moved to another page before stays in the
    unused part of the page where it was: only writing the whole file anew (``rewrite``, about 50 MB a second, in which
    others can read and not write) removes that. Blocks, so call it in a thread. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS)) as connection:
        try:
            connection.execute("PRAGMA secure_delete = ON")
            done = _cut_log(connection)  # first, because a rewrite needs space that a full disk lacks
            if done and rewrite:
                connection.execute("VACUUM")
                done = _cut_log(connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            return False
        return done


def _cut_log(connection: sqlite3.Connection) -> bool:
    """Move the log into the file and cut it; whether nobody else was in the way."""
    busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy
