"""The tables, as an ordered list of migrations. Never edit a released migration: append another one."""

import sqlite3
from collections.abc import Sequence

from tlfif.kernel.errors import StorageError

Migration = tuple[str, ...]
"""The statements that change one schema version to the next."""

_VERSION_1: Migration = (
    # position: order of acceptance; AUTOINCREMENT so that the number of a deleted job, which a cursor may hold, is
    # never used again.
    """
    CREATE TABLE jobs (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL
            CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
        model TEXT NOT NULL,
        idempotency_key TEXT UNIQUE,
        fingerprint TEXT NOT NULL,
        created_at REAL NOT NULL,
        wait_seconds REAL NOT NULL,
        expires_at REAL NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        worker_id TEXT,
        lease_token TEXT,
        lease_expires_at REAL,
        started_at REAL,
        finished_at REAL,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        cancel_reason TEXT,
        error_code TEXT,
        error_message TEXT,
        receipt TEXT,
        CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
        CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL)),
        CHECK (status <> 'queued' OR cancel_requested = 0)
    )
    """,
    # Also the index for all queries about open jobs: there are at most as many as the queue may hold.
    "CREATE INDEX jobs_by_status ON jobs (status, position)",
    "CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL",
    # Not in jobs: SQLite rewrites a whole row whenever one of its fields changes, and a prompt is long.
    """
    CREATE TABLE requests (
        position INTEGER PRIMARY KEY REFERENCES jobs (position) ON DELETE CASCADE,
        body TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE events (
        position INTEGER NOT NULL REFERENCES jobs (position) ON DELETE CASCADE,
        seq INTEGER NOT NULL CHECK (seq > 0),
        kind TEXT NOT NULL,
        at REAL NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (position, seq)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE machines (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        model TEXT NOT NULL,
        image TEXT NOT NULL,
        created_at REAL NOT NULL,
        reason TEXT NOT NULL,
        handle TEXT,
        boot_id TEXT,
        phase TEXT,
        phase_started_at REAL,
        ready_at REAL,
        heartbeat_at REAL,
        idle_since REAL,
        ended_at REAL,
        worker_pid INTEGER,
        engine_pid INTEGER,
        drain_requested INTEGER NOT NULL,
        stop_requested_at REAL,
        orphan_seen_at REAL
    )
    """,
    # At most one open machine.
    "CREATE UNIQUE INDEX one_open_machine ON machines ((ended_at IS NULL)) WHERE ended_at IS NULL",
    "CREATE INDEX machines_by_start ON machines (model, image, position)",
    """
    CREATE TABLE phase_timings (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        machine INTEGER NOT NULL REFERENCES machines (position) ON DELETE CASCADE,
        phase TEXT NOT NULL,
        seconds REAL NOT NULL
    )
    """,
    "CREATE INDEX phase_timings_by_machine ON phase_timings (machine, position)",
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
    # The ports of processes that listen for notifications: see notifier.py.
    """
    CREATE TABLE doorbells (
        port INTEGER PRIMARY KEY,
        pid INTEGER NOT NULL,
        process_started REAL NOT NULL
    )
    """,
)

_VERSION_2: Migration = (
    # For the jobs that share the cost of one machine.
    "CREATE INDEX jobs_by_worker ON jobs (worker_id, position) WHERE worker_id IS NOT NULL",
    # revision: rises with every change of any span, so that a reader can ask for the changes since its last read.
    """
    CREATE TABLE machine_spans (
        machine_id TEXT PRIMARY KEY,
        instance_type TEXT NOT NULL,
        region TEXT NOT NULL,
        from_ms INTEGER NOT NULL,
        ready_ms INTEGER,
        to_ms INTEGER,
        corrected INTEGER NOT NULL,
        revision INTEGER NOT NULL UNIQUE,
        CHECK (to_ms IS NULL OR to_ms >= from_ms)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX machine_spans_by_start ON machine_spans (from_ms)",
    # What a start may cost at most, reserved until the machine has ended.
    """
    CREATE TABLE reservations (
        machine_id TEXT PRIMARY KEY,
        micros INTEGER NOT NULL CHECK (micros >= 0)
    ) WITHOUT ROWID
    """,
    # Single values: the budget, the exchange rate, when the ledger began.
    "CREATE TABLE documents (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE prices (
        position INTEGER PRIMARY KEY,
        item TEXT NOT NULL,
        region TEXT NOT NULL,
        instance_type TEXT,
        micros INTEGER NOT NULL CHECK (micros > 0),
        unit TEXT NOT NULL,
        source TEXT NOT NULL,
        date TEXT NOT NULL,
        verified INTEGER NOT NULL,
        valid_from_ms INTEGER NOT NULL
    )
    """,
)

_VERSION_3: Migration = (
    # reason is overwritten with why the machine ends; this column keeps why it was started.
    "ALTER TABLE machines ADD COLUMN start_reason TEXT NOT NULL DEFAULT ''",
)

_VERSION_4: Migration = ("ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''",)

_VERSION_5: Migration = (
    "ALTER TABLE doorbells RENAME TO listeners",
    "DELETE FROM documents WHERE name = 'ledger_notes'",
)

_VERSION_6: Migration = (
    # body has all of an image but its revision; report is what its candidate wrote.
    """
    CREATE TABLE images (
        number INTEGER PRIMARY KEY,
        state TEXT NOT NULL,
        cleaned INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        body TEXT NOT NULL,
        report TEXT
    )
    """,
    """
    CREATE TABLE image_logs (
        image INTEGER NOT NULL REFERENCES images (number),
        line INTEGER NOT NULL,
        at REAL NOT NULL,
        stage TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (image, line)
    ) WITHOUT ROWID
    """,
)

_VERSION_7: Migration = ("ALTER TABLE machines ADD COLUMN code TEXT NOT NULL DEFAULT ''",)

_VERSION_8: Migration = (
    "ALTER TABLE machines ADD COLUMN instance_type TEXT",
    "ALTER TABLE machines ADD COLUMN engine TEXT",
)

# A job answered by a personal model names that one in its request, and here the model under it.
_VERSION_9: Migration = ("ALTER TABLE jobs RENAME COLUMN model TO base",)

# body has all of a personal model.
_VERSION_10: Migration = ("CREATE TABLE personal_models (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",)

MIGRATIONS: tuple[Migration, ...] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
    _VERSION_7,
    _VERSION_8,
    _VERSION_9,
    _VERSION_10,
)


def version(connection: sqlite3.Connection) -> int:
    """Return the schema version of the file; 0 for a new one."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Migrate the file to the newest version, completely or not at all. Where two processes do so at the same time, one
    does the work.

    Raises StorageError for a file of a newer version of this program, and for the file of another program.
    """
    if version(connection) == len(migrations):
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        present = version(connection)  # again, under the lock
        refuse_foreign(connection, newest=len(migrations))
        for migration in migrations[present:]:
            for statement in migration:
                connection.execute(statement)
        # PRAGMA accepts no parameters.
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def refuse_foreign(connection: sqlite3.Connection, *, newest: int = len(MIGRATIONS)) -> None:
    """Raise StorageError for a file that a newer version of this program, or another program, wrote."""
    present = version(connection)
    if present > newest:
        raise StorageError(
            f"A newer TL-FIF wrote the job file: its version is {present}, this program knows {newest}. "
            "Install the newer program again, or set another data folder.",
            code="storage_newer",
            details={"reason": "too_new", "version": present, "known": newest},
        )
    if present == 0 and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        raise StorageError(
            "The job file holds another program's data and was left untouched. Set another data folder.",
            code="storage_foreign",
            details={"reason": "foreign"},
        )
