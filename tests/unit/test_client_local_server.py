"""Finding and starting the background server: one server, and the token for nobody else."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from tests.fakes.clock import FakeClock
from tlfif import __version__
from tlfif.client.errors import NotReachableError
from tlfif.client.local_server import LocalServer, last_failure
from tlfif.client.server_process import SERVER_MODULE
from tlfif.gui.bridge.homes import OnlyFind
from tlfif.kernel.data_folder import DataFolder

TOKEN = "t" * 43
NO_PROCESS = 2**22 + 1
"""Above every process number that Linux gives."""


@pytest.fixture
def home(tmp_path: Path) -> DataFolder:
    found = DataFolder(tmp_path / "home")
    found.create()
    found.token.write_text(TOKEN)
    return found


@contextmanager
def held(home: DataFolder) -> Iterator[None]:
    with FileLock(home.lock):
        yield


class FakeServer:
    """Answers on loopback like the real one and remembers what it was told."""

    def __init__(self, version: str = __version__) -> None:
        self.version = version
        self.heads: list[str] = []
        self.port = 0
        self.on_stop: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeServer"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        body = json.dumps({"status": "ok", "version": self.version}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        await writer.drain()
        writer.close()
        if head.startswith("POST /v1/server/stop"):
            self.on_stop()


def write_address(home: DataFolder, port: int, *, pid: int | None = None) -> None:
    address = {"pid": os.getpid() if pid is None else pid, "port": port, "version": __version__}
    home.server.write_text(json.dumps(address))


class FakeChild:
    def __init__(self, status: int | None = None) -> None:
        self.status = status

    def poll(self) -> int | None:
        return self.status


class Spawner:
    """Counts starts; ``then`` is what a start brings about, and returns the child's exit status."""

    def __init__(self, then: Callable[[], int | None] = lambda: None) -> None:
        self.starts: list[Sequence[str]] = []
        self.then = then

    def __call__(self, home: DataFolder, arguments: Sequence[str]) -> FakeChild:
        self.starts.append(arguments)
        return FakeChild(self.then())


def local(home: DataFolder, spawner: Spawner) -> LocalServer:
    clock = FakeClock(auto_advance=True)
    return LocalServer(home, spawn=spawner, sleep=clock.sleep, monotonic=clock.monotonic)


async def test_a_running_server_is_found_and_nothing_started(home: DataFolder) -> None:
    spawner = Spawner()
    async with FakeServer().running() as server:
        write_address(home, server.port)
        with held(home):
            endpoint = await local(home, spawner).ensure()
    assert endpoint.base_url == f"http://127.0.0.1:{server.port}"
    assert endpoint.token == TOKEN
    assert TOKEN not in repr(endpoint)
    assert spawner.starts == []


@pytest.mark.parametrize("fault", ["nobody holds the lock", "the process is gone", "no address", "damaged"])
async def test_a_stale_address_is_not_even_spoken_to(home: DataFolder, fault: str) -> None:
    async with FakeServer().running() as server, AsyncExitStack() as stack:
        write_address(home, server.port, pid=NO_PROCESS if fault == "the process is gone" else None)
        if fault != "nobody holds the lock":
            stack.enter_context(held(home))
        if fault == "no address":
            home.server.unlink()
        elif fault == "damaged":
            home.server.write_text('{"pid": ')
        assert await local(home, Spawner()).find() is None
        assert server.heads == []


async def test_a_port_that_is_somebody_elses_never_sees_the_token(home: DataFolder) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n{}")
        writer.close()

    heard: list[bytes] = []
    async with await asyncio.start_server(stranger, "127.0.0.1", 0) as server:
        write_address(home, server.sockets[0].getsockname()[1])
        with held(home):
            assert await local(home, Spawner()).find() is None
    assert heard
    assert TOKEN.encode() not in b"".join(heard)


async def test_a_server_is_started_and_waited_for(home: DataFolder) -> None:
    async with FakeServer().running() as server, AsyncExitStack() as stack:

        def come_up() -> None:
            stack.enter_context(held(home))
            write_address(home, server.port)

        spawner = Spawner(come_up)
        endpoint = await local(home, spawner).ensure()
    assert endpoint.base_url.endswith(str(server.port))
    assert len(spawner.starts) == 1


async def test_where_another_one_was_faster_both_wait_for_it(home: DataFolder) -> None:
    async with FakeServer().running() as server, AsyncExitStack() as stack:

        def lose() -> int:
            stack.enter_context(held(home))
            asyncio.get_running_loop().call_soon(write_address, home, server.port)
            return 0

        spawner = Spawner(lose)
        await local(home, spawner).ensure()
    assert len(spawner.starts) == 1


async def test_a_loser_whose_winner_is_gone_starts_again(home: DataFolder) -> None:
    async with FakeServer().running() as server, AsyncExitStack() as stack:

        def lose_then_win() -> int | None:
            if len(spawner.starts) == 1:
                return 0
            stack.enter_context(held(home))
            write_address(home, server.port)
            return None

        spawner = Spawner(lose_then_win)
        await local(home, spawner).ensure()
    assert len(spawner.starts) == 2


async def test_why_a_start_failed_is_told_in_the_servers_words(home: DataFolder) -> None:
    def fail() -> int:
        (home.root / "server-error.txt").write_text("port_taken\tPort 80 is in use. Choose another.\n")
        return 5

    with pytest.raises(NotReachableError, match="Port 80 is in use") as caught:
        await local(home, Spawner(fail)).ensure()
    assert caught.value.code == "port_taken"


async def test_a_start_that_failed_without_a_word_quotes_the_last_line(home: DataFolder) -> None:
    def fail() -> int:
        (home.logs / "server-start.log").write_text("Traceback\nImportError: no xyz\n")
        return 1

    with pytest.raises(NotReachableError, match="ImportError: no xyz") as caught:
        await local(home, Spawner(fail)).ensure()
    assert caught.value.code == "server_start_failed"


async def test_a_server_that_never_comes_up_is_given_up(home: DataFolder) -> None:
    with pytest.raises(NotReachableError) as caught:
        await local(home, Spawner()).ensure()
    assert caught.value.code == "server_silent"


async def test_a_server_that_is_slow_to_start_beside_busy_programs_is_waited_for(home: DataFolder) -> None:
    clock = FakeClock(auto_advance=True)
    begun = clock.monotonic()
    async with FakeServer().running() as server, AsyncExitStack() as stack:

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            if clock.monotonic() - begun > 45 and not home.server.exists():
                stack.enter_context(held(home))
                write_address(home, server.port)

        found = LocalServer(home, spawn=Spawner(), sleep=sleep, monotonic=clock.monotonic)
        assert (await found.ensure()).base_url.endswith(str(server.port))


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotReachableError, match="cannot be used") as caught:
        await local(DataFolder(tmp_path / "file" / "home"), Spawner()).ensure()
    assert caught.value.code == "home_not_usable"


async def test_a_server_of_another_version_is_ended_and_replaced(home: DataFolder) -> None:
    async with FakeServer("0.0.1").running() as old, FakeServer().running() as new, AsyncExitStack() as stack:
        old_lock = FileLock(home.lock)
        old_lock.acquire()
        write_address(home, old.port)

        def leave() -> None:
            home.server.unlink()
            old_lock.release()

        def come_up() -> None:
            stack.enter_context(held(home))
            write_address(home, new.port)

        old.on_stop = leave
        spawner = Spawner(come_up)
        endpoint = await local(home, spawner).ensure()
    assert endpoint.base_url.endswith(str(new.port))
    assert sum(head.startswith("POST /v1/server/stop") for head in old.heads) == 1
    assert len(spawner.starts) == 1


async def test_after_a_loss_a_server_that_died_is_started_again(home: DataFolder) -> None:
    async with FakeServer().running() as server, AsyncExitStack() as stack:
        write_address(home, server.port, pid=NO_PROCESS)

        def come_up() -> None:
            stack.enter_context(held(home))
            write_address(home, server.port)

        spawner = Spawner(come_up)
        await local(home, spawner).again()
    assert len(spawner.starts) == 1


async def test_after_a_loss_a_server_that_was_stopped_is_left_alone(home: DataFolder) -> None:
    spawner = Spawner()
    with pytest.raises(NotReachableError) as caught:
        await local(home, spawner).again()
    assert caught.value.code == "server_stopped"
    assert spawner.starts == []


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that stays until it is ended."""
    found = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    yield found
    found.kill()
    found.communicate()


def end(process: "subprocess.Popen[bytes]", *, reap: bool) -> None:
    """Returns when it has ended; without ``reap`` as one whose parent has not asked how."""
    process.kill()
    if reap or sys.platform == "win32":
        process.wait()
    else:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "ended, but nobody asked how"])
async def test_stop_waits_until_the_process_is_gone(
    home: DataFolder, process: "subprocess.Popen[bytes]", reaped: bool
) -> None:
    clock, steps = FakeClock(auto_advance=True), list[str]()

    async def sleep(seconds: float) -> None:
        steps.append("waited")
        if len(steps) == 3:
            end(process, reap=reaped)
        await clock.sleep(seconds)

    async with FakeServer().running() as server:
        lock = FileLock(home.lock)
        lock.acquire()
        write_address(home, server.port, pid=process.pid)
        server.on_stop = lock.release
        found = LocalServer(home, spawn=Spawner(), sleep=sleep, monotonic=clock.monotonic)
        assert await found.stop() is True
        assert len(steps) == 3
        assert f"Bearer {TOKEN}" in server.heads[-1]
    assert await local(home, Spawner()).stop() is False


async def test_a_process_that_stays_after_its_lock_is_told(
    home: DataFolder, process: "subprocess.Popen[bytes]"
) -> None:
    async with FakeServer().running() as server:
        lock = FileLock(home.lock)
        lock.acquire()
        write_address(home, server.port, pid=process.pid)
        server.on_stop = lock.release
        with pytest.raises(NotReachableError, match=f"process {process.pid}") as caught:
            await local(home, Spawner()).stop()
    assert caught.value.code == "server_stays"


async def test_a_server_that_stays_is_told(home: DataFolder) -> None:
    with held(home), pytest.raises(NotReachableError) as caught:
        await local(home, Spawner()).stop()
    assert caught.value.code == "server_stays"


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows nobody may read a locked file")
async def test_a_server_that_is_lost_is_ended_by_what_its_lock_says(home: DataFolder) -> None:
    """The process only looks like a server: it holds the lock and ends when it is asked to."""
    code = (
        "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); "
        "open(sys.argv[1], 'w').write(sys.argv[2] or str(__import__('os').getpid())); print('held', flush=True); "
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(home.lock), "", SERVER_MODULE]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220 - returns at once
        assert process.stdout is not None
        process.stdout.readline()
        holder = LocalServer(home).holder()
        assert holder is not None
        assert holder.pid == process.pid
        assert await local(home, Spawner()).stop() is True
        assert process.wait(10) != 0
    assert LocalServer(home).holder() is None


async def test_a_server_that_does_not_answer_is_not_called_none(home: DataFolder) -> None:
    assert await local(home, Spawner()).find_or_tell() is None
    with held(home), pytest.raises(NotReachableError, match="does not answer") as caught:
        await local(home, Spawner()).find_or_tell()
    assert caught.value.code == "server_silent"


async def test_a_lock_that_names_another_program_ends_nothing(
    home: DataFolder, process: "subprocess.Popen[bytes]"
) -> None:
    with held(home):
        home.lock.write_text(str(process.pid))
        assert LocalServer(home).holder() is None
        with pytest.raises(NotReachableError) as caught:
            await local(home, Spawner()).stop()
    assert caught.value.code == "server_stays"
    assert process.poll() is None


async def test_a_token_that_is_none_is_sent_to_nobody(home: DataFolder) -> None:
    home.token.write_bytes(bytes(43))
    async with FakeServer().running() as server:
        write_address(home, server.port)
        with held(home):
            assert await local(home, Spawner()).find() is None
    assert all("Authorization" not in head for head in server.heads)


async def test_why_the_last_start_failed_stays_until_one_succeeds(home: DataFolder) -> None:
    assert last_failure(home) is None

    def fail() -> int:
        home.start_error.write_text("settings_invalid\tTLFIF_LOG_LEVEL is wrong.\n")
        return 5

    with pytest.raises(NotReachableError, match="TLFIF_LOG_LEVEL"):
        await local(home, Spawner(fail)).ensure()
    for _ in range(3):
        with pytest.raises(NotReachableError, match="TLFIF_LOG_LEVEL is wrong") as caught:
            await OnlyFind(local(home, Spawner())).ensure()
        assert caught.value.code == "settings_invalid"
    async with FakeServer().running() as server, AsyncExitStack() as stack:

        def come_up() -> None:
            stack.enter_context(held(home))
            write_address(home, server.port)

        await local(home, Spawner(come_up)).ensure()
        assert last_failure(home) is None
    home.server.unlink()
    with pytest.raises(NotReachableError) as gone:
        await OnlyFind(local(home, Spawner())).ensure()
    assert gone.value.code == "server_stopped"
    with held(home), pytest.raises(NotReachableError) as silent:
        await OnlyFind(local(home, Spawner())).ensure()
    assert silent.value.code == "server_silent"


async def test_after_a_loss_why_the_server_did_not_start_again_is_told(home: DataFolder) -> None:
    home.start_error.write_text("storage_damaged\tThe job file is damaged.\n")
    with pytest.raises(NotReachableError, match="is damaged") as caught:
        await local(home, Spawner()).again()
    assert caught.value.code == "storage_damaged"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("use", ["find", "ensure", "stop"])
async def test_nothing_is_read_or_started_in_a_folder_that_others_may_change(home: DataFolder, use: str) -> None:
    spawner = Spawner()
    home.root.chmod(0o777)
    async with FakeServer().running() as server:
        write_address(home, server.port)
        with held(home), pytest.raises(NotReachableError, match="may be changed by other users") as caught:
            await getattr(local(home, spawner), use)()
    assert caught.value.code == "home_not_private"
    assert (spawner.starts, server.heads) == ([], [])
