"""The first program of a machine's boot, against a metadata service on loopback."""

import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.images.units import IMAGES
from tlfif.adapters.aws.machines.ec2_user_data import MachineFile
from tlfif.adapters.aws.machines.launch_plan import LONGEST_RUN_SECONDS
from tlfif.adapters.engines.served_engine import read_engine_key
from tlfif.entrypoints.llama_server import KEY_NAME
from tlfif.machines.machine_host import LaunchSpec

BOOT = IMAGES / "bin" / "tlfif-boot"


def machine_file(**settings: object) -> str:
    """As the control plane writes it."""
    spec = LaunchSpec(
        machine_id="machine_1",
        model="tinyllama",
        model_path="/opt/tlfif/models/tinyllama",
        model_sha256=None,
        context_tokens=2048,
        image="2026.11",
        idle_timeout_seconds=300.0,
    )
    return MachineFile(
        home="tlfif", region="eu-central-1", spec=spec, ends_after_seconds=15000.5, settings=settings
    ).text()


@dataclass
class Metadata:
    """IMDSv2: nothing without a token. ``stumbles``: so many requests fail before one is answered."""

    user_data: bytes | None = None
    stumbles: int = 0
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, headers: Any) -> tuple[int, bytes]:
        self.asked.append(f"{method} {path}")
        if self.stumbles:
            self.stumbles -= 1
            return 503, b""
        if (method, path) == ("PUT", "/latest/api/token"):
            seconds = headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            return (200, b"a-token") if seconds.isdigit() and 1 <= int(seconds) <= 21600 else (400, b"")
        if headers.get("X-aws-ec2-metadata-token") != "a-token":
            return 401, b""
        if path == "/latest/user-data" and self.user_data is not None:
            return 200, self.user_data
        return 404, b""


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    service = Metadata()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_PUT(self) -> None:
            self._answer("PUT")

        def _answer(self, method: str) -> None:
            status, body = service.answer(method, self.path, self.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(kw_only=True)
class Machine:
    """A root folder to boot in, and what systemctl was asked there."""

    root: Path
    metadata: Metadata

    def boot(self) -> "subprocess.CompletedProcess[str]":
        systemctl = self.root.parent / "systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$*" >> {self.root.parent / "asked"}\n')
        systemctl.chmod(0o755)
        command = [sys.executable, "-I", str(BOOT), "--metadata", self.metadata.url, "--root", str(self.root)]
        return subprocess.run(
            [*command, "--systemctl", str(systemctl), "--pause", "0"], capture_output=True, text=True, timeout=60
        )

    @property
    def systemctl(self) -> list[str]:
        asked = self.root.parent / "asked"
        return asked.read_text().splitlines() if asked.exists() else []

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.fixture
def machine(metadata: Metadata, tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    root.mkdir()
    return Machine(root=root, metadata=metadata)


def test_it_writes_what_the_worker_the_engine_and_the_last_resort_need(machine: Machine) -> None:
    machine.metadata.user_data = machine_file(jobs_table="tlfif-jobs").encode()
    done = machine.boot()
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.read("etc/tlfif/machine.json").encode() == machine.metadata.user_data
    assert MachineFile.parse(machine.read("etc/tlfif/machine.json")).spec.machine_id == "machine_1"
    limit = machine.read("run/systemd/system/tlfif-last-resort.timer.d/limit.conf")
    assert limit == "[Timer]\nOnBootSec=\nOnBootSec=15001s\n"
    assert machine.systemctl == ["daemon-reload", "restart tlfif-last-resort.timer"]
    assert machine.metadata.asked == ["PUT /latest/api/token", "GET /latest/user-data"]


def test_a_second_boot_has_the_new_settings(machine: Machine) -> None:
    machine.metadata.user_data = machine_file().encode()
    machine.boot()
    machine.metadata.user_data = machine_file(engine={"kind": "llama"}).encode()
    assert machine.boot().returncode == 0
    assert machine.read("etc/tlfif/machine.json").encode() == machine.metadata.user_data


@pytest.mark.requirement("5.4.1")
def test_each_boot_has_a_key_of_its_own_that_only_root_reads(tmp_path: Path) -> None:
    key = tmp_path / "run/tlfif/engine.env"
    key.parent.mkdir(parents=True)
    found = []
    for _ in range(2):
        subprocess.run(["/bin/sh", str(IMAGES / "bin" / "tlfif-key"), str(tmp_path)], check=True, timeout=60)
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        names = dict(line.split("=") for line in key.read_text().splitlines())
        assert names[KEY_NAME] == names["VLLM_API_KEY"] == read_engine_key(key)
        found.append(read_engine_key(key))
    assert [len(each) for each in found] == [64, 64]
    assert found[0] != found[1]
    assert list(key.parent.iterdir()) == [key]


def test_a_metadata_service_that_is_late_is_asked_again(machine: Machine) -> None:
    machine.metadata.user_data = machine_file().encode()
    machine.metadata.stumbles = 5
    assert machine.boot().returncode == 0


def test_one_that_never_answers_is_given_up(machine: Machine) -> None:
    machine.metadata.stumbles = 10**6
    done = machine.boot()
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert len(machine.metadata.asked) == 60


def a_file(**changed: object) -> bytes:
    return json.dumps({**json.loads(machine_file()), **changed}).encode()


@pytest.mark.requirement("5.3.1")
@pytest.mark.parametrize(
    ("user_data", "said"),
    [
        (None, "no user data"),
        (b"#!/bin/sh\nreboot\n", "not a machine file"),
        (b"[]", "not a machine file"),
        (b"\xff\xfe", "not a machine file"),
        (b"{}" + b" " * 16384, "too large"),
        (a_file(version=2), "version 2"),
        (a_file(ends_after_seconds=0), "out of range"),
        (a_file(ends_after_seconds=LONGEST_RUN_SECONDS + 1), "out of range"),
        (a_file(ends_after_seconds="nan"), "out of range"),
        (a_file(settings=None), "not a machine file"),
    ],
    ids=["none", "script", "list", "no text", "large", "version", "zero", "huge", "nan", "settings"],
)
def test_what_cannot_be_used_ends_the_boot_and_leaves_nothing(
    machine: Machine, user_data: bytes | None, said: str
) -> None:
    machine.metadata.user_data = user_data
    done = machine.boot()
    assert done.returncode == 1
    assert said in done.stderr
    assert list(machine.root.iterdir()) == []
    assert machine.systemctl == []
