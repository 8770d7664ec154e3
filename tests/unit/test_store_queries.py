"""With many thousand finished jobs every statement of the job store still goes by an index."""

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.builders import MODEL, T0, a_new_job, claim, delta, running, succeeded
from tests.fakes.clock import FakeIds
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.pieces import Piece

Use = Callable[[SqliteJobStore], Awaitable[object]]


async def answer(store: SqliteJobStore) -> None:
    (claimed,) = await claim(store, limit=1)
    await store.heartbeat([claimed.lease], lease_seconds=30, now=T0)
    await store.append([delta(claimed.lease, 3, "x")], now=T0)
    await store.finish(claimed.lease, seq=4, rest=Piece(text="y"), outcome=succeeded(), now=T0)


async def give_back(store: SqliteJobStore) -> None:
    (claimed,) = await claim(store, limit=1)
    await store.release(claimed.lease, reason="?", count_attempt=False, now=T0)


USES: dict[str, Use] = {
    "submit": lambda store: store.submit(a_new_job("job_9", key="k"), now=T0, max_queued=1000),
    "answer": answer,
    "give back": give_back,
    "counts": lambda store: store.counts(),
    "list": lambda store: store.list_jobs(limit=20),
    "list next": lambda store: store.list_jobs(limit=20, cursor="before-2"),
    "list failed": lambda store: store.list_jobs(limit=20, status=JobStatus.FAILED),
    "events": lambda store: store.events("job_2", after=0, limit=20),
    "wait for events": lambda store: store.wait_events("job_2", after=1, timeout=0),
    "reap": lambda store: store.reap(now=T0 + 100_000),
    "abandon": lambda store: store.abandon("worker_1", reason="?", now=T0),
    "cancel waiting": lambda store: store.request_cancel("job_2", reason="?", now=T0),
    "cancel running": lambda store: store.request_cancel("job_1", reason="?", now=T0),
    "fail queued": lambda store: store.fail_queued(model=MODEL, code="c", message="m", now=T0),
    "delete": lambda store: store.delete("job_0"),
    "delete ended": lambda store: store.delete_ended(owner="", limit=10),
    "purge": lambda store: store.purge(finished_before=T0 + 100_000, limit=10),
}


def scans(connection: sqlite3.Connection, statement: str) -> list[str]:
    """Steps of the statement's plan that go through a whole table or index of jobs."""
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    harmless = {"SCAN CONSTANT ROW", "SCAN listeners"}
    return [step for step in plan if step.startswith("SCAN") and step not in harmless]


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
async def test_no_statement_reads_all_jobs(tmp_path: Path, use: Use) -> None:
    database = await Database.open(tmp_path / "tlfif.db", short_writes_on_loop=True)
    store = SqliteJobStore(database, FakeIds())
    await running(store, "job_1")
    await store.submit(a_new_job("job_2"), now=T0, max_queued=10)
    await store.submit(a_new_job("job_0"), now=T0, max_queued=10)
    await store.request_cancel("job_0", reason="?", now=T0)
    seen: list[str] = []

    def listen(connection: sqlite3.Connection, _: set[str]) -> None:
        connection.set_trace_callback(seen.append)

    for durable in (True, False):
        await database.write(listen, durable=durable)
    await use(store)
    statements = [s for s in seen if s.split()[0] in {"SELECT", "UPDATE", "DELETE", "INSERT"}]
    found = await database.read(lambda c: {s: bad for s in statements if (bad := scans(c, s))})
    await store.close()
    assert statements
    assert found == {}
