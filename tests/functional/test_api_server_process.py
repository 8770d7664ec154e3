"""The server as a process of its own: what it listens on, what it leaves in its folder, how it ends."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.functional.api_server import assert_problem, build_container
from tlfif import __version__
from tlfif.api.embedded_server import EmbeddedServer
from tlfif.api.loopback import bind
from tlfif.client.local_server import LocalServer, last_failure
from tlfif.kernel.access import load_token
from tlfif.kernel.data_folder import DataFolder, ServerAddress, read_holder, read_server, read_token
from tlfif.kernel.errors import StorageError

SOURCE = Path(__file__).parents[2] / "src"
COMMAND = [sys.executable, "-P", "-m", "tlfif.entrypoints.server"]
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
MARK = "xyzzy-a-secret-of-the-owner"


def environment(home: Path, **settings: str) -> dict[str, str]:
    """This environment with the program's own settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("TLFIF_")}
    return {**kept, "PYTHONPATH": str(SOURCE), "TLFIF_HOME": str(home), **settings}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """The folder of the server that the tests of this file share."""
    return DataFolder(tmp_path_factory.mktemp("served") / "home")


@pytest.fixture(scope="module")
def server(home: DataFolder) -> Iterator[ServerAddress]:
    """A real server without models, so that no machine ever starts."""
    settings = {"TLFIF_LOG_LEVEL": "DEBUG", "TLFIF_HUB_URL": "http://127.0.0.1:9"}
    process = subprocess.Popen(COMMAND, env=environment(home.root, **settings), stderr=subprocess.PIPE)
    try:
        yield wait_for_address(process, home)
    finally:
        process.terminate()
        _, told = process.communicate(timeout=20)
    assert told == b""


def wait_for_address(process: subprocess.Popen[bytes], home: DataFolder) -> ServerAddress:
    """The address that the server writes once it answers."""
    for _ in range(400):
        address = read_server(home)
        if address is not None:
            return address
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the server ended with {process.returncode}: {process.communicate()[1]!r}")
    raise AssertionError("the server did not answer within 20 s")


@pytest.fixture
def client(home: DataFolder, server: ServerAddress) -> Iterator[httpx2.Client]:
    """A caller with the token from the file."""
    bearer = {"Authorization": f"Bearer {home.token.read_text()}"}
    with httpx2.Client(base_url=server.base_url, headers=bearer, trust_env=False, verify=False) as opened:
        yield opened


def test_it_says_where_it_listens(home: DataFolder, server: ServerAddress, client: httpx2.Client) -> None:
    told = json.loads(home.server.read_text())
    assert told == {"pid": server.pid, "port": server.port, "version": __version__}
    answer = client.get("/v1/server").json()
    assert (answer["pid"], answer["port"], answer["version"]) == (server.pid, server.port, __version__)


@pytest.mark.requirement("2.2.5")
def test_it_listens_on_loopback_only(server: ServerAddress) -> None:
    connections = psutil.Process(server.pid).net_connections(kind="inet")
    listening = {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}
    assert {("127.0.0.1", server.port)} <= listening <= {("127.0.0.1", server.port), ("::1", server.port)}
    assert {c.laddr.ip for c in connections if not c.raddr} <= {"127.0.0.1", "::1"}


@POSIX_ONLY
def test_only_its_user_can_read_its_files(home: DataFolder, server: ServerAddress) -> None:
    assert stat.S_IMODE(home.token.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.server.stat().st_mode) == 0o600
    for folder in (home.root, home.logs, home.models):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_stranger_learns_nothing(server: ServerAddress) -> None:
    with httpx2.Client(base_url=server.base_url, trust_env=False, verify=False) as stranger:
        assert_problem(stranger.get("/v1/jobs"), 401, "token_wrong")
        assert_problem(stranger.get("/v1/jobs", headers={"Host": "evil.example"}), 421, "host_wrong")


def test_its_log_has_no_prompt(home: DataFolder, client: httpx2.Client) -> None:
    answer = client.post("/v1/infer", json={"prompt": MARK, "model": "tinyllama"})
    assert_problem(answer, 409, "model_absent")
    client.post("/v1/infer", json={"prompt": MARK, MARK: 1})
    client.post("/v1/infer", content=MARK.encode())
    assert client.get("/v1/jobs").json()["jobs"] == []
    for log in home.logs.iterdir():
        assert MARK not in log.read_text(encoding="utf-8")
    assert MARK not in (home.logs / "server.log").read_text()
    assert "listening" in (home.logs / "server.log").read_text()


def test_a_second_server_of_the_same_home_leaves_quietly(home: DataFolder, server: ServerAddress) -> None:
    second = subprocess.run(COMMAND, env=environment(home.root), capture_output=True, timeout=20, check=False)
    assert (second.returncode, second.stdout, second.stderr) == (0, b"", b"")
    assert read_server(home) == server


def test_a_second_server_on_its_port_says_so(server: ServerAddress, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "other")
    command = [*COMMAND, "--port", str(server.port)]
    second = subprocess.run(command, env=environment(other.root), capture_output=True, timeout=20, check=False)
    code, _, sentence = (other.root / "server-error.txt").read_text().partition("\t")
    assert (second.returncode, code) == (5, "port_taken")
    assert str(server.port) in sentence
    assert not other.server.exists()


def test_it_ends_when_asked_and_takes_its_address_away(tmp_path: Path) -> None:
    home = DataFolder(tmp_path / "home")
    process = subprocess.Popen(COMMAND, env=environment(home.root))
    try:
        address = wait_for_address(process, home)
        bearer = {"Authorization": f"Bearer {home.token.read_text()}"}
        with httpx2.Client(base_url=address.base_url, headers=bearer, trust_env=False, verify=False) as client:
            assert client.post("/v1/server/stop").status_code == 202
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(20)
    assert not home.server.exists()
    assert home.token.exists()


@pytest.mark.requirement("5.7.2")
@pytest.mark.parametrize("needed", [False, True])
async def test_it_ends_by_itself_when_nobody_needs_it(tmp_path: Path, needed: bool) -> None:
    home = DataFolder(tmp_path)
    container = build_container(tmp_path)
    asked: list[bool] = []

    def busy() -> bool:
        asked.append(True)
        return needed and len(asked) < 5

    server = EmbeddedServer(container, home, port=0, idle_exit_seconds=0.1, busy=busy)
    await asyncio.wait_for(server.run(), 10)
    assert len(asked) >= (5 if needed else 1)
    assert not home.server.exists()
    await container.close()


def test_a_server_that_lost_its_address_or_token_is_found_again_and_ended(tmp_path: Path) -> None:
    home = DataFolder(tmp_path / "home")
    process = subprocess.Popen(COMMAND, env=environment(home.root))
    try:
        address = wait_for_address(process, home)
        token = home.token.read_text()
        assert read_holder(home) == (address.pid if os.name == "posix" else None)
        home.server.unlink()
        home.token.write_bytes(bytes(43))
        assert asyncio.run(LocalServer(home).stop()) is True
        assert home.token.read_text() == token
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(20)
    assert not home.server.exists()


@POSIX_ONLY
def test_a_server_whose_lock_is_gone_ends_and_leaves_its_successors_address(tmp_path: Path) -> None:
    home = DataFolder(tmp_path / "home")
    process = subprocess.Popen(COMMAND, env=environment(home.root))
    try:
        wait_for_address(process, home)
        home.lock.unlink()
        home.server.write_text("its successor's")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(20)
    assert home.server.read_text() == "its successor's"


@POSIX_ONLY
def test_it_keeps_no_other_folder_busy_and_leaves_no_core(home: DataFolder, server: ServerAddress) -> None:
    process = psutil.Process(server.pid)
    assert Path(process.cwd()) == home.root
    if sys.platform == "linux":
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)


@POSIX_ONLY
def test_a_relative_folder_stays_the_same_one(tmp_path: Path) -> None:
    environ = environment(Path("home"))
    process = subprocess.Popen(COMMAND, env=environ, cwd=tmp_path)
    try:
        wait_for_address(process, DataFolder(tmp_path / "home"))
        assert not (tmp_path / "home" / "home").exists()
    finally:
        process.terminate()
        process.wait(20)


def test_wrong_settings_are_told_and_nothing_is_started(tmp_path: Path) -> None:
    home = DataFolder(tmp_path / "home")
    wrong = environment(home.root, TLFIF_PORT="x", TLFIF_TICK_SECONDS="nan")
    done = subprocess.run(COMMAND, env=wrong, capture_output=True, timeout=20, check=False)
    told = (home.root / "server-error.txt").read_text()
    assert done.returncode == 5
    assert told.startswith("settings_invalid\t")
    assert "TLFIF_PORT" in told
    assert "TLFIF_TICK_SECONDS" in told
    assert not home.server.exists()


@pytest.mark.parametrize("fault", ["damaged", "newer", "no database"])
def test_why_it_cannot_start_stays_told_until_it_can(tmp_path: Path, fault: str) -> None:
    home = DataFolder(tmp_path / "home")
    home.create()
    connection = sqlite3.connect(home.database)
    connection.execute("PRAGMA user_version = 999" if fault == "newer" else "CREATE TABLE others (x)")
    connection.commit()
    connection.close()
    whole = home.database.read_bytes()
    if fault == "damaged":
        home.database.write_bytes(whole[:100] + b"\xa5" * (len(whole) - 100))
    elif fault == "no database":
        home.database.write_bytes(b"a letter " * 1000)
    for _ in range(2 if fault == "newer" else 1):
        done = subprocess.run(COMMAND, env=environment(home.root), capture_output=True, timeout=20, check=False)
        assert (done.returncode, done.stderr) == (5, b"")
        failure = last_failure(home)
        assert failure is not None
        assert failure.code == ("storage_newer" if fault == "newer" else "storage_damaged")
        assert ("newer TL-FIF" if fault == "newer" else "--set-aside-database") in failure.message
    if fault != "newer":
        return  # that it stays told until it can is the same whatever it was
    home.database.rename(tmp_path / "aside")
    process = subprocess.Popen(COMMAND, env=environment(home.root))
    try:
        wait_for_address(process, home)
        assert last_failure(home) is None
    finally:
        process.terminate()
        process.wait(20)


@POSIX_ONLY
def test_with_few_file_handles_strangers_lock_nobody_out(tmp_path: Path) -> None:
    """256 is what macOS gives; 400 connections that say nothing stay open."""
    home = DataFolder(tmp_path / "home")
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)); "
    command = [
        sys.executable,
        "-P",
        "-c",
        limited + "runpy.run_module('tlfif.entrypoints.server', run_name='__main__')",
    ]
    process = subprocess.Popen(command, env=environment(home.root))
    with contextlib.ExitStack() as stack:
        try:
            address = wait_for_address(process, home)
            for number in range(400):
                crowd = stack.enter_context(socket.create_connection(("127.0.0.1", address.port), timeout=5))
                crowd.sendall(b"GET /healthz HTTP/1.1\r\nX: " if number % 2 else b"")
            bearer = {"Authorization": f"Bearer {home.token.read_text()}"}
            with httpx2.Client(base_url=address.base_url, headers=bearer, trust_env=False, verify=False) as client:
                assert client.get("/healthz").status_code == 200
                assert client.get("/v1/jobs").status_code == 200
            assert asyncio.run(LocalServer(home).stop()) is True
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait(20)


def test_a_home_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("not a folder")
    where = environment(tmp_path / "a-file" / "home")
    done = subprocess.run(COMMAND, env=where, capture_output=True, timeout=20, check=False)
    assert done.returncode == 5
    assert b"cannot be used" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_token_is_made_once_and_replaced_where_it_is_no_token(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    first = load_token(home)
    assert len(first) >= 32
    assert load_token(home) == first
    home.token.write_text("short")
    second = load_token(home)
    assert second not in {"short", first}
    if os.name == "posix":
        assert stat.S_IMODE(home.token.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"\xff" * 40, bytes(43), b"a" * 42 + b"\n" + b"b", b"a b" * 15, b"x" * 5000, b""])
def test_what_is_no_token_is_replaced(tmp_path: Path, content: bytes) -> None:
    home = DataFolder(tmp_path)
    home.token.write_bytes(content)
    assert read_token(home) is None
    token = load_token(home)
    assert len(token) == 43
    assert home.token.read_text() == token


def test_a_token_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    home.token.mkdir()
    with pytest.raises(StorageError, match="api-token"):
        load_token(home)
    assert not list(tmp_path.glob("*.part"))


@POSIX_ONLY
def test_a_token_that_others_could_read_is_made_private_and_one_that_they_could_write_is_replaced(
    tmp_path: Path,
) -> None:
    home = DataFolder(tmp_path)
    token = load_token(home)
    home.token.chmod(0o644)
    assert load_token(home) == token
    assert stat.S_IMODE(home.token.stat().st_mode) == 0o600
    home.token.chmod(0o622)
    assert load_token(home) != token
    assert stat.S_IMODE(home.token.stat().st_mode) == 0o600


@POSIX_ONLY
def test_a_token_behind_a_link_is_replaced_and_its_target_untouched(tmp_path: Path) -> None:
    home = DataFolder(tmp_path / "home")
    home.create()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("e" * 43)
    home.token.symlink_to(elsewhere)
    assert load_token(home) != "e" * 43
    assert not home.token.is_symlink()
    assert elsewhere.read_text() == "e" * 43


def test_a_port_in_use_is_told() -> None:
    with bind(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StorageError) as caught:
            bind(port)
    assert caught.value.code == "port_taken"
    assert str(port) in caught.value.message


def test_a_forbidden_port_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tlfif.api.loopback.socket.socket", Forbidden)
    with pytest.raises(StorageError, match="forbids") as caught:
        bind(80)
    assert caught.value.code == "port_unusable"


def test_small_answers_are_sent_at_once() -> None:
    with bind(0) as bound:
        assert bound.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY only then
        assert bound.getsockname()[0] == "127.0.0.1"


ABORTING = """
import ctypes, glob, os, sys
import xllamacpp
from tlfif.entrypoints import engine
library = glob.glob(os.path.join(os.path.dirname(xllamacpp.__file__), "*.so"))[0]
xllamacpp.Server = lambda params: ctypes.CDLL(library).ggml_abort(b"a file", 1, b"as it does for a broken model")
engine.main()
"""


@POSIX_ONLY
def test_an_engine_that_aborts_starts_no_debugger(tmp_path: Path) -> None:
    """llama.cpp starts the first debugger on the path, which would hold the engine as long as it reads symbols."""
    debugger, ran = tmp_path / "gdb", tmp_path / "ran"
    debugger.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    debugger.chmod(0o700)
    asked = {"model_path": "x", "model_name": "x", "context_tokens": 1, "slots": 1, "api_key": "x", "threads": 1}
    done = subprocess.run(
        [sys.executable, "-P", "-c", ABORTING],
        input=json.dumps({**asked, "cache_mib": 1, "batch_tokens": 64, "memory_bytes": 1 << 33}).encode() + b"\n",
        env=environment(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}"),
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"as it does for a broken model" in done.stderr
    assert done.returncode < 0
    assert not ran.exists()
