"""The commands as a person runs them: the real server, the real machine, the small model."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import psutil
import pytest

import tlfif
from tests.waiting import PATIENCE
from tlfif.cli.main import main
from tlfif.wording.deleting import FROM_DISK

pytestmark = pytest.mark.engine

CLOSED_PORT = "http://127.0.0.1:9"
LONG = "Tell a very long story about the sea."
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="no signals to send there")


class Desk:
    """Runs commands in a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._environment = {
            **os.environ,
            "TLFIF_HOME": str(home),
            "TLFIF_HUB_URL": CLOSED_PORT,
            "TLFIF_PRICE_LIST_URL": CLOSED_PORT,
            "TLFIF_EXCHANGE_URL": CLOSED_PORT,
            "TLFIF_MACHINE__ENGINE_THREADS": "1",
            "PYTHONPATH": str(Path(tlfif.__file__).parents[1]),
            "LC_ALL": "C",
        }

    def start(
        self, *arguments: str, stdin: str | None = None, start_new_session: bool = False
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tlfif", *arguments],
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            encoding="utf-8",
            start_new_session=start_new_session,
        )
        if stdin is not None:
            assert process.stdin is not None
            process.stdin.write(stdin)
            process.stdin.close()
            process.stdin = None
        return process

    def run(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments, stdin=stdin)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def told(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """What a command does, in this process: starting one costs twenty times its work. The server is there."""
        if not (self.home / "server.json").exists():
            assert self.run("serve").returncode == 0  # whoever starts it must be able to leave it alone
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in self._environment.items():
                patch.setenv(name, value)
            code = main([*arguments])
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
        return subprocess.CompletedProcess(arguments, code, *texts)

    def object(self, *arguments: str) -> dict[str, Any]:
        found = json.loads(self.told(*arguments, "--json").stdout)
        assert isinstance(found, dict)
        return found

    def processes(self) -> list[psutil.Process]:
        """Everything that works for this home."""
        found = []
        for process in psutil.process_iter():
            try:
                words, environment = process.cmdline(), process.environ()
            except psutil.Error:
                continue
            if str(self.home) in words or environment.get("TLFIF_HOME") == str(self.home):
                found.append(process)
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One server for all tests here; nothing may be left of it."""
    desk = Desk(tmp_path_factory.mktemp("desk") / "home of Zoë")
    yield desk
    ended = desk.run("serve", "--stop")
    _, left = psutil.wait_procs(desk.processes(), timeout=10)
    for process in left:
        process.kill()
    assert ended.returncode == 0
    assert left == []


def first_piece(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.read(1)


def test_looking_starts_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home of Zoë")
    done = desk.run("serve", "--status")
    assert (done.returncode, "not running" in done.stdout) == (5, True)
    machine = json.loads(desk.run("machine", "status", "--json").stdout)
    assert (machine["state"], machine["reason"]) == ("off", "the server is not running")
    assert machine["pids"] == {"server": None, "worker": None, "engine": None}
    assert desk.run("ask", " ").returncode == 2
    assert not desk.home.exists()


def test_two_first_questions_at_once_start_one_server(desk: Desk) -> None:
    asks = [desk.start("ask", "Say hello.", "--max-tokens", "8", "--json") for _ in range(2)]
    found = [json.loads(ask.communicate(timeout=60)[0]) for ask in asks]
    assert [f["status"] for f in found] == ["succeeded", "succeeded"]
    assert found[0]["job_id"] != found[1]["job_id"]
    assert found[0]["machine"]["pids"]["server"] == found[1]["machine"]["pids"]["server"]
    servers = [p for p in desk.processes() if "tlfif.entrypoints.server" in p.cmdline()]
    assert len(servers) == 1


def test_an_answer_names_its_model_and_its_price(desk: Desk) -> None:
    done = desk.run("ask", "Name a colour.", "--max-tokens", "8", "--temperature", "0", "--seed", "1")
    assert done.returncode == 0
    assert done.stdout.strip()
    note, receipt = done.stderr.splitlines()
    assert re.search(r"is not downloaded \(.*\)\. The smaller SmolLM2-135M-Instruct answers\.", note)
    assert receipt.startswith("— SmolLM2-135M-Instruct · first word ")
    assert re.search(r" · costs nothing(: this computer)? \(on AWS so far [$]0\.\d+\)$", receipt)


@pytest.mark.requirement("2.1.8", "8.6.2")
def test_what_is_deleted_is_gone_from_every_file_while_server_and_machine_run(desk: Desk) -> None:
    marker = "Xq7-marker"
    doomed = desk.object("ask", f"Repeat: {marker}", "--max-tokens", "8")["job_id"]

    def places() -> list[str]:
        files = [file for file in desk.home.rglob("*") if file.is_file() and file.suffix != ".gguf"]
        return [str(file) for file in files if marker.encode() in file.read_bytes()]

    assert places()
    assert desk.run("jobs", "delete", doomed).returncode == 0
    deadline = time.monotonic() + PATIENCE
    while found := places():
        assert time.monotonic() < deadline, found
        threading.Event().wait(0.1)
    assert desk.object("machine", "status")["pids"]["engine"] is not None


def test_json_and_standard_input_and_a_seed(desk: Desk) -> None:
    options = ("--model", "smollm2", "--max-tokens", "8", "--seed", "7")
    first = json.loads(desk.run("ask", "-", *options, "--json", stdin="Grüß dich!\n").stdout)
    second = desk.object("ask", "Grüß dich!", *options)
    assert set(first) == {"job_id", "status", "answer", "reasoning", "model", "machine", "receipt"}
    assert first["model"] == first["receipt"]["model"] == "smollm2"
    assert first["answer"] == second["answer"]
    shown = desk.object("jobs", "show", first["job_id"])
    assert shown["answer"] == first["answer"]
    assert shown["messages"][-1]["content"] == "Grüß dich!"


def test_an_answer_is_deleted_for_good(desk: Desk) -> None:
    asked = desk.object("ask", "Name a fruit.", "--model", "smollm2", "--max-tokens", "2")
    done = desk.told("jobs", "delete", asked["job_id"])
    assert (done.returncode, FROM_DISK in " ".join(done.stdout.split())) == (0, True)
    assert desk.told("jobs", "show", asked["job_id"]).returncode == 2
    assert desk.told("jobs", "delete", asked["job_id"]).returncode == 2
    done = desk.told("jobs", "delete", "--all")
    assert (done.returncode, "--all --yes" in done.stderr) == (2, True)


def test_what_it_costs_is_told_in_both_truths(desk: Desk, tmp_path: Path) -> None:
    desk.told("machine", "stop")  # so that this answer pays for the start
    asked = desk.object("ask", "Name a colour.", "--model", "smollm2", "--max-tokens", "4")
    share = asked["receipt"]["simulated_aws"]
    assert asked["receipt"]["cost"]["usd"] == 0
    parts = ("boot_usd", "working_usd", "idle_usd", "minimum_usd", "start_usd")
    assert share["usd"] == pytest.approx(sum(share[part] for part in parts))
    cost = desk.object("cost", "--region", "us-east-1", "--type", "g6.xlarge")
    keys = {
        "month_to_date_usd",
        "month_to_date_eur",
        "running_usd_per_hour",
        "standing_usd_per_month",
        "forecast_usd",
    }
    assert keys <= set(cost)
    assert keys <= set(cost["simulated_aws"])
    assert {cost[key] for key in keys} == {0}
    assert cost["simulated_aws"]["instance_type"] == "g6.xlarge"
    assert cost["simulated_aws"]["month_to_date_usd"] > 0
    assert (cost["budget"]["limit_eur"], cost["budget"]["state"]) == (20, "open")
    assert all(rate["source"] and rate["date"] for rate in cost["rates"])
    assert asked["job_id"] in [one["job_id"] for one in cost["receipts"]]
    assert "This computer   costs nothing: $0 · 0 €" in desk.told("cost").stdout
    assert desk.run("cost", "--plot", str(tmp_path / "cost.png")).returncode == 0
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
    assert "RQL 1 as written" in desk.told("cost", "--standing").stdout
    assert "starting the machine" in desk.told("jobs", "show", asked["job_id"]).stdout


def test_prices_that_nobody_hands_out_stay(desk: Desk) -> None:
    before = desk.object("cost", "prices")
    done = desk.told("cost", "prices", "--refresh")
    assert (done.returncode, "No price was read. TL-FIF keeps the prices" in done.stdout) == (0, True)
    assert desk.object("cost", "prices") == before


@pytest.mark.requirement("6.2.6")
def test_a_budget_is_locked_and_released_in_a_practice(desk: Desk) -> None:
    assert desk.told("ask", "Hi.", "--model", "smollm2", "--max-tokens", "2").returncode == 0
    try:
        done = desk.run("budget", "set", "0.01", "--simulated-aws")
        assert (done.returncode, "Practice mode (no real charges)." in " ".join(done.stdout.split())) == (
            0,
            True,
        )
        assert desk.object("budget", "show")["state"] == "locked"
        done = desk.run("ask", "Hi.", "--model", "smollm2")
        assert (done.returncode, done.stdout) == (4, "")
        assert "Practice mode (no real charges). [budget_locked]" in done.stderr
        assert desk.told("machine", "start").returncode == 4
        assert desk.told("budget", "release").returncode == 0
        assert desk.told("ask", "Hi.", "--model", "smollm2", "--max-tokens", "2").returncode == 0
    finally:
        done = desk.told("budget", "set", "20")
    assert "Practice mode is over." in done.stdout
    assert desk.told("budget", "set", "0").returncode == 2


def test_what_the_server_refuses_is_told(desk: Desk) -> None:
    for model in (("--model", "smollm2"), ()):  # without a name the small model stands in; nobody need know here
        done = desk.told("ask", "word " * 4000, *model)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("tlfif: The prompt has at least 4001 tokens")
        assert done.stderr.endswith("[prompt_too_long]\n")
    done = desk.told("ask", "Hello", "--model", "smollm2", "--max-tokens", "2048")
    assert (done.returncode, "Ask for at most 20" in done.stderr) == (2, True)
    done = desk.run("machine", "start", "--model", f"file:{desk.home}")
    assert (done.returncode, "is a folder" in done.stderr) == (2, True)
    done = desk.told("jobs", "show", "job_that_is_none")
    assert (done.returncode, "./tlfif jobs list [job_not_found]" in done.stderr) == (2, True)
    done = desk.run("model", "pull", "tinyllama")
    assert (done.returncode, "[hub_unreachable]" in done.stderr) == (4, True)


def test_a_prompt_that_only_the_engine_finds_too_long_fails_once_with_its_numbers(desk: Desk) -> None:
    """Three tokens a word: too long by tokens, not by words."""
    done = desk.told("ask", "incomprehensibilities " * 900, "--model", "smollm2", "--json")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    job = desk.object("jobs", "show", told["job_id"])
    assert (job["status"], job["attempt"], job["error"]["code"]) == ("failed", 1, "prompt_too_long")
    assert "this model's limit is 2032 tokens. Shorten the prompt." in job["error"]["message"]


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_cancels_the_job(desk: Desk, number: signal.Signals) -> None:
    process = desk.start("ask", LONG, "--model", "smollm2", "--max-tokens", "1500")
    assert first_piece(process)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "You cancelled this answer.\n")
    assert desk.object("jobs", "list", "--limit", "1")["jobs"][0]["status"] == "cancelled"


@posix_only
def test_a_reader_that_leaves_cancels_the_job(desk: Desk) -> None:
    process = desk.start("ask", LONG, "--model", "smollm2", "--max-tokens", "1500")
    assert first_piece(process)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (141, "")
    assert desk.object("jobs", "list", "--limit", "1")["jobs"][0]["status"] == "cancelled"


@posix_only
def test_the_answer_goes_on_when_the_server_is_killed(desk: Desk) -> None:
    server = desk.object("machine", "status")["pids"]["server"]
    process = desk.start("ask", LONG, "--model", "smollm2", "--max-tokens", "128", "--seed", "3", "--json")
    _wait_for_running_job(desk)
    psutil.Process(server).kill()
    found = json.loads(process.communicate(timeout=60)[0])
    assert found["status"] == "succeeded"
    assert desk.object("jobs", "show", found["job_id"])["answer"] == found["answer"]
    assert desk.object("machine", "status")["pids"]["server"] not in {None, server}


def _wait_for_running_job(desk: Desk) -> None:
    deadline = time.monotonic() + PATIENCE
    while desk.object("jobs", "list", "--limit", "1")["jobs"][0]["status"] != "running":
        assert time.monotonic() < deadline, "the job was never seen running"
        threading.Event().wait(0.05)


def test_a_conversation_remembers(desk: Desk) -> None:
    done = desk.run("chat", "--model", "smollm2", "--max-tokens", "8", stdin="I am Ann.\nWho am I?\n")
    assert done.returncode == 0
    assert done.stderr.count("— SmolLM2-135M-Instruct") == 2
    newest = desk.object("jobs", "list", "--limit", "1")["jobs"][0]
    assert [m["role"] for m in newest["messages"]] == ["user", "assistant", "user"]


@posix_only
def test_only_their_owner_reads_logs_and_lock(desk: Desk) -> None:
    assert desk.told("ask", "Hello", "--max-tokens", "4").returncode == 0
    files = [desk.home / "server.lock", desk.home / "tlfif.db", *(desk.home / "logs").iterdir()]
    assert {"server.log", "machine.log", "engine.log", "server-start.log"} <= {file.name for file in files}
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}


def test_the_status_says_where_the_files_are(desk: Desk) -> None:
    assert desk.run("serve").returncode == 0
    status = desk.object("serve", "--status")
    assert (status["folder"], status["log"]) == (str(desk.home), str(desk.home / "logs" / "server.log"))
    assert Path(status["log"]).is_file()
    assert f"Its files are in {desk.home}, its log is {status['log']}." in desk.told("serve", "--status").stdout


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_in_the_foreground_ends_when_its_process_is_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    desk = Desk(tmp_path / "home")
    process = desk.start("serve", "--foreground", start_new_session=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert "Ctrl-C ends it." in said
    assert (process.returncode, err) == (0, "The server has ended.\n")
    assert desk.processes() == []


def test_stop_ends_the_machine_and_serve_stop_the_server(desk: Desk) -> None:
    assert desk.told("ask", "Hello", "--max-tokens", "4").returncode == 0
    stopped = desk.object("machine", "stop")
    assert (stopped["was_running"], stopped["machine"]["state"]) == (True, "off")
    server = psutil.Process(desk.object("serve", "--status")["pid"])
    assert desk.run("serve", "--stop").stdout == "The server has ended.\n"
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    _, left = psutil.wait_procs(desk.processes(), timeout=10)
    assert left == []
    assert desk.run("serve", "--status").returncode == 5
