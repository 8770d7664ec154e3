"""What is deleted is gone from every file: the database, its log, and whatever else lies beside it."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from tests.builders import T0, a_machine, a_new_job, claim, delta, succeeded
from tests.fakes.clock import FakeIds
from tests.waiting import wait_until
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.wiper import Wiper
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.sqlite_machine_store import SqliteMachineStore
from tlfif.adapters.sqlite.stores import open_all_sqlite_stores
from tlfif.jobs.pieces import Piece
from tlfif.kernel.deleted_bytes import remove_deleted_bytes
from tlfif.machines.machine import MachineState


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


async def is_gone(folder: Path, marker: str) -> None:
    await wait_until(lambda: marker.encode() not in bytes_in(folder), f"{marker} is gone")


async def answered(store: SqliteJobStore, job_id: str, marker: str) -> None:
    await store.submit(a_new_job(job_id, prompt=f"PROMPT-{marker}"), now=T0, max_queued=10_000)
    (claimed,) = await claim(store)
    await store.append([delta(claimed.lease, 3, f"ANSWER-{marker}")], now=T0)
    await store.finish(claimed.lease, seq=4, rest=Piece(text=f"END-{marker}"), outcome=succeeded(), now=T0 + 1)


async def opened(path: Path) -> tuple[Database, SqliteJobStore]:
    database = await Database.open(path)
    store = SqliteJobStore(database, FakeIds())
    store.wiper = Wiper(database, pause_seconds=0)
    return database, store


DELETIONS: dict[str, Callable[[SqliteJobStore], object]] = {
    "one": lambda store: store.delete("job_1"),
    "all ended": lambda store: store.delete_ended(owner="", limit=10),
    "purged": lambda store: store.purge(finished_before=T0 + 100, limit=10),
}


@pytest.mark.requirement("4.2.7")
@pytest.mark.parametrize("delete", DELETIONS.values(), ids=DELETIONS.keys())
async def test_a_deleted_job_leaves_no_byte_while_other_connections_are_open(
    tmp_path: Path, delete: Callable[[SqliteJobStore], object]
) -> None:
    _, store = await opened(tmp_path / "tlfif.db")
    other = await Database.open(tmp_path / "tlfif.db")
    await answered(store, "job_1", "MARKER")
    assert bytes_in(tmp_path).count(b"MARKER") >= 3
    await delete(store)  # type: ignore[misc]  # all of them are coroutines
    await is_gone(tmp_path, "MARKER")
    await other.close()
    await store.close()


async def test_a_reader_in_the_way_only_delays_it(tmp_path: Path) -> None:
    _, store = await opened(tmp_path / "tlfif.db")
    await answered(store, "job_1", "MARKER")
    refused: list[bool] = []

    def remove(path: Path, *, rewrite: bool) -> bool:
        done = remove_deleted_bytes(path, rewrite=rewrite)
        refused.append(not done)
        return done

    store.wiper = Wiper(store._database, pause_seconds=0, remove=remove)
    with closing(sqlite3.connect(tmp_path / "tlfif.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchone()
        await store.delete("job_1")
        await wait_until(lambda: refused, "a first attempt")
        assert refused == [True]
        assert b"MARKER" in bytes_in(tmp_path)
        reader.execute("COMMIT")
    await is_gone(tmp_path, "MARKER")
    await store.close()


async def test_the_next_server_finishes_what_one_that_was_killed_did_not(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "tlfif.db")
    store = SqliteJobStore(database, FakeIds())
    asked: list[bool] = []
    store.wiper.soon = lambda: asked.append(True)  # type: ignore[method-assign]  # it dies before
    await answered(store, "job_1", "MARKER")
    await store.delete("job_1")
    assert asked
    assert b"MARKER" in bytes_in(tmp_path)
    stores = await open_all_sqlite_stores(tmp_path / "tlfif.db", FakeIds(), default_idle_timeout=300, since_ms=0)
    await is_gone(tmp_path, "MARKER")
    await stores.close()
    await store.close()


async def test_a_large_file_is_rewritten_when_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlfif.adapters.sqlite.file.wiper.SMALL_BYTES", 0)
    calls: list[bool] = []
    _, store = await opened(tmp_path / "tlfif.db")
    await answered(store, "job_1", "MARKER")
    await store.submit(a_new_job("job_2"), now=T0, max_queued=10)

    def remove(_path: Path, *, rewrite: bool) -> bool:
        calls.append(rewrite)
        return True

    store.wiper = Wiper(store._database, pause_seconds=0, remove=remove)
    await store.delete("job_1")
    await wait_until(lambda: calls, "the log is cut")
    await store.request_cancel("job_2", reason="?", now=T0)
    await wait_until(lambda: len(calls) > 1, "the file is rewritten")
    assert calls == [False, True]
    await store.close()


async def test_a_very_large_file_is_rewritten_when_no_machine_runs_and_writes_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlfif.adapters.sqlite.file.wiper.LARGE_BYTES", 0)
    monkeypatch.setattr("tlfif.adapters.sqlite.file.wiper.SMALL_BYTES", 0)
    calls: list[bool] = []
    begun, go_on = Event(), Event()
    database, store = await opened(tmp_path / "tlfif.db")
    machines = SqliteMachineStore(database, default_idle_timeout=300)
    await machines.create_intent(a_machine())
    await answered(store, "job_1", "MARKER")

    def remove(path: Path, *, rewrite: bool) -> bool:
        calls.append(rewrite)
        if rewrite:
            begun.set()
            go_on.wait(20.0)
        return remove_deleted_bytes(path, rewrite=rewrite)

    store.wiper = Wiper(database, pause_seconds=0, remove=remove)
    await store.delete("job_1")
    await wait_until(lambda: calls, "the log is cut")
    await machines.mark_ended("machine_1", state=MachineState.OFF, reason="", now=T0)
    await wait_until(begun.is_set, "the file is rewritten")
    waiting = asyncio.create_task(store.submit(a_new_job("job_2"), now=T0, max_queued=10))
    assert not (await store.list_jobs(limit=10)).jobs, "reading goes on"
    assert not waiting.done()
    go_on.set()
    assert (await waiting).created
    await is_gone(tmp_path, "MARKER")
    assert calls == [False, True]
    await machines.close()
    await store.close()
