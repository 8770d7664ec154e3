"""Deleted rows leave no byte in a database and its log."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tlfif.kernel.deleted_bytes import remove_deleted_bytes

TABLES = """
CREATE TABLE texts (number INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE pieces (number INTEGER REFERENCES texts ON DELETE CASCADE, seq INTEGER, body TEXT NOT NULL,
    PRIMARY KEY (number, seq)) WITHOUT ROWID;
"""


def changed_a_lot(path: Path, seed: int) -> list[bytes]:
    """A database whose rows came, grew and went in a mixed order, so that SQLite moved them about; who is gone."""
    chosen = random.Random(seed)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for setting in ("journal_mode = WAL", "synchronous = OFF", "secure_delete = ON", "foreign_keys = ON"):
            db.execute(f"PRAGMA {setting}")
        db.executescript(TABLES)
        alive: set[int] = set()
        gone: list[bytes] = []
        for number in range(400):
            db.execute(
                "INSERT INTO texts VALUES (?, ?)", (number, f"T{number:05d}" + "t" * chosen.choice([5, 300, 2000]))
            )
            for seq in range(chosen.choice([1, 3, 10])):
                body = f"T{number:05d}" + "p" * chosen.choice([5, 50, 700, 3000])
                db.execute("INSERT INTO pieces VALUES (?, ?, ?)", (number, seq, body))
            alive.add(number)
            late = chosen.choice(sorted(alive))
            db.execute("INSERT INTO pieces VALUES (?, ?, ?)", (late, 100 + number, f"T{late:05d}" + "z" * 700))
            if chosen.random() < 0.6:
                doomed = chosen.choice(sorted(alive))
                alive.discard(doomed)
                gone.append(f"T{doomed:05d}".encode())
                db.execute("DELETE FROM texts WHERE number = ?", (doomed,))
    return gone


def left_of(gone: list[bytes], path: Path) -> list[bytes]:
    whole = b"".join(file.read_bytes() for file in path.parent.iterdir())
    return [marker for marker in gone if marker in whole]


@pytest.mark.parametrize("seed", range(2))
def test_what_the_database_itself_forgets_to_overwrite_is_removed(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a file of Zoë.db"
    gone = changed_a_lot(path, seed)
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT count(*) FROM texts").fetchone()
        assert remove_deleted_bytes(path, rewrite=False)
        assert left_of(gone, path), "secure_delete is enough now: the rewrite can go"
        assert remove_deleted_bytes(path, rewrite=True)
        assert left_of(gone, path) == []


def test_somebody_who_reads_or_writes_is_waited_for_by_trying_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlfif.kernel.deleted_bytes._BUSY_SECONDS", 0.0)
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES ('MARKER');")
        for begin in ("BEGIN; SELECT * FROM t;", "BEGIN IMMEDIATE; INSERT INTO t VALUES (1);"):
            other.executescript(begin)
            other.execute("SELECT * FROM t").fetchone()
            assert not remove_deleted_bytes(path, rewrite=True)
            other.execute("ROLLBACK")
        assert remove_deleted_bytes(path, rewrite=True)
        assert (tmp_path / "x.db-wal").stat().st_size == 0


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        remove_deleted_bytes(tmp_path / "x.db", rewrite=True)
    assert list(tmp_path.iterdir()) == []
