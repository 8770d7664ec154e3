"""The file under the stores: its rights, several openers, and every way in which the disk lets one down."""

import asyncio
import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import T0, a_machine, a_new_job, claim, delta, running, submit, succeeded
from tests.contract.conftest import OpenSqlite
from tests.fakes.clock import FakeIds
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.storage_errors import storage_error
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.jobs.jobs import JobStatus
from tlfif.kernel.errors import StorageError


@pytest.mark.requirement("4.3.1")
@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes; the user's folder guards the file there")
async def test_only_the_owner_may_read_the_file(open_sqlite: OpenSqlite, database_path: Path) -> None:
    previous = os.umask(0)
    try:
        jobs, _ = await open_sqlite()
        await submit(jobs)
        files = files_beside(database_path)
    finally:
        os.umask(previous)
    assert files == {"tlfif.db": 0o600, "tlfif.db-wal": 0o600, "tlfif.db-shm": 0o600}


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
async def test_a_file_that_others_may_read_is_closed_to_them(open_sqlite: OpenSqlite, database_path: Path) -> None:
    previous = os.umask(0)
    try:
        overwrite(database_path, b"")
    finally:
        os.umask(previous)
    assert files_beside(database_path)["tlfif.db"] == 0o666
    await open_sqlite()
    assert files_beside(database_path)["tlfif.db"] == 0o600


def files_beside(path: Path) -> dict[str, int]:
    """Names and modes of all files in the database's folder."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}


def content_of(path: Path) -> bytes:
    """All bytes of the file."""
    return path.read_bytes()


def put_folder(path: Path) -> None:
    """A folder where the file belongs."""
    path.mkdir(parents=True)


def overwrite(path: Path, content: bytes, *, after: int = 0) -> None:
    """Put ``content`` in the file, made where it is absent, in place of all that lies beyond ``after``."""
    path.parent.mkdir(exist_ok=True)
    kept = path.read_bytes()[:after] if after else b""
    path.write_bytes(kept + content)


@pytest.mark.requirement("4.2.2")
async def test_jobs_and_machines_outlive_the_stores(database_path: Path) -> None:
    jobs, machines = await open_sqlite_stores(database_path, FakeIds(), default_idle_timeout=300.0)
    lease = await running(jobs)
    await jobs.append([delta(lease, 3, "half")], now=T0)
    await machines.create_intent(a_machine())
    before = (await jobs.get("job_1"), await jobs.events("job_1", after=0, limit=10), await machines.active())
    await jobs.close()
    await machines.close()
    assert set(files_beside(database_path)) == {"tlfif.db"}
    jobs, machines = await open_sqlite_stores(database_path, FakeIds(), default_idle_timeout=300.0)
    after = (await jobs.get("job_1"), await jobs.events("job_1", after=0, limit=10), await machines.active())
    await jobs.close()
    await machines.close()
    assert after == before


async def test_one_store_works_on_when_the_other_is_closed(open_sqlite: OpenSqlite) -> None:
    jobs, machines = await open_sqlite()
    await jobs.close()
    await jobs.close()
    assert await machines.active() is None


async def test_a_closed_store_says_so(open_sqlite: OpenSqlite) -> None:
    jobs, machines = await open_sqlite()
    await jobs.close()
    await machines.close()
    with pytest.raises(StorageError, match="closed"):
        await jobs.counts()


async def test_what_must_last_is_synced_and_what_is_purged_is_overwritten(database_path: Path) -> None:
    def pragmas(connection: sqlite3.Connection, _: set[str]) -> list[int]:
        names = ("synchronous", "foreign_keys", "secure_delete", "fullfsync")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    database = await Database.open(database_path)
    full, normal = 2, 1
    assert await database.write(pragmas, durable=True) == [full, 1, 1, 1]
    assert await database.write(pragmas, durable=False) == [normal, 1, 1, 1]
    assert await database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"
    await database.close()


@pytest.mark.parametrize("durable", [True, False])
async def test_a_write_that_fails_is_undone_whole(database_path: Path, durable: bool) -> None:
    def half(connection: sqlite3.Connection, topics: set[str]) -> None:
        connection.execute("INSERT INTO settings VALUES ('half', 1.0)")
        raise LookupError("the program's own mistake")

    database = await Database.open(database_path)
    with pytest.raises(LookupError):
        await database.write(half, durable=durable)
    assert await database.read(lambda c: c.execute("SELECT COUNT(*) FROM settings").fetchone()[0]) == 0
    await database.close()


async def test_a_mistake_of_the_program_is_not_blamed_on_the_disk(database_path: Path) -> None:
    database = await Database.open(database_path)
    with pytest.raises(sqlite3.IntegrityError):
        await database.write(
            lambda c, _: c.execute("INSERT INTO requests (position, body) VALUES (7, '')"), durable=True
        )
    await database.close()


async def test_two_openers_never_claim_the_same_job(open_sqlite: OpenSqlite) -> None:
    one, _ = await open_sqlite()
    two, _ = await open_sqlite()
    await submit(one, *(f"job_{n}" for n in range(40)))
    taken = await asyncio.gather(
        *(claim(store, limit=3, worker_id=name) for _ in range(7) for store, name in ((one, "a"), (two, "b")))
    )
    ids = [claimed.job.id for some in taken for claimed in some]
    assert len(ids) == len(set(ids)) == 40


async def test_two_openers_store_one_job_for_one_key(open_sqlite: OpenSqlite) -> None:
    stores = [(await open_sqlite())[0] for _ in range(2)]
    results = await asyncio.gather(
        *(
            store.submit(a_new_job(f"job_{n}_{m}", key="k"), now=T0, max_queued=10)
            for n in range(5)
            for m, store in enumerate(stores)
        )
    )
    assert [result.created for result in results].count(True) == 1


async def test_two_openers_reap_a_lease_once(open_sqlite: OpenSqlite) -> None:
    one, _ = await open_sqlite()
    two, _ = await open_sqlite()
    await running(one)
    reaped = await asyncio.gather(one.reap(now=T0 + 1000), two.reap(now=T0 + 1000))
    assert sorted(reaped, key=len) == [[], ["job_1"]]


async def test_many_first_openers_at_once_make_one_file(database_path: Path) -> None:
    opened = await asyncio.gather(*(Database.open(database_path) for _ in range(8)))
    versions = [await db.read(lambda c: c.execute("PRAGMA user_version").fetchone()) for db in opened]
    for database in opened:
        await database.close()
    assert len(set(versions)) == 1


async def limit_pages(database: Database, spare: int | None) -> None:
    """Let the disk be full after ``spare`` more pages; None: never."""

    def set_limit(connection: sqlite3.Connection, _: set[str]) -> None:
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        pages = 1_000_000 if spare is None else used + spare
        connection.execute(f"PRAGMA max_page_count = {pages}")

    for durable in (True, False):
        await database.write(set_limit, durable=durable)


async def test_a_full_disk_refuses_and_loses_nothing(database_path: Path) -> None:
    database = await Database.open(database_path)
    jobs = SqliteJobStore(database, FakeIds())
    accepted = [(await submit(jobs, "job_0"))[0].id]
    await limit_pages(database, 5)
    refused = None
    for n in range(1, 200):
        try:
            new = a_new_job(f"job_{n}", key=f"key_{n}", prompt="long " * 400)
            accepted.append((await jobs.submit(new, now=T0, max_queued=1000)).job.id)
        except StorageError as error:
            refused = (n, error)
            break
    assert refused is not None
    assert refused[1].message.startswith("The disk is full. Free some space")
    assert (refused[1].code, refused[1].details["reason"]) == ("storage_full", "disk_full")
    page = await jobs.list_jobs(limit=1000)  # reading goes on
    assert [job.id for job in page.jobs] == accepted[::-1]
    await limit_pages(database, None)
    again = a_new_job(f"job_{refused[0]}", key=f"key_{refused[0]}", prompt="long " * 400)
    assert (await jobs.submit(again, now=T0, max_queued=1000)).created
    await jobs.close()


async def test_a_full_disk_leaves_no_half_appended_text(database_path: Path) -> None:
    database = await Database.open(database_path)
    jobs = SqliteJobStore(database, FakeIds())
    lease = await running(jobs)
    await limit_pages(database, 2)
    writes = [delta(lease, 3 + n, "x" * 3000) for n in range(20)]
    with pytest.raises(StorageError, match="disk is full"):
        await jobs.append(writes, now=T0)
    assert (await jobs.get("job_1")).last_seq == 2
    await limit_pages(database, None)
    assert await jobs.append(writes, now=T0) == frozenset()
    await jobs.finish(lease, seq=23, outcome=succeeded(), now=T0)
    assert (await jobs.get("job_1")).status is JobStatus.SUCCEEDED
    await jobs.close()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(
    open_sqlite: OpenSqlite, database_path: Path
) -> None:
    letter = b"This is a letter to my aunt. " * 200
    overwrite(database_path, letter)
    with pytest.raises(StorageError) as refused:
        await open_sqlite()
    assert (refused.value.code, refused.value.details["reason"]) == ("storage_damaged", "corrupt")
    assert "--set-aside-database" in refused.value.message
    assert content_of(database_path) == letter


async def open_and_list(open_sqlite: OpenSqlite) -> None:
    jobs, _ = await open_sqlite()
    await jobs.list_jobs(limit=1000)


async def test_a_damaged_file_is_an_error_for_people(open_sqlite: OpenSqlite, database_path: Path) -> None:
    jobs, machines = await open_sqlite()
    await submit(jobs, *(f"job_{n}" for n in range(200)))
    await jobs.close()
    await machines.close()
    overwrite(database_path, b"\xa5" * (len(content_of(database_path)) - 4096), after=4096)
    with pytest.raises(StorageError) as refused:
        await open_and_list(open_sqlite)
    assert refused.value.code == "storage_damaged"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE requests SET body = '{'",
        "UPDATE requests SET body = 'null'",
        "UPDATE events SET data = x'ff'",
        "UPDATE events SET kind = 'nothing'",
        "UPDATE jobs SET base = CAST(x'ff' AS TEXT)",
        "UPDATE jobs SET receipt = '[]'",
        "DELETE FROM events",
    ],
)
async def test_a_row_that_this_program_did_not_write_is_damage_and_not_a_mistake(
    open_sqlite: OpenSqlite, database_path: Path, damage: str
) -> None:
    jobs, machines = await open_sqlite()
    await running(jobs)
    await jobs.close()
    await machines.close()
    other = sqlite3.connect(database_path, isolation_level=None)
    other.execute(damage)
    other.close()
    jobs, _ = await open_sqlite()

    async def read_all() -> None:
        await jobs.get("job_1")
        await jobs.list_jobs(limit=10)
        await jobs.events("job_1", after=0, limit=10)

    with pytest.raises(StorageError) as refused:
        await read_all()
    assert refused.value.code == "storage_damaged"
    assert "--set-aside-database" in refused.value.message


@pytest.mark.parametrize("alone", [True, False])
async def test_an_index_that_its_table_contradicts_is_damage_and_not_a_mistake(
    open_sqlite: OpenSqlite, database_path: Path, alone: bool
) -> None:
    jobs, machines = await open_sqlite()
    await submit(jobs, "job_1")
    await jobs.close()
    await machines.close()
    with closing(sqlite3.connect(database_path)) as other:
        found = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_jobs_1'")
        end, size = found.fetchone()[0], other.execute("PRAGMA page_size").fetchone()[0]
    bytes_now = content_of(database_path)
    index = bytes_now[(end - 1) * size : end * size]
    overwrite(database_path, index.replace(b"job_1", b"job_2") + bytes_now[end * size :], after=(end - 1) * size)
    jobs, _ = await open_sqlite()
    doomed = asyncio.gather(*(submit(jobs, name) for name in ("job_2", "job_3")[: 1 if alone else 2]))
    with pytest.raises(StorageError) as refused:
        await doomed
    assert refused.value.code == "storage_damaged"


async def test_a_folder_in_the_files_place_cannot_be_opened(open_sqlite: OpenSqlite, database_path: Path) -> None:
    put_folder(database_path)
    with pytest.raises(StorageError, match="cannot be opened"):
        await open_sqlite()


async def test_a_lock_that_is_never_released_is_an_error_and_holds_no_loop_up(database_path: Path) -> None:
    database = await Database.open(database_path, busy_seconds=0.2)
    jobs = SqliteJobStore(database, FakeIds())
    other = sqlite3.connect(database_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    turns = 0
    submitting = asyncio.create_task(jobs.submit(a_new_job(), now=T0, max_queued=10))
    while not submitting.done():
        turns += 1
        await asyncio.sleep(0)
    with pytest.raises(StorageError) as refused:
        await submitting
    assert refused.value.details["reason"] == "locked"
    assert turns > 100
    other.execute("ROLLBACK")
    other.close()
    assert (await jobs.submit(a_new_job(), now=T0, max_queued=10)).created
    await jobs.close()


def test_every_family_of_errors_has_a_sentence() -> None:
    for code, reason in {
        sqlite3.SQLITE_FULL: "disk_full",
        sqlite3.SQLITE_BUSY_SNAPSHOT: "locked",
        sqlite3.SQLITE_LOCKED: "locked",
        sqlite3.SQLITE_CORRUPT_INDEX: "corrupt",
        sqlite3.SQLITE_READONLY_DBMOVED: "read_only",
        sqlite3.SQLITE_PERM: "read_only",
        sqlite3.SQLITE_CANTOPEN_ISDIR: "cannot_open",
        sqlite3.SQLITE_IOERR_WRITE: "io_error",
        sqlite3.SQLITE_ERROR: "other",
    }.items():
        error = sqlite3.OperationalError("cause")
        error.sqlite_errorcode = code
        translated = storage_error(error)
        assert translated.details == {"reason": reason, "cause": "cause"}
        assert translated.message.count(".") >= 2  # what happened, and what to do
        assert "the prompt" not in translated.message, "the same sentence is shown by every command"
    assert storage_error(sqlite3.OperationalError("?")).details["reason"] == "other"


@pytest.mark.requirement("2.3.1", "4.1.1")
async def test_what_was_accepted_outlives_kill_9(open_sqlite: OpenSqlite, database_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WORK_UNTIL_KILLED,
        str(database_path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert child.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(60):
        while len(said) < 150:
            said.append((await child.stdout.readline()).decode().strip())
        child.kill()
        rest, _ = await child.communicate()
    said += [line for line in rest.decode().splitlines(keepends=True) if line.endswith("\n")]
    jobs, _ = await open_sqlite()
    for line in said:
        job_id, last_seq = line.split()
        job = await jobs.get(job_id)
        assert job.last_seq >= int(last_seq)
        events = await jobs.events(job_id, after=0, limit=1000)
        assert [event.seq for event in events] == list(range(1, job.last_seq + 1))


WORK_UNTIL_KILLED = """
import asyncio, itertools, sys
from pathlib import Path
from tests.builders import T0, delta, running, succeeded
from tlfif.adapters.local.system_clock import SystemIds
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.jobs.pieces import Piece

async def main():
    jobs, _ = await open_sqlite_stores(Path(sys.argv[1]), SystemIds(), default_idle_timeout=300.0)
    for n in itertools.count():
        lease = await running(jobs, f"job_{n}")
        print(lease.job_id, 2, flush=True)
        await jobs.append([delta(lease, 3, "a"), delta(lease, 4, "b")], now=T0)
        print(lease.job_id, 4, flush=True)
        await jobs.finish(lease, seq=5, rest=Piece(text="c"), outcome=succeeded(), now=T0)
        print(lease.job_id, 6, flush=True)

asyncio.run(main())
"""
