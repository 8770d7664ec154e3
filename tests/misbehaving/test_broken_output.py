"""Who reads a command's output may leave, or its disk may be full: never a traceback, always an exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tlfif
from tlfif import __version__

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here that is always full")
COMMANDS = ("--version", "--help", "help", "ask --help", "jobs list --help", "serve --status", "serve --status --json")
CLOSED, FAILED = 141, 5


def shell(line: str, home: Path) -> "subprocess.CompletedProcess[bytes]":
    """Run a line of a shell in which $T is the program."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TLFIF_")} | {
        "TLFIF_HOME": str(home),
        "PYTHONPATH": str(Path(tlfif.__file__).parents[1]),
        "DISPLAY": "",
        "PYTHONIOENCODING": "ascii:strict",  # a terminal that cannot print “…”
    }
    line = line.replace("$T", f"'{sys.executable}' -P -m tlfif")
    return subprocess.run(
        ["/bin/sh", "-c", line], env=environment, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_a_reader_that_has_left_is_no_fault(command: str, home: Path) -> None:
    done = shell(f"($T {command}; echo $? >&2) | :", home)  # ":" reads nothing and ends at once
    code = int(done.stderr)
    assert code in {CLOSED, 0, *([FAILED] if "status" in command else [])}, "0: the pipe took it before it was closed"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("stream", [">/dev/full", ">&-"])
def test_output_without_room_or_without_a_stream_is_told(command: str, stream: str, home: Path) -> None:
    done = shell(f"$T {command} {stream}", home)
    assert done.returncode == FAILED
    assert done.stderr.startswith(b"tlfif: The output cannot be written: ")
    assert done.stderr.endswith(b". [output_failed]\n")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("stream", ["2>/dev/full", "2>&-", "2>&- <&-", ">&- 2>&- <&-"])
def test_a_fault_that_nobody_can_read_keeps_its_exit_code(stream: str, home: Path) -> None:
    done = shell(f"$T aks {stream}", home)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


@pytest.mark.parametrize("stream", ["2>/dev/full", "2>&-"])
def test_a_result_does_not_need_standard_error(stream: str, home: Path) -> None:
    done = shell(f"$T --version {stream}", home)
    assert (done.returncode, done.stdout) == (0, f"tlfif {__version__}\n".encode())


def test_a_closed_standard_input_is_an_empty_one(home: Path) -> None:
    done = shell("$T ask - <&-", home)
    assert (done.returncode, b"[prompt_empty]" in done.stderr) == (2, True)


def test_every_letter_can_be_printed_whatever_the_terminal_says_of_itself(home: Path) -> None:
    done = shell("$T chat --help", home)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "·".encode() in done.stdout


def test_a_pipe_that_its_other_end_made_impatient_is_waited_for(home: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    environment = {**os.environ, "PYTHONPATH": str(Path(tlfif.__file__).parents[1])}
    code = "from tlfif.cli.output.console import real_console; real_console().line('x' * 300_000)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, env=environment)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert len(pipe.read()) == 300_001
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
