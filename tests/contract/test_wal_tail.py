"""A last write that was cut off: the file opens, says so, and has everything before it."""

import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.clock import FakeIds
from tlfif.adapters.sqlite.file.wal_tail import FRAME_HEADER_BYTES, HEADER_BYTES, TornWrite, torn_write, wal_file
from tlfif.adapters.sqlite.stores import SqliteStores, open_all_sqlite_stores

ROOT = Path(__file__).resolve().parent.parent.parent
T0 = 1_800_000_000_000
DAY = "2026-11-23"
SPANS = 6

WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.contract.test_wal_tail import T0, SPANS
from tlfif.adapters.sqlite.stores import open_sqlite_ledger
from tlfif.money.spend.spans import opened

async def main():
    ledger = await open_sqlite_ledger(Path(sys.argv[1]), since_ms=T0)
    await ledger.state()
    for number in range(SPANS):
        await ledger.open_span(opened(machine_id=f"m{number}", instance_type="t", region="r", at_ms=T0 + number))
        print(os.path.getsize(sys.argv[1] + "-wal"), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A ledger whose writer was killed, and how long its log was after each span that was committed."""
    path = tmp_path_factory.mktemp("killed") / "tlfif.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    child = subprocess.run(
        [sys.executable, "-c", WRITER, str(path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    sizes = [int(line) for line in child.stdout.split()]
    assert len(sizes) == SPANS
    return path, sizes


def a_copy(killed: Path, folder: Path, log: bytes) -> Path:
    """The killed writer's files with this log."""
    folder.mkdir()
    path = folder / "tlfif.db"
    shutil.copy(killed, path)
    wal_file(path).write_bytes(log)
    return path


async def opened(path: Path) -> SqliteStores:
    """As the server opens it."""
    stores = await open_all_sqlite_stores(path, FakeIds(), default_idle_timeout=300.0, since_ms=T0 + 999)
    await stores.ledger.report_torn_write(path, day=DAY)
    return stores


def page_size(log: bytes) -> int:
    return int.from_bytes(log[8:12])


async def spans_of(stores: SqliteStores) -> list[str]:
    return [span.machine_id for span in await stores.ledger.open_spans()]


def test_a_log_cut_at_any_byte_is_seen_as_what_it_is(tmp_path: Path) -> None:
    """Small pages, so that every byte has its turn; transactions of several frames among them."""
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA page_size = 512")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (body TEXT)")
    sizes = []
    for length in (10, 900, 10):
        connection.execute("INSERT INTO t VALUES (?)", ("x" * length,))
        sizes.append(wal_file(path).stat().st_size)
    log = wal_file(path).read_bytes()
    connection.close()
    assert sizes[1] - sizes[0] >= 3 * (FRAME_HEADER_BYTES + 512)
    for cut in range(sizes[0], sizes[-1] + 1):
        wal_file(tmp_path / "cut").write_bytes(log[:cut])
        kept = max(size for size in sizes if size <= cut)
        assert torn_write(tmp_path / "cut") == (None if cut in sizes else TornWrite(kept, cut)), cut
    for at in range(sizes[0], sizes[-1]):
        flipped = bytearray(log)
        flipped[at] ^= 0x01
        wal_file(tmp_path / "flip").write_bytes(flipped)
        whole = max(size for size in sizes if size <= at)
        in_salts = (at - HEADER_BYTES) % (FRAME_HEADER_BYTES + 512) in range(8, 16)
        if not in_salts:  # a frame with other salts may be left from before
            assert torn_write(tmp_path / "flip") == TornWrite(whole, len(log)), at


async def test_what_was_committed_before_the_cut_is_there(killed: tuple[Path, list[int]], tmp_path: Path) -> None:
    path, sizes = killed
    log = wal_file(path).read_bytes()
    frame = FRAME_HEADER_BYTES + page_size(log)
    edges = range(sizes[-2], sizes[-1], frame)
    cuts = {at + more for at in edges for more in (-1, 0, 1, 8, 12, 16, 23, 24, 25, frame // 2)} | {sizes[-1]}
    for cut in sorted(cuts):
        stores = await opened(a_copy(path, tmp_path / str(cut), log[:cut]))
        kept = sum(size <= cut for size in sizes)
        state = await stores.ledger.state()
        assert await spans_of(stores) == [f"m{number}" for number in range(kept)]
        assert (state.since_ms, state.revision) == (T0, kept)
        assert len(state.notes) == (cut not in sizes), cut
        await stores.close()


async def test_a_flipped_bit_in_the_last_write_is_a_torn_write(killed: tuple[Path, list[int]], tmp_path: Path) -> None:
    path, sizes = killed
    log = wal_file(path).read_bytes()
    frame = FRAME_HEADER_BYTES + page_size(log)
    for at in (*range(sizes[-2], sizes[-2] + 8), *range(sizes[-2] + 16, sizes[-2] + 24), sizes[-2] + 99, sizes[-1] - 1):
        flipped = bytearray(log)
        flipped[at] ^= 0x10
        stores = await opened(a_copy(path, tmp_path / str(at), bytes(flipped)))
        assert await spans_of(stores) == [f"m{number}" for number in range(SPANS - 1)], at
        assert len((await stores.ledger.state()).notes) == 1, at
        await stores.close()
    assert frame > 99


async def test_the_note_says_what_was_lost_and_comes_once(
    killed: tuple[Path, list[int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, sizes = killed
    log = wal_file(path).read_bytes()[: sizes[-1] - 7]
    copy = a_copy(path, tmp_path / "c", log)
    with caplog.at_level(logging.WARNING):
        stores = await opened(copy)
    (note,) = (await stores.ledger.state()).notes
    assert note.startswith(f"{DAY}: the last write to the book was cut off")
    assert "Nothing before it is lost" in note
    assert "cut off" in caplog.text
    await stores.ledger.mark_ready("m0", at_ms=T0 + 5)
    second = await opened(copy)  # the first one still has the file open, as after a crash of the other
    assert (await second.ledger.state()).notes == (note,)
    await second.close()
    await stores.close()
    third = await opened(copy)
    assert (await third.ledger.state()).notes == (note,)
    await third.close()


async def test_a_whole_log_has_no_note(killed: tuple[Path, list[int]], tmp_path: Path) -> None:
    path, _ = killed
    stores = await opened(a_copy(path, tmp_path / "c", wal_file(path).read_bytes()))
    assert len(await spans_of(stores)) == SPANS
    assert (await stores.ledger.state()).notes == ()
    await stores.close()
    assert torn_write(tmp_path / "c" / "tlfif.db") is None  # closed in order: there is no log


def test_frames_from_before_the_log_was_begun_anew_are_no_torn_write(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (body TEXT)")
    for _ in range(20):
        connection.execute("INSERT INTO t VALUES (?)", ("x" * 3000,))
    before = wal_file(path).stat().st_size
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("INSERT INTO t VALUES ('new')")
    log = wal_file(path).read_bytes()
    assert len(log) == before  # the old frames are still behind the new ones
    assert torn_write(path) is None
    connection.close()


@pytest.mark.parametrize("log", [b"", b"\x00" * 10, b"\x37\x7f\x06\x82" + b"\x00" * 28, b"\xff" * 5000])
def test_a_log_that_is_no_log_is_looked_at_without_an_error(tmp_path: Path, log: bytes) -> None:
    wal_file(tmp_path / "x").write_bytes(log)
    assert torn_write(tmp_path / "x") == (TornWrite(0, len(log)) if log else None)


def test_no_log_no_torn_write(tmp_path: Path) -> None:
    assert torn_write(tmp_path / "nothing") is None
    assert HEADER_BYTES == 32


async def test_a_header_that_was_cut_off_is_no_reason_not_to_open(
    killed: tuple[Path, list[int]], tmp_path: Path
) -> None:
    """Its frames were in the file already when the log was begun anew."""
    path, _ = killed
    whole = sqlite3.connect(a_copy(path, tmp_path / "w", wal_file(path).read_bytes()))
    whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole.close()
    stores = await opened(a_copy(tmp_path / "w" / "tlfif.db", tmp_path / "c", wal_file(path).read_bytes()[:20]))
    assert len(await spans_of(stores)) == SPANS
    assert len((await stores.ledger.state()).notes) == 1
    await stores.close()


async def test_a_note_that_cannot_be_kept_is_no_reason_not_to_open(
    killed: tuple[Path, list[int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, sizes = killed
    copy = a_copy(path, tmp_path / "c", wal_file(path).read_bytes()[: sizes[-1] - 7])
    stores = await open_all_sqlite_stores(copy, FakeIds(), default_idle_timeout=300.0, since_ms=T0)
    other = sqlite3.connect(copy, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # another program holds the file and does not let go
    with caplog.at_level(logging.WARNING):
        assert await stores.ledger.report_torn_write(copy, day=DAY) is None
    assert "could not note" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    assert await spans_of(stores) == [f"m{number}" for number in range(SPANS - 1)]
    await stores.close()
