"""The file behind the history: its tables, its mode, and what happens to a file that cannot be read."""

import glob
import os
import sqlite3
import sys
import time
import uuid
from pathlib import Path

from tlfif.history.titles import distinct_title
from tlfif.wording.scripts import folded

SCHEMA_VERSION = 9
_TITLES_FROM = 7
"""The version since which titles are made by ``titles.py``, and may be given by hand."""
CHECKED_BYTES = 32 * 1024 * 1024
"""A file up to this size is read whole when it is opened (100 ms), to see whether it is damaged. In a larger one damage
is found by whoever reads the place."""
PATIENT_SECONDS, QUICK_SECONDS = 30.0, 2.0
"""How long a busy file is waited for."""
_PRIVATE = 0o600

_TABLES = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT;
CREATE INDEX conversations_by_time ON conversations (updated_at DESC);
CREATE TABLE exchanges (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    job_id TEXT,
    key TEXT NOT NULL,
    prompt TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    last_seq INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'sending',
    model TEXT NOT NULL DEFAULT '',
    receipt TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    superseded INTEGER NOT NULL DEFAULT 0,
    asked_at REAL NOT NULL,
    instead_of TEXT,
    place TEXT NOT NULL DEFAULT '',
    cost TEXT NOT NULL DEFAULT '',
    code TEXT NOT NULL DEFAULT '',
    reasoning TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX exchanges_of ON exchanges (conversation_id, number);
CREATE INDEX exchanges_open ON exchanges (status) WHERE status IN ('sending', 'running');
CREATE INDEX exchanges_instead ON exchanges (instead_of) WHERE instead_of IS NOT NULL;
CREATE TABLE pieces (
    exchange_id TEXT NOT NULL REFERENCES exchanges (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (exchange_id, seq)
) STRICT, WITHOUT ROWID;
"""
_SEARCHED = """
CREATE TABLE searched (
    number INTEGER PRIMARY KEY REFERENCES exchanges (number) ON DELETE CASCADE,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE notes (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""
"""``searched`` holds prompt and answer as they are searched (:func:`tlfif.wording.scripts.folded`): every part of a
word is found, in every script, which an index of words does not do. Reading 100,000 exchanges takes less than a second.
"""
INDEX = "INSERT OR REPLACE INTO searched SELECT number, folded(prompt || char(10) || answer) FROM exchanges"
_FROM_1 = """
ALTER TABLE exchanges ADD COLUMN instead_of TEXT;
CREATE INDEX exchanges_instead ON exchanges (instead_of) WHERE instead_of IS NOT NULL;
"""
"""``superseded`` is set by hand in files of version 1 only; since then ``instead_of`` says it."""
_FROM_2 = """
ALTER TABLE exchanges ADD COLUMN place TEXT NOT NULL DEFAULT '';
"""
"""In files of version 2 every prompt was asked on this computer."""
_FROM_3 = """
ALTER TABLE exchanges ADD COLUMN cost TEXT NOT NULL DEFAULT '';
"""
_FROM_4 = "DROP TABLE IF EXISTS words;" + _SEARCHED + INDEX + ";INSERT INTO notes VALUES ('deleted');"  # noqa: S608 - constants
"""Files up to version 4 had an index of words."""
_FROM_5 = """
ALTER TABLE exchanges ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE exchanges ADD COLUMN reasoning TEXT NOT NULL DEFAULT '';
"""
_ARRANGED = """
CREATE TABLE folders (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN folder TEXT REFERENCES folders (id) ON DELETE SET NULL;
ALTER TABLE conversations ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN deleted_at REAL;
CREATE INDEX conversations_by_title ON conversations (title);
CREATE INDEX conversations_in ON conversations (folder) WHERE folder IS NOT NULL;
CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE revision (number INTEGER NOT NULL) STRICT;
INSERT INTO revision VALUES (0);
"""
"""``origin``: what a conversation was asked with, empty for the window. ``deleted_at``: when its owner deleted it, who
may take that back for a minute. ``revision`` counts what changes the list, so that two windows see each other's."""
_BRANCHED = """
ALTER TABLE exchanges ADD COLUMN follows TEXT;
ALTER TABLE exchanges ADD COLUMN brief TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN tip TEXT;
UPDATE exchanges SET follows = (
    SELECT before.id FROM exchanges AS before
    WHERE before.conversation_id = exchanges.conversation_id AND before.number < exchanges.number
    AND NOT before.superseded
    AND NOT (before.instead_of IS NOT NULL AND before.status IN ('failed', 'cancelled', 'expired'))
    AND NOT EXISTS (
        SELECT 1 FROM exchanges AS newer
        WHERE newer.instead_of = before.id AND newer.status NOT IN ('failed', 'cancelled', 'expired')
    )
    ORDER BY before.number DESC LIMIT 1
) WHERE instead_of IS NULL;
UPDATE exchanges SET follows = (
    WITH RECURSIVE replaced (id, instead_of, follows) AS (
        SELECT one.id, one.instead_of, one.follows FROM exchanges AS one WHERE one.id = exchanges.instead_of
        UNION
        SELECT one.id, one.instead_of, one.follows FROM exchanges AS one JOIN replaced ON one.id = replaced.instead_of
    )
    SELECT follows FROM replaced WHERE instead_of IS NULL
) WHERE instead_of IS NOT NULL;
ALTER TABLE exchanges DROP COLUMN superseded;
"""
"""``follows``: the exchange that one goes on from; those that go on from the same one are versions of each other.
``tip``: the end of the branch that is shown. Before, answers that another one replaced stood in one line with it."""
_FROM_8 = """
ALTER TABLE exchanges ADD COLUMN setting TEXT NOT NULL DEFAULT '';
"""
_STEPS = (_FROM_1, _FROM_2, _FROM_3, _FROM_4, _FROM_5, _ARRANGED, _BRANCHED, _FROM_8)


class UnreadableError(Exception):
    """The file is not a history that this version can read."""


class NewerError(UnreadableError):
    """A newer TL-FIF wrote it."""


def open_file(path: Path, *, quick: bool = False) -> sqlite3.Connection:
    """The database with its tables. Raises UnreadableError for a file that is none, OSError and sqlite3.Error.

    A file up to ``CHECKED_BYTES`` is read whole, to see whether it is damaged, and a busy one is waited for, because
    another connection may be writing it anew. ``quick``, for a command: neither.
    """
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))
    if sys.platform != "win32":
        path.chmod(_PRIVATE)  # the log files beside it get the same mode from SQLite
    patience = QUICK_SECONDS if quick else PATIENT_SECONDS
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=patience)
    try:
        db.create_function("folded", 1, folded, deterministic=True)
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise NewerError
        if not quick and path.stat().st_size <= CHECKED_BYTES:
            _check(db)
        if version < SCHEMA_VERSION:
            _bring_up(db)
        db.execute("SELECT count(*) FROM conversations, exchanges, searched, notes, folders WHERE 0")
        db.execute("SELECT number FROM revision").fetchone()
        db.row_factory = sqlite3.Row
    except sqlite3.DatabaseError as error:
        db.close()
        if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
            raise  # locked, full, read-only: the content is not damaged
        raise UnreadableError from error
    except UnreadableError:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise UnreadableError


def _bring_up(db: sqlite3.Connection) -> None:
    """The tables of this version, in a new file or out of an older one's; another window may be doing the same."""
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for statement in _statements(
        _TABLES + _SEARCHED + _ARRANGED + _BRANCHED + _FROM_8 if version == 0 else "".join(_STEPS[version - 1 :])
    ):
        db.execute(statement)
    if 0 < version < _TITLES_FROM:
        _retitle(db)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")


def _statements(script: str) -> list[str]:
    """Of a script of ours, which has no semicolon inside of a statement. (``executescript`` ends a transaction.)"""
    return [one for one in script.split(";") if one.strip()]


def _retitle(db: sqlite3.Connection) -> None:
    """Titles by the present rule, the oldest conversation first. Nobody could give names of his own before."""
    rows = db.execute(
        "SELECT id, (SELECT prompt FROM exchanges WHERE conversation_id = c.id ORDER BY number LIMIT 1) "
        "FROM conversations c ORDER BY created_at"
    ).fetchall()
    taken: set[str] = set()
    for name, prompt in rows:
        if prompt is not None:
            title = distinct_title(prompt, taken.__contains__)
            taken.add(title)
            db.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, name))


def is_damage(error: BaseException) -> bool:
    """Whether it says that the file's content is damaged."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def move_away(path: Path, now: float) -> Path:
    """Rename a file that cannot be read, and its log files; the new name has the time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    target = path.with_name(f"{path.name}.unreadable-{stamp}-{uuid.uuid4().hex[:4]}")
    path.replace(target)
    for ending in ("-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.replace(target.with_name(target.name + ending))
    return target


def moved_away(path: Path) -> list[Path]:
    """The files that :func:`move_away` has left beside ``path``."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.unreadable-*"))
