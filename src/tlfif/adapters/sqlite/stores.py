"""Opening the embedded home's stores."""

from pathlib import Path

from tlfif.adapters.sqlite.database import Database
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.sqlite_machine_store import SqliteMachineStore
from tlfif.ports.clock import Ids


async def open_sqlite_stores(
    path: Path, ids: Ids, *, default_idle_timeout: float
) -> tuple[SqliteJobStore, SqliteMachineStore]:
    """Both stores over the file at ``path``, made where it is absent; it is let go of when both are closed.

    ``default_idle_timeout`` (seconds) is what machines are told while no person has set another.

    Raises StorageError.
    """
    database = await Database.open(path)
    return SqliteJobStore(database, ids), SqliteMachineStore(database, default_idle_timeout=default_idle_timeout)
