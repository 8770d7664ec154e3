"""The schema's versions: from any released one to the newest, whole or not at all."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tlfif.adapters.sqlite.file.connections import open_connections
from tlfif.adapters.sqlite.schema import MIGRATIONS, Migration, migrate, version
from tlfif.kernel.errors import StorageError

FIRST: Migration = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)",)
SECOND: Migration = (
    "ALTER TABLE notes ADD COLUMN length INTEGER NOT NULL DEFAULT 0",
    "UPDATE notes SET length = LENGTH(body)",
)
THIRD: Migration = ("CREATE INDEX notes_by_length ON notes (length)",)
BROKEN: Migration = ("CREATE TABLE extra (id INTEGER)", "INSERT INTO nowhere VALUES (1)")

REQUEST = '{"max_tokens":64,"messages":[{"content":"Hello","role":"user"}],"model":"m","seed":null,"temperature":0.7}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_a_new_file_gets_the_newest_schema(connection: sqlite3.Connection) -> None:
    migrate(connection)
    assert version(connection) == len(MIGRATIONS)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"jobs", "requests", "events", "machines", "phase_timings", "settings", "listeners"} <= tables


def test_migrating_again_changes_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection)
    before = connection.execute("SELECT * FROM sqlite_master").fetchall()
    migrate(connection)
    assert connection.execute("SELECT * FROM sqlite_master").fetchall() == before


@pytest.mark.requirement("4.1.1")
def test_an_older_file_keeps_its_data(connection: sqlite3.Connection) -> None:
    migrate(connection, [FIRST])
    connection.execute("INSERT INTO notes (body) VALUES ('four'), ('sixsix')")
    migrate(connection, [FIRST, SECOND, THIRD])
    assert version(connection) == 3
    assert connection.execute("SELECT body, length FROM notes").fetchall() == [("four", 4), ("sixsix", 6)]


def test_a_file_in_between_gets_only_what_is_missing(connection: sqlite3.Connection) -> None:
    migrate(connection, [FIRST, SECOND])
    migrate(connection, [FIRST, SECOND, THIRD])  # SECOND twice would fail on its column
    assert version(connection) == 3


def test_a_failing_migration_leaves_the_file_as_it_was(connection: sqlite3.Connection) -> None:
    migrate(connection, [FIRST])
    connection.execute("INSERT INTO notes (body) VALUES ('four')")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, [FIRST, SECOND, BROKEN])
    assert version(connection) == 1
    assert not connection.in_transaction
    assert connection.execute("SELECT * FROM notes").fetchall() == [(1, "four")]
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'extra'").fetchall() == []


def test_a_newer_file_is_refused_in_plain_words(connection: sqlite3.Connection) -> None:
    migrate(connection, [FIRST, SECOND])
    with pytest.raises(StorageError) as refused:
        migrate(connection, [FIRST])
    assert "A newer TL-FIF wrote the job file" in refused.value.message
    assert refused.value.code == "storage_newer"
    assert refused.value.details == {"reason": "too_new", "version": 2, "known": 1}
    assert version(connection) == 2


def test_another_programs_file_is_left_alone(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(StorageError) as refused:
        migrate(connection)
    assert (refused.value.code, refused.value.details["reason"]) == ("storage_foreign", "foreign")
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_openers_at_once_migrate_once(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        migrate(first, [FIRST])
        first.execute("INSERT INTO notes (body) VALUES ('four')")

    def open_it(_: int) -> int:
        connections = open_connections(path, [FIRST, SECOND, THIRD], 10.0)
        try:
            return version(connections.immediate)
        finally:
            for connection in connections:
                connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_it, range(8))) == [3] * 8


def test_a_machine_from_before_its_start_reason_was_kept_can_be_read(connection: sqlite3.Connection) -> None:
    migrate(connection, MIGRATIONS[:2])
    connection.execute(
        "INSERT INTO machines (id, state, model, image, created_at, reason, ended_at, drain_requested) "
        "VALUES ('machine_1', 'off', 'm', 'embedded-1', 1.0, 'stopped by you', 2.0, 0)"
    )
    migrate(connection)
    assert connection.execute("SELECT reason, start_reason FROM machines").fetchall() == [("stopped by you", "")]


def test_version_1_is_what_was_released(connection: sqlite3.Connection) -> None:
    """A file of version 1, written out here and not by the program, holds a job that today's program reads."""
    migrate(connection, MIGRATIONS[:1])
    connection.execute(
        "INSERT INTO jobs (id, status, model, idempotency_key, fingerprint, created_at, wait_seconds, expires_at) "
        "VALUES ('job_1', 'queued', 'm', 'k', 'f', 1.0, 60.0, 61.0)"
    )
    connection.execute("INSERT INTO requests (position, body) VALUES (1, ?)", (REQUEST,))
    connection.execute("INSERT INTO events (position, seq, kind, at, data) VALUES (1, 1, 'queued', 1.0, '{}')")
    migrate(connection)
    assert version(connection) == len(MIGRATIONS)
    assert connection.execute("SELECT id, status, base FROM jobs").fetchall() == [("job_1", "queued", "m")]
