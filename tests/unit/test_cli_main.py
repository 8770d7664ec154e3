"""The command itself: quick, and every fault a sentence and an exit code."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import wcwidth

import tlfif
from tests.fakes.desk import FakeDesk, Terminal
from tlfif import __version__
from tlfif.cli.main import ACTIONS, COMMANDS, main
from tlfif.cli.output.console import Console
from tlfif.cli.output.tables import paragraph, table
from tlfif.kernel.errors import TlfifError


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


def test_no_command_loads_the_library_of_the_prompt_before_it_asks_a_person() -> None:
    code = (
        "import sys, tlfif.cli.ask, tlfif.cli.chat, tlfif.cli.jobs;"
        "sys.exit(any(name in sys.modules for name in ('prompt_toolkit', 'wcwidth')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(tlfif.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


@pytest.mark.requirement("1.6.3")
def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.requirement("1.6.3")
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
    assert './tlfif ask "What is a cloud computer?"' in capsys.readouterr().out


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


@pytest.mark.requirement("1.6.2")
def test_with_json_a_fault_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--json", " "]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found == {"error": {"code": "prompt_empty", "message": "The prompt is empty. Type something first."}}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mashine", "Did you mean: ./tlfif machine"),
        ("stop", "Did you mean: ./tlfif machine stop"),
        ("statsu", "Did you mean: ./tlfif machine status"),
        ("cancel", "Did you mean: ./tlfif jobs cancel"),
        ("off", "All commands: ./tlfif --help"),
        ("What is a cloud?", 'To ask something: ./tlfif ask "What is a cloud?"'),
    ],
)
def test_a_mistyped_command_is_guessed(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A single word is never taken for a question: asking it would start a machine."""
    assert main([typed]) == 2
    said = capsys.readouterr().err
    assert meant in said
    assert (" ask " in said) is (" " in typed)


@pytest.mark.parametrize("action", ACTIONS.values())
def test_what_is_proposed_exists(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*action.split(), "--help"])
    assert caught.value.code == 0


@pytest.mark.parametrize("argv", [["--help"], ["ask", "--help"], ["jobs", "list", "--help"], []])
def test_help_shows_the_command_as_it_works(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Only ./tlfif works in a checkout, only tlfif for an installed package."""
    monkeypatch.setattr("tlfif.gui.main.why_not", lambda: "There is no screen here.")
    with contextlib.suppress(SystemExit):
        main(argv)
    assert not re.search(r"(?<![./\w-])tlfif ", capsys.readouterr().out)
    monkeypatch.setattr("tlfif.cli.main.__file__", str(tmp_path / "a" / "tlfif" / "cli" / "main.py"))
    with contextlib.suppress(SystemExit):
        main(argv)
    assert "usage: tlfif " in (out := capsys.readouterr().out) or "  tlfif ask" in out


def test_a_part_that_is_missing_is_installed_by_the_next_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stamp = tmp_path / "tlfif-runtime.stamp"
    stamp.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tlfif.cli.jobs", None)
    assert main(["jobs", "list"]) == 5
    assert "[parts_missing]" in capsys.readouterr().err
    assert not stamp.exists()


def test_a_status_is_rewritten_and_cleared_before_text() -> None:
    desk = FakeDesk(terminal=True)
    desk.console.status("long line")
    desk.console.status("short")
    desk.console.text("Hi")
    assert desk.said == "\rlong line\rshort    \r     \r"


EVIL = "a\x1b[2Jb\x9bc\u202ed\u2066e\x08f\rg"
"""Clears the screen, moves, goes back, and turns the order of letters around."""
HARMLESS = "a[2Jbcdefg"


@pytest.mark.requirement("1.6.3", "8.6.3")
def test_a_model_cannot_steer_the_terminal() -> None:
    out = Terminal()
    Console(out, FakeDesk().err).text(f"{EVIL}\tä\n")
    assert out.getvalue() == f"{HARMLESS}\tä\n"


def test_an_answer_and_json_go_to_a_program_as_they_are() -> None:
    desk = FakeDesk()
    desk.console.text(f"{EVIL}\n")
    desk.console.json(EVIL)
    answer, found = desk.out.getvalue().split("\n", 1)
    assert (answer, json.loads(found)) == (EVIL, EVIL)


def test_nothing_else_that_is_shown_steers_a_terminal() -> None:
    """Also in a file or a pipe, which may end in a terminal: names, titles, reasons, paths, faults."""
    desk = FakeDesk(terminal=True)
    desk.console.line(EVIL)
    desk.console.note(EVIL)
    desk.console.status(f"{EVIL}\nsecond line")
    desk.console.announce(EVIL)
    desk.console.text("x")
    desk.console.error(TlfifError(EVIL))
    desk.console.line(table(("NAME",), [(EVIL,)]))
    for shown in (desk.out.getvalue(), desk.said):
        assert HARMLESS in shown
        assert not {"\x1b", "\x9b", "\u202e", "\u2066", "\x08"} & set(shown)
    assert "second line" in desk.said
    assert desk.said.count("\r") == 3, "only the status line goes back to its beginning"


WIDE = "你好世界。これは長い文章です。"


@pytest.mark.parametrize(
    "text",
    [
        WIDE,
        "e\u0301" * 40,
        "שלום עולם " * 6,
        "👩\u200d👩\u200d👧 family " * 5,
        "🇩🇪" * 30,
        "नमस्ते दुनिया " * 6,
        "Donaudampfschiff" * 4,
    ],
)
def test_texts_of_every_script_are_cut_to_the_columns_that_they_take(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "31")
    desk = FakeDesk(terminal=True)
    desk.console.status(text)
    desk.console.status("")
    shown, spaces, _ = desk.said[1:].split("\r")
    assert 24 < wcwidth.wcswidth(shown.rstrip()) <= 30
    assert text.startswith(shown.rstrip())
    assert len(spaces) == wcwidth.wcswidth(shown), "all of it is wiped out"
    for line in table(("A", "B"), [("x", text), (WIDE[:4], "y")], width=30).splitlines():
        assert wcwidth.wcswidth(line) <= 30
        assert wcwidth.wcswidth(line[: line.rindex(line.split()[-1])]) >= 0


def test_columns_stand_below_each_other_in_every_script() -> None:
    head, wide, narrow = table(("NAME", "B"), [(WIDE[:4], "y"), ("e\u0301", "z")]).splitlines()
    assert {wcwidth.wcswidth(line[:-1]) for line in (head, wide, narrow)} == {10}


def test_a_paragraph_breaks_where_the_script_allows_it() -> None:
    lines = paragraph(f"See {WIDE * 3} and https://example.org/{'x' * 40}", width=40).splitlines()
    assert all(wcwidth.wcswidth(line) <= 40 for line in lines)
    assert "".join(lines).replace(" ", "").count(WIDE) == 3
    thai = "สวัสดีครับ" * 18
    assert all(wcwidth.wcswidth(line) <= 40 for line in paragraph(thai, width=40).splitlines())
    assert paragraph(f"naïve https://example.org/{'x' * 40}", width=40).splitlines()[1].endswith("x" * 40)


def test_a_closed_standard_error_ends_nothing() -> None:
    desk = FakeDesk()
    desk.err.close()
    desk.console.note("unheard")
