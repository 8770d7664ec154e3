"""The disk is full for a while: what cannot be kept is refused, what was accepted comes to its end."""

import contextlib
import errno
import io
import os
import subprocess
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.misbehaving.desk import LOOK_SECONDS, Desk, MakeDesk, Reader
from tests.waiting import wait_until
from tlfif.client.errors import NotReachableError
from tlfif.client.local_server import LocalServer
from tlfif.kernel.data_folder import DataFolder

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="both ways to fill a disk here are Linux's"),
]

LONG_PROMPT = "=" * 2400
"""Many bytes to store and few tokens to read: as words they would take the engine seconds of work each time."""


class Disk(ABC):
    """Where the home lies."""

    @abstractmethod
    def fill(self, desk: Desk) -> None:
        """From now on nothing can be written."""

    @abstractmethod
    def free(self, desk: Desk) -> None:
        """There is room again."""


class SmallDisk(Disk):
    """A file system of a few megabytes, really full."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, desk: Desk) -> None:
        """Write until nothing more goes in."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 16, 1 << 12, 1):
                with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                    _pour(filler, b"\0" * size)

    def free(self, desk: Desk) -> None:
        """Remove what filled it."""
        self._filler.unlink()


def _pour(into: io.FileIO, what: bytes) -> None:
    while into.write(what):
        continue


class LimitedFiles(Disk):
    """Every write beyond a file's first pages fails, for the processes that run and those that they start."""

    def fill(self, desk: Desk) -> None:
        """Lower the limit."""
        self._limit(desk, 4096)

    def free(self, desk: Desk) -> None:
        """Raise it again."""
        self._limit(desk, psutil.RLIM_INFINITY)

    def _limit(self, desk: Desk, most: int) -> None:
        assert desk.server is not None
        for process in (psutil.Process(desk.server.pid), *desk.processes()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, (most, psutil.RLIM_INFINITY))


@pytest.fixture(params=["full", "limited"])
def disk(request: pytest.FixtureRequest, home: Path) -> Iterator[Disk]:
    """A disk that can be filled; where nothing may be mounted, the second way remains at a desk."""
    if request.param == "limited":
        yield LimitedFiles()
        return
    home.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail(f"no small file system can be mounted here: {mounted.stderr}")
        pytest.skip("mounting needs the rights of root; the same is tested with limited file sizes")
    try:
        yield SmallDisk(home)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


async def submit_until_refused(desk: Desk) -> tuple[list[Reader], str]:
    """Prompts that were accepted in spite of all, and the key of the first that was not."""
    accepted: list[Reader] = []
    for _ in range(300):
        key = uuid.uuid4().hex
        body = {"prompt": LONG_PROMPT, "max_tokens": 2, "temperature": 0, "model": "smollm2"}
        response = await desk.call("POST", "/v1/infer", body, **{"Idempotency-Key": key})
        if response.status_code != 202:
            assert response.status_code == 503
            assert response.json()["code"] in {
                "storage_full",
                "storage_failed",
            }  # a limited file is no full disk to SQLite
            assert "disk" in response.json()["detail"].lower()
            return accepted, key
        accepted.append(Reader(response.json()["job_id"]))
    raise AssertionError("300 prompts fitted on a full disk")


async def stored(desk: Desk) -> set[str]:
    """Ids of all jobs there are."""
    listed = (await desk.call("GET", "/v1/jobs?limit=100")).json()
    assert listed["next_cursor"] is None
    return {job["job_id"] for job in listed["jobs"]}


@pytest.mark.requirement("10.8.2")
async def test_what_cannot_be_kept_is_refused_and_leaves_no_trace(a_desk_with: MakeDesk, disk: Disk) -> None:
    async with a_desk_with() as desk:
        before = await desk.submit(max_tokens=4)
        await desk.finish(before)
        disk.fill(desk)
        accepted, refused = await submit_until_refused(desk)
        assert await stored(desk) == {before.job_id, *(reader.job_id for reader in accepted)}
        assert (await desk.call("GET", "/healthz")).status_code == 200
        assert (await desk.call("GET", f"/v1/jobs/{before.job_id}")).status_code == 200, "reading still works"
        disk.free(desk)
        again = await desk.submit(LONG_PROMPT, key=refused, max_tokens=2)
        for reader in (*accepted, again):
            assert (await desk.finish(reader))["status"] == "succeeded"


async def test_a_running_answer_waits_for_room(a_desk_with: MakeDesk, disk: Disk) -> None:
    """Shorter than the machine's patience with a silent server: the answer goes on where it was."""
    async with a_desk_with(TLFIF_MACHINE__CONTROL_GONE_SECONDS="60") as desk:
        reader = await desk.submit(max_tokens=60)
        await desk.read_while(reader, lambda: reader.kinds.count("delta") < 2)
        disk.fill(desk)
        accepted, _ = await submit_until_refused(desk)
        await desk.read(reader, wait=0)
        disk.free(desk)
        job = await desk.finish(reader)
        assert job["status"] == "succeeded"
        if "restarted" not in reader.kinds:
            assert job["attempt"] == 1
        for other in accepted:
            assert (await desk.finish(other))["status"] == "succeeded"


async def test_a_disk_that_stays_full_until_the_machine_has_gone(a_desk_with: MakeDesk, disk: Disk) -> None:
    """Nobody can show life through a full disk, so the machine ends; with room again all goes on by itself."""
    async with a_desk_with(
        TLFIF_MACHINE__CONTROL_GONE_SECONDS="1.5", TLFIF_MACHINE__CONTROL_GONE_DRAIN_SECONDS="0.5"
    ) as desk:
        reader = await desk.streaming()
        disk.fill(desk)
        accepted, _ = await submit_until_refused(desk)
        await wait_until(lambda: not desk.processes(), "the machine has ended", 30.0, every=LOOK_SECONDS)
        fault = (await desk.call("GET", "/v1/machine")).json()["fault"]
        assert fault["code"] in {"storage_full", "storage_failed"}
        assert "disk" in fault["message"]
        disk.free(desk)
        await desk.read_while(reader, lambda: reader.kinds.count("started") < 2)
        assert "restarted" in reader.kinds
        await desk.cancel(reader)
        for other in accepted:
            assert (await desk.finish(other))["status"] == "succeeded"


async def test_a_server_that_cannot_write_does_not_stay(home: Path, disk: Disk) -> None:
    """It says so by its exit status; nothing keeps running unreachable."""
    if isinstance(disk, LimitedFiles):
        pytest.skip("the limit is set on processes that run already")
    desk = Desk(home)
    try:
        disk.fill(desk)
        with pytest.raises(AssertionError, match="the server ended with"):
            await desk.start()
        assert desk.server is not None
        assert desk.server.returncode != 0
        disk.free(desk)
        await desk.start()
        assert (await desk.finish(await desk.submit(max_tokens=2)))["status"] == "succeeded"
        await desk.stop()
    finally:
        await desk.abolish()


async def test_a_disk_that_is_full_at_the_start_is_named_and_gets_no_leftovers(
    home: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(disk, LimitedFiles):
        pytest.skip("the limit is set on processes that run already")
    for name, value in Desk(home).environment.items():
        monkeypatch.setenv(name, value)
    there = DataFolder(home)
    there.create()
    disk.fill(Desk(home))
    for _ in range(2):
        with pytest.raises(NotReachableError, match=r"No space left on device|disk is full") as caught:
            await LocalServer(there).ensure()
        assert caught.value.code in {"home_not_usable", "storage_full"}
    assert not [name for name in os.listdir(home) if name.endswith(".part")]  # noqa: PTH208 - an async test
