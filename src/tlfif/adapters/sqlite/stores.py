"""Opens the stores of this computer, all in one SQLite file."""

from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_image_store import SqliteImageStore
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.sqlite_ledger import SqliteLedger
from tlfif.adapters.sqlite.sqlite_machine_store import SqliteMachineStore
from tlfif.adapters.sqlite.sqlite_personal_model_store import SqlitePersonalModelStore
from tlfif.adapters.sqlite.sqlite_price_store import SqlitePriceStore
from tlfif.adapters.sqlite.sqlite_timeline import SqliteTimeline
from tlfif.kernel.clock import Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteStores:
    """All stores of the control plane, in one file."""

    jobs: SqliteJobStore
    machines: SqliteMachineStore
    ledger: SqliteLedger
    prices: SqlitePriceStore
    timeline: SqliteTimeline
    images: SqliteImageStore
    personal_models: SqlitePersonalModelStore

    async def close(self) -> None:
        """Close the file."""
        await self.jobs.close()
        await self.machines.close()
        await self.ledger.close()
        await self.prices.close()
        await self.timeline.close()
        await self.images.close()
        await self.personal_models.close()


async def open_all_sqlite_stores(path: Path, ids: Ids, *, default_idle_timeout: float, since_ms: int) -> SqliteStores:
    """Open what a control plane needs, in the file at ``path``, created where it is absent.

    ``default_idle_timeout`` (seconds) applies to machines until a person sets another one; ``since_ms`` (epoch
    milliseconds) is when the ledger begins, if it is new. Raises StorageError.
    """
    database = await Database.open(path)
    jobs = SqliteJobStore(database, ids)
    await jobs.wiper.resume()
    return SqliteStores(
        jobs=jobs,
        machines=SqliteMachineStore(database, default_idle_timeout=default_idle_timeout),
        ledger=SqliteLedger(database, since_ms=since_ms),
        prices=SqlitePriceStore(database),
        timeline=SqliteTimeline(database),
        images=SqliteImageStore(database),
        personal_models=SqlitePersonalModelStore(database),
    )


async def open_sqlite_ledger(path: Path, *, since_ms: int) -> SqliteLedger:
    """Open the ledger alone; arguments as above. Raises StorageError."""
    return SqliteLedger(await Database.open(path), since_ms=since_ms)


async def open_sqlite_stores(
    path: Path, ids: Ids, *, default_idle_timeout: float
) -> tuple[SqliteJobStore, SqliteMachineStore]:
    """Open what a worker needs: both stores in the file at ``path``, which is closed when both are.

    ``default_idle_timeout`` as above. Raises StorageError.
    """
    database = await Database.open(path, short_writes_on_loop=True)
    return SqliteJobStore(database, ids), SqliteMachineStore(database, default_idle_timeout=default_idle_timeout)
