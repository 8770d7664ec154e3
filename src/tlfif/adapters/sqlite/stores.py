"""Opening the embedded home's stores."""

from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.sqlite_ledger import SqliteLedger
from tlfif.adapters.sqlite.sqlite_machine_store import SqliteMachineStore
from tlfif.adapters.sqlite.sqlite_price_store import SqlitePriceStore
from tlfif.kernel.clock import Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteStores:
    """All that the control plane keeps, in one file."""

    jobs: SqliteJobStore
    machines: SqliteMachineStore
    ledger: SqliteLedger
    prices: SqlitePriceStore

    async def close(self) -> None:
        """Let go of the file."""
        await self.jobs.close()
        await self.machines.close()
        await self.ledger.close()
        await self.prices.close()


async def open_all_sqlite_stores(path: Path, ids: Ids, *, default_idle_timeout: float, since_ms: int) -> SqliteStores:
    """What a control plane needs, over the file at ``path``, made where it is absent.

    ``default_idle_timeout`` (seconds) is what machines are told while no person has set another; ``since_ms`` (epoch
    milliseconds) is when the ledger begins, if it is new. Raises StorageError.
    """
    database = await Database.open(path)
    return SqliteStores(
        jobs=SqliteJobStore(database, ids),
        machines=SqliteMachineStore(database, default_idle_timeout=default_idle_timeout),
        ledger=SqliteLedger(database, since_ms=since_ms),
        prices=SqlitePriceStore(database),
    )


async def open_sqlite_ledger(path: Path, *, since_ms: int) -> SqliteLedger:
    """The ledger alone. Raises StorageError."""
    return SqliteLedger(await Database.open(path), since_ms=since_ms)


async def open_sqlite_stores(
    path: Path, ids: Ids, *, default_idle_timeout: float
) -> tuple[SqliteJobStore, SqliteMachineStore]:
    """What a machine needs: both stores over the file at ``path``; it is let go of when both are closed.

    ``default_idle_timeout`` as above. Raises StorageError.
    """
    database = await Database.open(path)
    return SqliteJobStore(database, ids), SqliteMachineStore(database, default_idle_timeout=default_idle_timeout)
