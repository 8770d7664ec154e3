"""The program that sends a machine's log home: over AWS's own protocol to the emulator, from a journal made up here."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.aws.emulator import REGION, Emulator
from tests.aws.metadata_service import MetadataService, serving_metadata
from tests.images.units import IMAGES
from tests.waiting import wait_until
from tlfif.adapters.aws.deployment.log_reader import read_logs
from tlfif.adapters.aws.machines.machine_log import MachineLog

LOG = IMAGES / "bin" / "tlfif-log"
NOW_MS = int(time.time() * 1000)
WORKER = "tlfif-worker.service"
FAILED, STARTED = "d9b373ed55a64feb8242e02dbe79a49c", "39f53479d3a045ac8e11786248231fbf"


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """The program as a module."""
    loader = SourceFileLoader("tlfif_log", str(LOG))
    spec = importlib.util.spec_from_loader("tlfif_log", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, written = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


@dataclass
class Machine:
    """A folder with the journal, and where the lines arrive."""

    folder: Path
    emulator: Emulator
    metadata: MetadataService
    home: str
    entries: int = 0
    running: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def journal(self, message: str, unit: str = "", *, about: str = "", priority: int = 6, **more: str) -> None:
        """Write one entry."""
        self.entries += 1
        entry = {
            "__CURSOR": f"c{self.entries:06}",
            "__REALTIME_TIMESTAMP": str((NOW_MS + self.entries) * 1000),
            "MESSAGE": message,
            "PRIORITY": str(priority),
            "SYSLOG_IDENTIFIER": "systemd" if about else "kernel",
            **({"_SYSTEMD_UNIT": unit} if unit else {}),
            **({"UNIT": about} if about else {}),
            **more,
        }
        with (self.folder / "journal").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def start(self, *words: str) -> None:
        """Start the program."""
        journalctl = self.folder / "journalctl"
        after = "[print(line, end='') for line in open(sys.argv[1]) if json.loads(line)['__CURSOR'] > sys.argv[2]]"
        journalctl.write_text(
            f"#!/bin/sh\nfor word; do case $word in --after-cursor=*) cursor=${{word#*=}};; esac; done\n"
            f'exec {sys.executable} -I -c "import json, sys; {after}" {self.folder}/journal "$cursor"\n'
        )
        journalctl.chmod(0o755)
        settings = {"endpoint_url": self.emulator.endpoint}
        content = {"home": self.home, "region": REGION, "machine_id": "machine_1", "settings": settings}
        (self.folder / "machine.json").write_text(json.dumps(content))
        files = ["--machine-file", f"{self.folder}/machine.json", "--state-file", f"{self.folder}/state.json"]
        told = [*files, "--metadata", self.metadata.endpoint, "--journalctl", str(journalctl), "--every", "0.05"]
        with (self.folder / "errors").open("ab") as errors:
            self.running.append(subprocess.Popen([sys.executable, "-I", str(LOG), *told, *words], stderr=errors))

    def stop(self) -> None:
        """As systemd does on the way down: ExecStopPost."""
        for process in self.running:
            process.kill()
        self.start("--last")
        assert self.running.pop().wait(30) == 0

    def lines(self) -> list[str]:
        """What has arrived."""
        found = read_logs(self.emulator.logs, self.home, ("machine",), since=NOW_MS / 1000 - 60, most=10_000)
        return [line.text for line in found]


@pytest.fixture
def machine(emulator: Emulator, tmp_path: Path) -> Iterator[Machine]:
    home = emulator.unique("home")
    emulator.logs.create_log_group(logGroupName=f"/{home}/machine")
    with serving_metadata(MetadataService()) as metadata:
        found = Machine(folder=tmp_path, emulator=emulator, metadata=metadata, home=home)
        (tmp_path / "journal").write_text("")
        yield found
        for process in found.running:
            process.kill()
            process.wait()


async def arrived(machine: Machine, *lines: str) -> None:
    await wait_until(lambda: machine.lines() == [*lines], f"{lines}, not {machine.lines()}", every=0.05)


@pytest.mark.requirement("5.6.10")
async def test_our_units_lines_arrive_while_it_runs_and_the_last_ones_on_the_way_down(machine: Machine) -> None:
    machine.journal("somebody else's", "cron.service")
    machine.journal("INFO instance: machine_1", WORKER)
    machine.journal("Started the worker.", about=WORKER, MESSAGE_ID=STARTED)
    machine.journal("Out of memory: Killed process 7", priority=3)
    machine.start()
    first = ["tlfif-worker: INFO instance: machine_1", "systemd: Started the worker."]
    first.append("kernel: Out of memory: Killed process 7")
    await arrived(machine, *first)
    machine.journal("ERROR cannot go on", WORKER)
    machine.journal("Failed with result 'exit-code'.", about=WORKER, MESSAGE_ID=FAILED)
    machine.stop()
    last = ["tlfif-worker: ERROR cannot go on", "systemd: Failed with result 'exit-code'."]
    assert machine.lines() == [*first, *last, f"why: {WORKER} failed: ERROR cannot go on"]
    log = MachineLog(machine.emulator.logs, home=machine.home)
    assert await log.last_words("machine_1") == f"{WORKER} failed: ERROR cannot go on"
    assert await log.last_words("machine_2") == "", "nothing of it has arrived"


async def test_a_unit_that_was_started_again_is_no_reason(machine: Machine) -> None:
    machine.journal("Failed with result 'exit-code'.", about=WORKER, MESSAGE_ID=FAILED)
    machine.journal("Started the worker.", about=WORKER, MESSAGE_ID=STARTED)
    machine.start()
    machine.stop()
    assert len(machine.lines()) == 2


async def test_a_new_start_goes_on_where_the_last_one_ended(machine: Machine) -> None:
    for number in range(3):
        machine.journal(f"line {number}", WORKER)
        machine.start()
        machine.stop()
    assert machine.lines() == [f"tlfif-worker: line {number}" for number in range(3)]


async def test_what_could_not_be_sent_is_sent_with_the_next(machine: Machine) -> None:
    machine.metadata.failures = 10**6
    machine.journal("one", WORKER)
    machine.start()
    await wait_until(lambda: b"not sent" in (machine.folder / "errors").read_bytes(), "it has tried", every=0.05)
    assert machine.lines() == []
    machine.metadata.failures = 0
    await arrived(machine, "tlfif-worker: one")
    machine.stop()


class Group:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def put(self, events: list[dict[str, Any]]) -> None:
        self.batches.append([event["message"] for event in events])


@pytest.mark.requirement("5.6.10")
def test_a_machine_that_talks_without_end_is_cut_and_its_end_is_kept(machine: Machine, program: ModuleType) -> None:
    group, size = Group(), 1000
    written: list[dict[str, str]] = []

    class Journal(program.Journal):  # type: ignore[name-defined,misc]  # a script without types
        def entries(self, cursor: str = "") -> Iterator[dict[str, str]]:
            yield from written[int(cursor or 0) :]

    sender = program.Sender(Journal(""), group, machine.folder / "state.json", "machine_1")
    for last in [False] * 40 + [True]:
        for number in range(len(written), len(written) + 250):
            entry = {"MESSAGE": f"{number:06} ".ljust(size, "x"), "_SYSTEMD_UNIT": WORKER, "__CURSOR": str(number + 1)}
            written.append({**entry, "__REALTIME_TIMESTAMP": str((NOW_MS + number) * 1000)})
        sender.send(last=last)
    lines = [text for batch in group.batches for text in batch]
    (cut,) = [number for number, text in enumerate(lines) if text.startswith(program.TOO_LONG)]
    assert 3500 < cut < 3800
    assert lines[-1].startswith(f"tlfif-worker: {len(written) - 1:06}"), "the reason stands at the end"
    assert 100 < len(lines) - cut < 200
    assert sum(len(text) + program.LINE_BYTES for text in lines) <= program.MOST_BYTES
    assert max(sum(len(text) + program.LINE_BYTES for text in batch) for batch in group.batches) <= program.BATCH_BYTES


def test_a_disk_that_was_kept_sends_the_next_machines_lines_only(machine: Machine, program: ModuleType) -> None:
    state = machine.folder / "state.json"
    state.write_text(json.dumps({"machine_id": "machine_0", "cursor": "c9", "left": -5}))
    sender = program.Sender(None, None, state, "machine_1")
    assert sender._state == {"machine_id": "machine_1", "cursor": "c9", "left": program.MOST_BYTES - program.LAST_BYTES}


def test_the_signature_is_that_of_awss_own_library(program: ModuleType) -> None:
    body, target, url = b'{"a": 1}', "Logs_20140328.PutLogEvents", "https://logs.eu-central-1.amazonaws.com/"
    now = datetime.now(UTC)
    made = program.signed(url, body, target, region=REGION, credentials=("AKID", "secret", "token"), now=now)
    theirs = AWSRequest("POST", url, data=body, headers={"Content-Type": made["content-type"], "X-Amz-Target": target})
    signer = SigV4Auth(Credentials("AKID", "secret", "token"), "logs", REGION)
    theirs.context["timestamp"] = made["x-amz-date"]
    theirs.headers["X-Amz-Date"] = made["x-amz-date"]
    theirs.headers["X-Amz-Security-Token"] = "token"
    signature = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert made["authorization"].endswith(f"Signature={signature}")
