"""Two processes with one file wake each other: at once by a notification, by polling where that is lost."""

import asyncio
import os
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from tests.builders import T0, a_new_job, claim, delta, running, submit
from tests.fakes.clock import FakeIds
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.notifier import decode_topics, encode_topics, listening_ports
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore

LONG = 60.0
NEVER = 3600.0

OpenStore = Callable[[float], Awaitable[tuple[SqliteJobStore, Database]]]


@pytest.fixture
async def open_store(database_path: Path) -> AsyncIterator[OpenStore]:
    """Opens the file once more and polls it every so many seconds."""
    ids = FakeIds()
    opened: list[SqliteJobStore] = []

    async def open_once_more(poll_seconds: float) -> tuple[SqliteJobStore, Database]:
        database = await Database.open(database_path)
        opened.append(SqliteJobStore(database, ids, poll_seconds=poll_seconds))
        return opened[-1], database

    yield open_once_more
    for store in opened:
        await store.close()


async def settled(store: SqliteJobStore) -> None:
    """The first wait begins to listen; the first poll wakes everybody once."""
    for _ in range(3):
        await store.wait_work(timeout=0.01)


async def woken(waiting: asyncio.Task[None]) -> None:
    async with asyncio.timeout(10):
        await waiting


async def test_a_notification_wakes_another_processes_worker(open_store: OpenStore) -> None:
    server, _ = await open_store(NEVER)
    worker, _ = await open_store(NEVER)
    await settled(worker)
    waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
    await worker.counts()
    await submit(server)
    await woken(waiting)
    assert len(await claim(worker)) == 1


async def test_a_notification_wakes_another_processes_reader(open_store: OpenStore) -> None:
    server, _ = await open_store(NEVER)
    worker, _ = await open_store(NEVER)
    lease = await running(worker)
    await settled(server)
    waiting = asyncio.create_task(server.wait_events("job_1", after=2, timeout=LONG))
    await server.counts()
    await worker.append([delta(lease, 3, "x")], now=T0)
    await woken(waiting)


async def test_words_are_notified_and_a_claim_is_not(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would wake the server just when the engine reads the prompt."""
    worker, database = await open_store(NEVER)
    await submit(worker)
    told: list[set[str]] = []
    monkeypatch.setattr(database.notifier, "notify", lambda _ports, topics: told.append(topics))
    (claimed,) = await claim(worker)
    assert told == []
    await worker.append([delta(claimed.lease, 3, "x")], now=T0)
    assert told == [{"job:job_1"}]


async def test_a_notification_between_two_waits_is_not_missed(open_store: OpenStore) -> None:
    server, _ = await open_store(NEVER)
    worker, _ = await open_store(NEVER)
    await settled(worker)
    await submit(server)
    async with asyncio.timeout(10):
        await worker.wait_work(timeout=LONG)


async def test_more_topics_than_a_datagram_holds_wake_everybody(open_store: OpenStore) -> None:
    server, _ = await open_store(NEVER)
    worker, _ = await open_store(NEVER)
    ids = [f"job_{n:032x}" for n in range(60)]
    await submit(server, *ids)
    await settled(worker)
    waiting = asyncio.create_task(worker.wait_events(ids[-1], after=1, timeout=LONG))
    await worker.counts()
    await server.fail_queued(model="smollm2-135m", code="c", message="m", now=T0)
    await woken(waiting)


@pytest.mark.parametrize("poll_seconds", [0.01])
async def test_polling_makes_up_for_a_lost_notification(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, poll_seconds: float
) -> None:
    server, servers_database = await open_store(NEVER)
    worker, _ = await open_store(poll_seconds)
    await settled(worker)
    monkeypatch.setattr(servers_database.notifier, "notify", lambda ports, topics: None)
    waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
    await worker.counts()
    await submit(server)
    await woken(waiting)


async def test_anothers_tokens_do_not_send_the_idle_looking_for_work(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle, _ = await open_store(0.005)
    worker, workers_database = await open_store(NEVER)
    monkeypatch.setattr(workers_database.notifier, "notify", lambda ports, topics: None)
    lease = await running(worker)
    await settled(idle)
    waiting = asyncio.create_task(idle.wait_work(timeout=LONG))
    reading = asyncio.create_task(idle.wait_events("job_1", after=2, timeout=LONG))
    await idle.counts()
    await worker.append([delta(lease, 3, "x")], now=T0)
    await woken(reading)  # by polling, which did not wake the other
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_where_listening_is_impossible_polling_is_enough(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError("no sockets here")

    server, _ = await open_store(NEVER)
    worker, _ = await open_store(0.01)
    monkeypatch.setattr(asyncio.get_running_loop(), "create_datagram_endpoint", refuse)
    await settled(worker)
    waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
    await submit(server)
    await woken(waiting)


async def test_nothing_is_polled_while_nobody_waits(open_store: OpenStore) -> None:
    worker, database = await open_store(0.001)
    await settled(worker)
    polls = 0
    read = database.read

    async def counting_read(work: object) -> object:
        nonlocal polls
        polls += 1
        return await read(work)

    database.read = counting_read
    for _ in range(100):
        await worker.list_jobs(limit=1)  # time for many polls, if there were any
    assert polls - 100 <= 1  # the one that was under way


async def test_rubbish_from_another_program_does_no_harm(open_store: OpenStore) -> None:
    worker, database = await open_store(NEVER)
    await settled(worker)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for rubbish in (b"", b"\xff\xfe", b"x" * 60_000, b"job:nobody\n\n\nwork2"):
            stranger.sendto(rubbish, ("127.0.0.1", int(database.notifier.own_port or 0)))
        stranger.sendto(b"work", ("127.0.0.1", int(database.notifier.own_port or 0)))
    async with asyncio.timeout(10):
        await worker.wait_work(timeout=LONG)
    await submit(worker)
    assert (await worker.counts()).queued == 1


async def test_what_is_sent_comes_from_loopback(open_store: OpenStore) -> None:
    worker, database = await open_store(NEVER)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        port = listener.getsockname()[1]
        await database.write(lambda c, _: c.execute("INSERT INTO listeners VALUES (?, 1, 1.0)", (port,)), durable=True)
        await submit(worker)
        _, (address, sender) = listener.recvfrom(2000)
    assert address == "127.0.0.1"
    bound = {(c.laddr.ip, c.laddr.port) for c in psutil.Process().net_connections("udp4")}
    assert ("127.0.0.1", sender) in bound
    assert ("0.0.0.0", sender) not in bound  # open to every network


async def test_a_port_is_stored_only_while_the_store_is_open(open_store: OpenStore, database_path: Path) -> None:
    worker, database = await open_store(NEVER)
    assert await database.read(listening_ports) == []
    await settled(worker)
    assert await database.read(listening_ports) == [database.notifier.own_port]
    await worker.close()
    connection = sqlite3.connect(database_path)
    try:
        assert listening_ports(connection) == []
    finally:
        connection.close()


async def test_ports_of_processes_that_ended_are_deleted(open_store: OpenStore) -> None:
    worker, database = await open_store(NEVER)

    def leave_traces(connection: sqlite3.Connection, _: set[str]) -> None:
        # A process that got our number today is not the one that wrote this down at the start of 1970.
        connection.execute("INSERT INTO listeners VALUES (9, ?, 1.0)", (os.getpid(),))
        connection.execute("INSERT INTO listeners VALUES (13, 2147483646, 1.0)")

    await database.write(leave_traces, durable=False)
    await settled(worker)
    assert await database.read(listening_ports) == [database.notifier.own_port]


async def test_another_process_wakes_the_worker(open_store: OpenStore, database_path: Path) -> None:
    worker, _ = await open_store(NEVER)
    await settled(worker)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SUBMIT_WHEN_TOLD,
        str(database_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    async with asyncio.timeout(60):
        assert await child.stdout.readline()  # it has opened the file
        waiting = asyncio.create_task(worker.wait_work(timeout=LONG))
        await worker.counts()
        child.stdin.write(b"go\n")
        await child.stdin.drain()
        await waiting
        assert (await worker.counts()).queued == 1
        await child.communicate()
    assert child.returncode == 0


SUBMIT_WHEN_TOLD = """
import asyncio, sys
from pathlib import Path
from tests.builders import submit
from tlfif.adapters.local.system_clock import SystemIds
from tlfif.adapters.sqlite.stores import open_sqlite_stores

async def main():
    jobs, machines = await open_sqlite_stores(Path(sys.argv[1]), SystemIds(), default_idle_timeout=300.0)
    print("open", flush=True)
    sys.stdin.readline()
    await submit(jobs)
    await jobs.close()
    await machines.close()

asyncio.run(main())
"""


def test_topics_survive_the_datagram() -> None:
    assert set(decode_topics(encode_topics({"work", "job:é"}))) == {"work", "job:é"}


async def test_a_new_job_is_known_to_the_other_process(open_store: OpenStore) -> None:
    server, _ = await open_store(NEVER)
    worker, _ = await open_store(NEVER)
    stored = (await server.submit(a_new_job(), now=T0, max_queued=1)).job
    assert await worker.get(stored.id) == stored
