"""What survives what: which writes wait for the disk, and what a log holds whose end was cut off."""

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from tests.builders import T0, a_new_job, claim, delta, running, submit, succeeded
from tests.fakes.clock import FakeIds
from tlfif.adapters.sqlite.file.connections import CHECKPOINT_PAGES
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.stores import open_sqlite_ledger
from tlfif.jobs.pieces import Piece
from tlfif.money.spend.spans import opened

PAGE_BYTES = 4096
SPANS = 6

Use = Callable[[SqliteJobStore], Awaitable[object]]


def size_of(path: Path) -> int:
    return path.stat().st_size


def log_of(path: Path) -> Path:
    """The write-ahead log beside the file at ``path``."""
    return path.with_name(path.name + "-wal")


async def give_back(store: SqliteJobStore) -> None:
    (claimed,) = await claim(store)
    await store.release(claimed.lease, reason="?", count_attempt=False, now=T0)


async def answer(store: SqliteJobStore) -> None:
    (claimed,) = await claim(store)
    await store.heartbeat([claimed.lease], lease_seconds=30, now=T0)
    await store.append([delta(claimed.lease, 3, "x")], now=T0)
    await store.finish(claimed.lease, seq=4, rest=Piece(text="y"), outcome=succeeded(), now=T0)


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (lambda store: store.submit(a_new_job("job_9", key="k"), now=T0, max_queued=9), ["synced"]),
        (answer, ["not synced", "not synced", "not synced", "synced"]),
        (give_back, ["not synced", "synced"]),
        (lambda store: store.request_cancel("job_1", reason="?", now=T0), ["synced"]),
        (lambda store: store.reap(now=T0 + 100_000), ["synced"]),
    ],
    ids=["submit", "answer", "give back", "cancel", "reap"],
)
@pytest.mark.parametrize("short_writes_on_loop", [True, False], ids=["worker", "server"])
async def test_only_what_somebody_is_told_of_as_done_waits_for_the_disk(
    database_path: Path, use: Use, expected: list[str], *, short_writes_on_loop: bool
) -> None:
    database = await Database.open(database_path, short_writes_on_loop=short_writes_on_loop)
    store = SqliteJobStore(database, FakeIds())
    await submit(store, "job_1")
    commits: list[str] = []

    def listen(connection: sqlite3.Connection, _: set[str]) -> None:
        level = {2: "synced", 1: "not synced"}[connection.execute("PRAGMA synchronous").fetchone()[0]]

        def hear(statement: str) -> None:
            nonlocal level
            if statement.startswith("PRAGMA synchronous = "):
                level = "synced" if statement.endswith("FULL") else "not synced"
            elif statement == "COMMIT":
                commits.append(level)

        connection.set_trace_callback(hear)

    for durable in (True, False):
        await database.write(listen, durable=durable)
    commits.clear()
    await use(store)
    assert commits == expected
    await store.close()


async def test_a_worker_is_told_of_a_prompt_once_it_is_stored(
    database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await Database.open(database_path)
    store = SqliteJobStore(database, FakeIds())
    found: list[int] = []
    with sqlite3.connect(database_path) as other:
        count = partial(other.execute, "SELECT COUNT(*) FROM jobs")
        monkeypatch.setattr(database.wakeups, "notify", lambda _: found.append(count().fetchone()[0]))
        await submit(store, "job_1")
    other.close()
    assert found == [1]
    monkeypatch.undo()
    await store.close()


async def test_a_short_write_waits_for_another_process_without_blocking_reads(database_path: Path) -> None:
    jobs = SqliteJobStore(await Database.open(database_path), FakeIds())
    lease = await running(jobs)
    other = sqlite3.connect(database_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    appending = asyncio.create_task(jobs.append([delta(lease, 3, "x")], now=T0))
    for _ in range(100):
        assert (await jobs.get("job_1")).last_seq == 2
        await asyncio.sleep(0)
    assert not appending.done()
    other.execute("ROLLBACK")
    other.close()
    assert await appending == frozenset()
    assert (await jobs.get("job_1")).last_seq == 3
    await jobs.close()


async def test_the_log_moves_into_the_file_and_does_not_grow_for_ever(database_path: Path) -> None:
    jobs = SqliteJobStore(await Database.open(database_path), FakeIds())
    prompt, limit = "long " * 200_000, CHECKPOINT_PAGES * PAGE_BYTES
    enough = 2 * limit // len(prompt)
    for number in range(enough):
        await jobs.submit(a_new_job(f"job_{number}", prompt=prompt), now=T0, max_queued=enough)
        assert size_of(log_of(database_path)) < limit + 2 * len(prompt)
    assert size_of(database_path) > limit // 2
    await jobs.close()


WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.contract.test_sqlite_durability import SPANS, log_of, size_of
from tlfif.adapters.sqlite.stores import open_sqlite_ledger
from tlfif.money.spend.spans import opened

async def main():
    ledger = await open_sqlite_ledger(Path(sys.argv[1]), since_ms=7)
    await ledger.state()
    for number in range(SPANS):
        await ledger.open_span(opened(machine_id=f"m{number}", instance_type="t", region="r", at_ms=number))
        print(size_of(log_of(Path(sys.argv[1]))), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.requirement("4.1.1")
async def test_a_last_write_that_was_cut_off_is_dropped_and_all_before_it_is_there(
    database_path: Path, tmp_path: Path
) -> None:
    """SQLite's own repair, at the next opening: what a crash or a power failure in the middle of a write leaves."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WRITER,
        str(database_path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    output, _ = await child.communicate()
    assert child.returncode == -signal.SIGKILL
    sizes = [int(line) for line in output.split()]
    assert len(sizes) == SPANS
    log = log_of(database_path).read_bytes()
    for cut in {sizes[-1], *range(sizes[-2], sizes[-1], 1021)}:
        copy = tmp_path / f"cut at {cut}.db"
        shutil.copy(database_path, copy)
        log_of(copy).write_bytes(log[:cut])
        ledger = await open_sqlite_ledger(copy, since_ms=99)
        kept = sum(size <= cut for size in sizes)
        assert [span.machine_id for span in await ledger.open_spans()] == [f"m{number}" for number in range(kept)]
        assert (await ledger.state()).since_ms == 7
        await ledger.open_span(opened(machine_id="new", instance_type="t", region="r", at_ms=99))
        await ledger.close()
