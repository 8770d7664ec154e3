"""The command itself: quick, and every fault a sentence and an exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tlfif
from tests.fakes.desk import FakeDesk, Terminal
from tlfif import __version__
from tlfif.cli.main import COMMANDS, main
from tlfif.cli.output.console import Console


def test_the_version_loads_next_to_nothing() -> None:
    code = (
        "import sys; from tlfif.cli.main import main; main(['--version']);"
        "heavy = {'argparse', 'asyncio', 'httpx2', 'pydantic', 'filelock', 'tlfif.client', 'tlfif.jobs'};"
        "heavy &= set(sys.modules);"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(tlfif.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tlfif {__version__}\n", "")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert f"tlfif {name}" in capsys.readouterr().out


def test_help_names_what_only_a_checkout_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["--help"]) == 0
    assert {"test", "bench"} <= {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.split()}
    assert main(["bench"]) == 2
    assert "./tlfif bench" in capsys.readouterr().err
    monkeypatch.setattr("tlfif.cli.main.__file__", str(tmp_path / "a" / "tlfif" / "cli" / "main.py"))
    assert main(["--help"]) == 0
    assert not {"test", "bench"} & {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.split()}


def test_alone_it_says_what_to_type(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlfif.gui.main.why_not", lambda: "There is no screen here.")
    assert main([]) == 0
    assert 'tlfif ask "What is a cloud computer?"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["aks"], "usage"),
        (["ask"], "usage"),
        (["ask", "a", "b"], "usage"),
        (["ask", ""], "prompt_empty"),
        (["ask", "a\udcff"], "prompt_not_text"),
        (["ask", "hi", "--max-tokens", "0"], "max_tokens_out_of_range"),
        (["chat", "--seed", "x"], "seed_out_of_range"),
        (["machine"], "usage"),
        (["machine", "idle-timeout", "0"], "idle_timeout_out_of_range"),
        (["machine", "history", "--limit", "0"], "limit_out_of_range"),
        (["machine", "start", "--model", "gpt-9"], "unknown_model"),
        (["jobs", "list", "--limit", "0"], "limit_out_of_range"),
        (["jobs", "show", "../x"], "job_not_found"),
        (["model", "pull", "gpt-9"], "unknown_model"),
        (["model", "verify", "file:a.gguf"], "model_file_invalid"),
        (["ask", "hi", "--model", "file:"], "model_file_invalid"),
        (["serve", "--port", "0"], "port_out_of_range"),
        (["cost", "--region", "mars"], "region_unknown"),
        (["cost", "--type", "t2"], "instance_type_unknown"),
        (["cost", "--plot", "a.pdf"], "plot_path_invalid"),
        (["cost", "prize"], "usage"),
        (["budget", "set", "0"], "budget_invalid"),
        (["budget", "set"], "usage"),
    ],
)
def test_bad_input_is_refused_before_any_call(argv: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.startswith("tlfif: ")
    assert found.err.endswith(f"[{code}]\n")


def test_with_json_a_fault_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--json", " "]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found == {"error": {"code": "prompt_empty", "message": "The prompt is empty. Type something first."}}


def test_a_mistyped_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mashine"]) == 2
    assert "Did you mean: tlfif machine" in capsys.readouterr().err


def test_a_status_is_rewritten_and_cleared_before_text() -> None:
    desk = FakeDesk(terminal=True)
    desk.console.status("long line")
    desk.console.status("short")
    desk.console.text("Hi")
    assert desk.said == "\rlong line\rshort    \r     \r"


def test_a_model_cannot_steer_the_terminal() -> None:
    out = Terminal()
    Console(out, FakeDesk().err).text("a\x1b[2Jb\x9bc\tä\n")
    assert out.getvalue() == "a[2Jbc\tä\n"


def test_a_closed_standard_error_ends_nothing() -> None:
    desk = FakeDesk()
    desk.err.close()
    desk.console.note("unheard")
