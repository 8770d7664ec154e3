"""Commands beside ``ask`` and ``chat``: what they ask the server for, what they say, how they end."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from filelock import FileLock

from tests.fakes.desk import FakeClient, FakeDesk, a_model, a_personal_model
from tests.fakes.money import cost
from tlfif.cli import jobs, machine, main, model, serve
from tlfif.cli.arguments import Parser
from tlfif.cli.output.console import OutputLostError
from tlfif.client import local_server
from tlfif.client.local_server import LocalServer
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import InvalidInputError, MachineError, TlfifError
from tlfif.wire.jobs import JobView
from tlfif.wire.machines import NO_MACHINE, MachineHistory, MachineView, PastMachineView, StopMode, StopResult
from tlfif.wire.money import CostView


class Client(FakeClient):
    """Remembers what it was asked for; ``states`` are the machine's, one a look."""

    def __init__(self, *states: str, **changes: Any) -> None:
        super().__init__(**changes)
        self.states = list(states)
        self.calls: list[object] = []
        self.job_states = ["running", "cancelled", "cancelled"]
        self.past: list[PastMachineView] = []

    async def machine(self) -> MachineView:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {**NO_MACHINE, "state": state, "reason": "because"}

    async def start_machine(self, *, model: str | None = None) -> MachineView:
        self.calls.append(("start", model))
        return await self.machine()

    async def stop_machine(self, *, jobs: StopMode = "cancel") -> StopResult:
        self.calls.append(("stop", jobs))
        kept = {"cancelled": ["a"], "requeued": []} if jobs == "cancel" else {"cancelled": [], "requeued": ["a"]}
        return {"was_running": True, "machine": await self.machine(), **kept}

    async def set_idle_timeout(self, minutes: float) -> MachineView:
        self.calls.append(("idle", minutes))
        return NO_MACHINE

    async def machine_history(self, *, limit: int = 20) -> MachineHistory:
        self.calls.append(("history", limit))
        return {"machines": self.past}

    async def jobs(self, *, limit: int = 20, cursor: str | None = None, status: str | None = None) -> Any:
        self.calls.append(("jobs", limit, cursor, status))
        return {"jobs": [], "next_cursor": None}

    async def job(self, job_id: str) -> JobView:
        state = self.job_states.pop(0)
        return {"job_id": job_id, "status": state}

    async def cancel(self, job_id: str) -> JobView:
        self.calls.append(("cancel", job_id))
        return await self.job(job_id)

    async def delete_jobs(self) -> int:
        self.calls.append("delete all")
        return 7

    async def verify(self, name: str) -> Any:
        self.calls.append(("verify", name))
        return next(m for m in self.catalogue if m["name"] == name)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, FakeDesk]]:
    """Runs a command module on a fake client, as ``main`` would."""

    def run(module: ModuleType, client: FakeClient, *argv: str) -> tuple[int, FakeDesk]:
        monkeypatch.setattr(module, "open_client", lambda: client)
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0, raising=False)
        desk, parser = FakeDesk(), Parser(prog="tlfif x")
        module.configure(parser)
        return module.run(parser.parse_args(argv), desk.console), desk

    return run


Run = Callable[..., tuple[int, FakeDesk]]


def test_a_start_waits_until_the_machine_is_ready(command: Run) -> None:
    client = Client("launching", "loading", "ready")
    code, desk = command(machine, client, "start", "--model", "smollm2")
    assert (code, client.calls) == (0, [("start", "smollm2")])
    assert desk.out.getvalue().startswith("machine   ready")


@pytest.mark.parametrize(("state", "error_code"), [("broken", "machine_not_ready"), ("no_quota", "no_quota")])
def test_a_start_that_fails_says_why(command: Run, state: str, error_code: str) -> None:
    with pytest.raises(MachineError, match="because") as caught:
        command(machine, Client("loading", state), "start")
    assert caught.value.code == error_code


@pytest.mark.parametrize(
    ("argv", "mode", "said"),
    [((), "cancel", "1 running or waiting answer cancelled"), (("--keep-jobs",), "requeue", "1 prompt kept")],
)
def test_a_stop_waits_until_it_is_confirmed(
    command: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argv: tuple[str, ...], mode: str, said: str
) -> None:
    home = DataFolder(tmp_path)
    home.server.write_text('{"pid": 1, "port": 1, "version": "1"}')  # of a server that died
    monkeypatch.setattr(machine, "local_server", lambda: LocalServer(home))
    client = Client("stopping", "stopping", "off")
    code, desk = command(machine, client, "stop", *argv)
    assert (code, client.calls) == (0, [("stop", mode)])
    assert desk.out.getvalue().startswith("The machine is off.")
    assert said in desk.out.getvalue()


def test_a_stop_without_a_server_starts_none(command: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "local_server", lambda: LocalServer(DataFolder(tmp_path)))
    client = Client("off")
    code, desk = command(machine, client, "stop", "--json")
    assert (code, client.calls) == (0, [])
    assert json.loads(desk.out.getvalue())["machine"]["reason"] == "the server is not running"


def test_a_server_that_is_lost_or_failed_is_not_said_to_wait_for_a_question(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = DataFolder(tmp_path)
    monkeypatch.setattr(local_server, "REWRITE_SECONDS", 0.0)
    monkeypatch.setattr(serve, "data_folder_from_environment", lambda: home)
    monkeypatch.setenv("TLFIF_PROFILE", "computer")

    def status(*more: str) -> str:
        desk, parser = FakeDesk(), Parser(prog="tlfif serve")
        serve.configure(parser)
        assert serve.run(parser.parse_args(["--status", *more]), desk.console) == 5
        return desk.out.getvalue()

    assert "The next question starts it." in status()
    home.start_error.write_text("storage_damaged\tThe job file is damaged.\n")
    assert "its last start failed" in status()
    assert "The job file is damaged." in status()
    assert json.loads(status("--json"))["problem"] == "storage_damaged"
    with FileLock(home.lock):
        assert "does not answer" in status()
        assert (json.loads(status("--json"))["running"], "not running" in status()) == (True, False)


def test_the_idle_timeout_is_set(command: Run) -> None:
    client = Client("off")
    code, desk = command(machine, client, "idle-timeout", "1.5")
    assert (code, client.calls) == (0, [("idle", 1.5)])
    assert "1 min 30 s" in desk.out.getvalue()


def test_on_aws_a_start_and_a_longer_time_out_name_their_price(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found() -> CostView:
        return cost(on_aws=True)

    monkeypatch.setattr(machine, "local_server", lambda: None)
    client = Client("ready")
    monkeypatch.setattr(client, "cost", found)
    assert "It costs $0.23 an hour while it runs (c7i.xlarge)" in command(machine, client, "start")[1].said
    said = " ".join(command(machine, client, "idle-timeout", "240")[1].out.getvalue().split())
    assert "At $0.23 an hour that is up to $0.93 after each last answer." in said


def a_past_machine(**changes: Any) -> PastMachineView:
    base = {
        "machine_id": "machine_1", "model": "smollm2", "image": "embedded-1",
        "instance_type": None, "engine": "llama", "state": "off",
        "start_reason": "started by you", "end_reason": "idle for 5.0 minutes", "created_at": 1e9,
        "ready_at": 1e9 + 2.5, "ended_at": 1e9 + 305.5, "phases": [{"phase": "launch", "seconds": 2.5}],
        "boot_seconds": 2.5, "run_seconds": 303.0,
    }  # fmt: skip
    return {**base, **changes}


def test_the_history_of_no_machine(command: Run) -> None:
    client = Client("off")
    code, desk = command(machine, client, "history")
    assert (code, client.calls, desk.out.getvalue()) == (0, [("history", 20)], "No machine has been started yet.\n")


def test_the_history_says_how_long_each_machine_took_and_why_it_came_and_went(command: Run) -> None:
    client = Client("off")
    failed = a_past_machine(
        state="no_capacity",
        model="file:/home/me/" + "a-very-long-name-" * 5 + ".gguf",
        end_reason="No machine of this kind\nis left. " + "Try again in a while. " * 5,
        ready_at=None,
        boot_seconds=None,
        run_seconds=None,
    )
    client.past = [a_past_machine(end_reason="", run_seconds=86_340.0), a_past_machine(), failed]
    code, desk = command(machine, client, "history", "--limit", "3")
    assert (code, client.calls) == (0, [("history", 3)])
    head, *lines = desk.out.getvalue().splitlines()
    assert head.split("  ")[0] == "STARTED"
    assert lines[0].split() == ["2001-09-09", "off", "2.5", "s", "23", "h", "59", "min", "SmolLM2-135M-Instruct"]
    assert lines[1] == "  started by you"
    assert "5 min 3 s" in lines[2]
    assert lines[3] == "  started by you; idle for 5.0 minutes"
    assert lines[4].split()[1:5] == ["no", "capacity", "-", "-"]
    assert " ".join(" ".join(lines[5:]).split()).endswith("of this kind is left." + " Try again in a while." * 5)
    assert all(len(line) <= 80 for line in [head, *lines])


def test_the_history_for_programs(command: Run) -> None:
    client = Client("off")
    client.past = [a_past_machine()]
    code, desk = command(machine, client, "history", "--json")
    assert (code, json.loads(desk.out.getvalue())) == (0, {"machines": [a_past_machine()]})


def test_jobs_are_listed_as_asked(command: Run) -> None:
    client = Client("off")
    code, _ = command(jobs, client, "list", "--limit", "5", "--cursor", "before-3", "--status", "failed")
    assert (code, client.calls) == (0, [("jobs", 5, "before-3", "failed")])


@pytest.mark.parametrize(
    ("states", "calls", "said"),
    [
        (["running", "running", "cancelled", "cancelled"], 1, "Cancelled."),
        (["succeeded", "succeeded"], 0, "It had ended already: succeeded."),
        (["running", "succeeded", "succeeded"], 1, "It ended before it could be cancelled: succeeded."),
    ],
)
def test_a_cancellation_says_what_came_of_it(command: Run, states: list[str], calls: int, said: str) -> None:
    client = Client("off")
    client.job_states = states
    code, desk = command(jobs, client, "cancel", "job_1")
    assert (code, len(client.calls), desk.out.getvalue()) == (0, calls, said + "\n")


def test_models_are_listed_with_what_is_wrong(command: Run) -> None:
    catalogue = [a_model("tinyllama", "absent", received_bytes=250, problem="The line broke."), a_model("smollm2")]
    _, desk = command(model, FakeClient(models=catalogue), "list")
    text = desk.out.getvalue()
    assert "absent 25%" in text
    assert "(default)" in text
    assert "tinyllama: The line broke." in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_personal_models_are_listed_below_the_catalogue(command: Run) -> None:
    client = FakeClient()
    client.personal = [a_personal_model()]
    _, desk = command(model, client, "list")
    last = desk.out.getvalue().splitlines()[-1]
    assert last.split() == ["anna-poems", "registered", "12.0", "MB", "smollm2", "a" * 12]


@pytest.mark.parametrize(("state", "code"), [("ready", 0), ("corrupt", 4)])
def test_verify_reads_what_is_here(command: Run, state: str, code: int) -> None:
    client = Client("off", models=[a_model("tinyllama", "absent"), a_model("smollm2", state, problem="Wrong sum.")])
    found, desk = command(model, client, "verify")
    assert (found, client.calls) == (code, [("verify", "smollm2")])
    assert ("Wrong sum." in desk.out.getvalue()) is (state == "corrupt")


def test_verify_without_any_model(command: Run) -> None:
    code, desk = command(model, Client("off", models=[a_model("tinyllama", "absent")]), "verify")
    assert (code, desk.out.getvalue()) == (0, "No model is on this computer yet.\n")


def test_pull_ends_with_the_model(command: Run) -> None:
    client = FakeClient()
    code, desk = command(model, client, "pull", "SmolLM2", "--force", "--json")
    assert (code, client.pulled, json.loads(desk.out.getvalue())["state"]) == (0, ["smollm2"], "ready")


def test_the_status_of_no_server(command: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serve, "data_folder_from_environment", lambda: DataFolder(tmp_path))
    monkeypatch.setattr(serve, "open_client", None, raising=False)
    code, desk = command(serve, FakeClient(), "--status", "--json")
    assert (code, json.loads(desk.out.getvalue())["running"]) == (5, False)
    code, desk = command(serve, FakeClient(), "--stop")
    assert (code, desk.out.getvalue()) == (0, "The server was not running.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (OutputLostError(32, "Broken pipe"), 141, ""),
        (OutputLostError(28, "No space left on device"), 5, "cannot be written: No space left"),
        (FileNotFoundError(2, "No such file"), 5, "[system_error]"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (TlfifError("It broke.", code="model_corrupt"), 4, "It broke. [model_corrupt]"),
    ],
)
def test_every_fault_of_a_command_is_a_sentence_and_a_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(*_: object) -> int:
        raise fault

    monkeypatch.setattr(model, "run", fail)
    monkeypatch.setattr("tlfif.cli.output.console.abandon", lambda stream: None)
    assert main.main(["model", "list"]) == code
    assert said in capsys.readouterr().err


def test_the_window_opens_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ModuleType("tlfif.gui.main")
    entry.why_not = lambda: ""
    entry.open_window = lambda home: 7
    monkeypatch.setitem(sys.modules, "tlfif.gui.main", entry)
    assert main.main([]) == 7
    assert main.main(["gui"]) == 7


def test_it_says_why_no_window_opens(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    entry = ModuleType("tlfif.gui.main")
    entry.why_not = lambda: "There is no screen here."
    monkeypatch.setitem(sys.modules, "tlfif.gui.main", entry)
    assert main.main([]) == 0
    assert "tlfif ask" in capsys.readouterr().out
    assert main.main(["gui"]) == 5
    assert "There is no screen here." in capsys.readouterr().err


def test_everything_is_deleted_only_when_said_twice(command: Callable[..., tuple[int, FakeDesk]]) -> None:
    client = Client("off")
    with pytest.raises(InvalidInputError, match="--all --yes"):
        command(jobs, client, "delete", "--all")
    assert client.calls == []
    status, desk = command(jobs, client, "delete", "--all", "--yes")
    assert (status, client.calls) == (0, ["delete all"])
    assert "Deleted 7 prompts with their answers, for good." in desk.out.getvalue()
