"""Writes that wait at the same time share one commit; none of them pays for another's mistake."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.builders import T0, a_new_job
from tests.fakes.clock import FakeIds
from tlfif.adapters.sqlite.file.database import MOST_TOGETHER, Database
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.jobs.jobs import SubmitResult
from tlfif.kernel.errors import BusyError, StorageError

MANY = MOST_TOGETHER + 6


async def all_at_once(store: SqliteJobStore, count: int, *, max_queued: int) -> list[SubmitResult | BaseException]:
    """Submit ``count`` prompts, none of which waits for another."""
    submits = [store.submit(a_new_job(f"job_{number}"), now=T0, max_queued=max_queued) for number in range(count)]
    return await asyncio.gather(*submits, return_exceptions=True)


async def commits_heard(database: Database) -> list[str]:
    """A list that grows with each commit of the database's thread."""
    heard: list[str] = []

    def listen(connection: sqlite3.Connection, _: set[str]) -> None:
        connection.set_trace_callback(lambda statement: heard.append(statement) if statement == "COMMIT" else None)

    await database.write(listen, durable=True)
    heard.clear()
    return heard


async def test_prompts_sent_at_once_wait_for_the_disk_together(database_path: Path) -> None:
    database = await Database.open(database_path)
    store = SqliteJobStore(database, FakeIds())
    commits = await commits_heard(database)
    begun, gate = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        begun.set()
        gate.wait(10)

    slow_disk = asyncio.create_task(database.write(wait, durable=True))
    assert await asyncio.to_thread(begun.wait, 10)
    submitting = asyncio.create_task(all_at_once(store, MANY, max_queued=MANY))
    for _ in range(3):
        await asyncio.sleep(0)
    gate.set()
    await slow_disk
    outcomes = await submitting
    assert [outcome.job.id for outcome in outcomes if isinstance(outcome, SubmitResult)] == [
        f"job_{number}" for number in range(MANY)
    ]
    assert (await store.counts()).queued == MANY
    assert len(commits) == 1 + 2
    await store.close()


async def test_who_is_refused_takes_nobody_with_him(database_path: Path) -> None:
    store = SqliteJobStore(await Database.open(database_path), FakeIds())
    outcomes = await all_at_once(store, 10, max_queued=4)
    assert [type(outcome) for outcome in outcomes] == [SubmitResult] * 4 + [BusyError] * 6
    assert [job.id for job in (await store.list_jobs(limit=20)).jobs] == ["job_3", "job_2", "job_1", "job_0"]
    await store.close()


async def test_a_mistake_inside_one_write_undoes_that_write_alone(database_path: Path) -> None:
    database = await Database.open(database_path)
    store = SqliteJobStore(database, FakeIds())

    def half(connection: sqlite3.Connection, _: set[str]) -> None:
        connection.execute("INSERT INTO settings VALUES ('half', 1.0)")
        raise RuntimeError("a mistake")

    first, broken, last = await asyncio.gather(
        store.submit(a_new_job("job_1"), now=T0, max_queued=9),
        database.write(half, durable=True),
        store.submit(a_new_job("job_2"), now=T0, max_queued=9),
        return_exceptions=True,
    )
    assert isinstance(broken, RuntimeError)
    assert isinstance(first, SubmitResult)
    assert isinstance(last, SubmitResult)
    halves = await database.read(lambda c: c.execute("SELECT COUNT(*) FROM settings WHERE name = 'half'").fetchone())
    assert halves == (0,)
    assert (await store.counts()).queued == 2
    await store.close()


async def test_where_the_commit_fails_everybody_is_told_and_nothing_is_stored(database_path: Path) -> None:
    database = await Database.open(database_path, busy_seconds=0.0)
    store = SqliteJobStore(database, FakeIds())
    other = sqlite3.connect(database_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = await all_at_once(store, 5, max_queued=9)
    other.execute("ROLLBACK")
    other.close()
    assert [outcome.details["reason"] for outcome in outcomes if isinstance(outcome, StorageError)] == ["locked"] * 5
    assert (await store.counts()).queued == 0
    assert not [outcome for outcome in await all_at_once(store, 2, max_queued=9) if isinstance(outcome, Exception)]
    await store.close()


@pytest.mark.parametrize("short_writes_on_loop", [True, False], ids=["worker", "server"])
async def test_only_a_worker_writes_on_its_event_loop(database_path: Path, *, short_writes_on_loop: bool) -> None:
    database = await Database.open(database_path, short_writes_on_loop=short_writes_on_loop)
    store = SqliteJobStore(database, FakeIds())
    heard = await commits_heard(database)
    await database.write(lambda c, _: c.execute("SELECT 1"), durable=False)
    assert bool(heard) is not short_writes_on_loop
    await store.close()
