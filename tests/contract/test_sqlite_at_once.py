"""What is committed where it is asked for: told to others before the disk has it, and to its author only after."""

import sqlite3
from pathlib import Path

import pytest

from tests.builders import T0, a_new_job
from tests.fakes.clock import FakeIds
from tlfif.adapters.local.wakeups import WORK
from tlfif.adapters.sqlite.file import log_sync
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.log_mover import MOVE_EVERY, LogMover
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.kernel.errors import StorageError


def size_of(path: Path) -> int:
    return path.stat().st_size


async def test_others_are_told_first_and_the_author_when_the_disk_has_it(
    database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await Database.open(database_path)
    jobs = SqliteJobStore(database, FakeIds())
    order: list[str] = []
    ring, sync = database.wakeups.ring, log_sync._sync

    def hear(topics: set[str]) -> None:
        order.append("rung" if WORK in topics else "rung for others")
        ring(topics)

    def watched(handle: int) -> None:
        with sqlite3.connect(database_path) as other:
            order.append(f"syncing {other.execute('SELECT COUNT(*) FROM jobs').fetchone()[0]}")
        sync(handle)

    monkeypatch.setattr(database.wakeups, "ring", hear)
    monkeypatch.setattr(log_sync, "_sync", watched)
    assert (await jobs.submit(a_new_job(), now=T0, max_queued=10)).created
    order.append("returned")
    assert order == ["rung", "syncing 1", "returned"]
    again = await jobs.submit(a_new_job("job_2", key="k"), now=T0, max_queued=10)
    known = await jobs.submit(a_new_job("job_3", key="k"), now=T0, max_queued=10)
    assert (known.created, known.job.id) == (False, again.job.id)
    assert order[-1] == "syncing 2"  # also for a job that another request may have stored a moment ago
    await jobs.close()


async def test_a_disk_that_does_not_confirm_is_an_error(database_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = SqliteJobStore(await Database.open(database_path), FakeIds())

    def broken(handle: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(log_sync, "_sync", broken)
        with pytest.raises(StorageError, match="did not confirm") as refused:
            await jobs.submit(a_new_job(), now=T0, max_queued=10)
    assert refused.value.details["reason"] == "io_error"
    assert (await jobs.counts()).queued == 1  # what the sentence says: it may be answered all the same
    await jobs.close()


async def test_the_log_is_moved_after_so_many_writes(database_path: Path) -> None:
    jobs = SqliteJobStore(await Database.open(database_path), FakeIds())
    await jobs.submit(a_new_job(prompt="long " * 4000), now=T0, max_queued=10)
    mover, before = LogMover(database_path), size_of(database_path)
    for _ in range(MOVE_EVERY - 1):
        mover.written()
    assert size_of(database_path) == before
    mover.written()
    await mover.close()
    assert size_of(database_path) > before
    await jobs.close()
