"""Every behaviour runs against every adapter; only the adapter under test is built."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import emulator  # noqa: F401  # a fixture, started by those who ask for it
from tests.aws.dynamo_jobs import a_job_home
from tests.aws.dynamo_state import open_state_table
from tests.fakes.clock import FakeIds
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.redis_process import RedisProcess, needs_redis
from tlfif.adapters.aws.machines.dynamo_machine_store import DynamoMachineStore
from tlfif.adapters.redis.open_store import open_redis_job_store
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.sqlite_machine_store import SqliteMachineStore
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.jobs.job_store import JobStore
from tlfif.machines.machine_store import MachineStore

DEFAULT_IDLE_TIMEOUT = 300.0

OpenSqlite = Callable[[], Awaitable[tuple[SqliteJobStore, SqliteMachineStore]]]


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    """Where the test's SQLite file lies: a folder with a blank and a letter that is not ASCII in its name."""
    return tmp_path / "data of Zoë" / "tlfif.db"


@pytest.fixture
async def open_sqlite(database_path: Path) -> AsyncIterator[OpenSqlite]:
    """Opens the test's SQLite file as one more process would; all is closed at the end."""
    ids = FakeIds()
    opened: list[tuple[SqliteJobStore, SqliteMachineStore]] = []

    async def open_once_more() -> tuple[SqliteJobStore, SqliteMachineStore]:
        stores = await open_sqlite_stores(database_path, ids, default_idle_timeout=DEFAULT_IDLE_TIMEOUT)
        opened.append(stores)
        return stores

    yield open_once_more
    for jobs, machines in opened:
        await jobs.close()
        await machines.close()


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisProcess]:
    """One server for all tests of a process."""
    process = RedisProcess()
    process.start()
    yield process
    process.close()


@pytest.fixture(params=["memory", "sqlite", "aws", pytest.param("redis", marks=needs_redis)])
async def job_store(request: pytest.FixtureRequest, open_sqlite: OpenSqlite) -> AsyncIterator[JobStore]:
    """An empty job store."""
    if request.param == "memory":
        store: JobStore = MemoryJobStore(FakeIds())
    elif request.param == "aws":
        store = a_job_home(request.getfixturevalue("emulator")).open()
    elif request.param == "redis":
        process = request.getfixturevalue("redis_process")
        process.ask("FLUSHALL")
        store = await open_redis_job_store(process.address, FakeIds())
    else:
        store, _ = await open_sqlite()
    yield store
    await store.close()


@pytest.fixture(params=["memory", "sqlite", "aws"])
async def machine_store(request: pytest.FixtureRequest, open_sqlite: OpenSqlite) -> AsyncIterator[MachineStore]:
    """An empty machine store."""
    if request.param == "memory":
        store: MachineStore = MemoryMachineStore(default_idle_timeout=DEFAULT_IDLE_TIMEOUT)
    elif request.param == "aws":
        table = open_state_table(request.getfixturevalue("emulator"))
        store = DynamoMachineStore(table, default_idle_timeout=DEFAULT_IDLE_TIMEOUT)
    else:
        _, store = await open_sqlite()
    yield store
    await store.close()
