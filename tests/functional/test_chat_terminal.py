"""A conversation at a real terminal: what is pasted, typed ahead, recalled and interrupted."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")
ROOT = Path(__file__).resolve().parents[2]
WHERE = b"\x1b[6n"  # what a program asks a terminal for: where the cursor is
PROMPT = ">"
UP, PASTE, PASTE_END = "\x1b[A", "\x1b[200~", "\x1b[201~"


class TerminalOf:
    """A program in a terminal, which a test types into and reads from."""

    def __init__(self, *argv: str) -> None:
        import pty
        import termios

        self.master, inner = pty.openpty()
        termios.tcsetwinsize(inner, (24, 80))
        self.inner = os.dup(inner)  # kept, to look at the terminal's state
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TLFIF_")} | {
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "TERM": "xterm-256color",
        }
        self.process = subprocess.Popen(
            [sys.executable, *argv],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment,
            cwd=ROOT,
            preexec_fn=lambda: os.login_tty(inner),
        )
        os.close(inner)
        self.shown = ""
        self._raw = b""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read_until(self, sign: str, *, times: int = 1) -> str:
        """Read until ``sign`` has been shown so often since the last call; returns what was shown, without colours."""
        deadline = time.monotonic() + PATIENCE
        while self.shown.count(sign) < times:
            left = deadline - time.monotonic()
            assert left > 0, f"{sign!r} was not shown {times} times: {self.shown!r}"
            self._take(left)
        shown, self.shown = self.shown, ""
        return shown

    def end(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self.shown!r}"
            self._take(0.02)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.inner)

    def echoes(self) -> bool:
        import termios

        return bool(termios.tcgetattr(self.inner)[3] & termios.ECHO)

    def _take(self, seconds: float) -> None:
        if not select.select([self.master], [], [], seconds)[0]:
            return
        self._raw += os.read(self.master, 65536)
        for _ in range(self._raw.count(WHERE)):
            self.type("\x1b[1;1R")
        self._raw = self._raw.replace(WHERE, b"")
        text = self._raw.decode("utf-8", "ignore")
        self._raw = b""
        self.shown += re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", text)


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[TerminalOf]:
    terminal = TerminalOf("-m", "tests.fakes.chat_main", str(tmp_path / "go"), str(tmp_path / "asked"))
    yield terminal
    terminal.close()


def asked(tmp_path: Path) -> list[str]:
    return [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]


def test_a_pasted_text_of_many_lines_is_one_prompt(chat: TerminalOf, tmp_path: Path) -> None:
    text = "Mend this:\r\n\r\n    def f():\r\n        return 1\r\n/usr/bin/python: it fails"
    chat.read_until(PROMPT)
    chat.type(f"{PASTE}{text}{PASTE_END}")
    chat.read_until("it fails")
    assert not (tmp_path / "asked").exists(), "a pasted line end sends nothing"
    chat.type("\r")
    chat.read_until("second of")
    chat.read_until(PROMPT)
    chat.type("/quit\r")
    assert chat.end() == 0
    assert asked(tmp_path) == [text.replace("\r\n", "\n")]
    assert chat.echoes()


def test_a_long_pasted_text_arrives_whole(chat: TerminalOf, tmp_path: Path) -> None:
    """A terminal's own line buffer takes 4,095 bytes and drops the rest."""
    text = "word " * 1000 + "你好"
    chat.read_until(PROMPT)
    os.set_blocking(chat.master, True)
    chat.type(f"{PASTE}{text}{PASTE_END}\r")
    chat.read_until("second of")
    assert asked(tmp_path) == [text]


def test_an_earlier_question_comes_back_and_can_be_changed(chat: TerminalOf, tmp_path: Path) -> None:
    chat.read_until(PROMPT)
    chat.type("Who is Ann\r")
    chat.read_until("second of")
    chat.read_until(PROMPT)
    chat.type(f"{UP}?\r")
    chat.read_until("second of")
    chat.read_until(PROMPT)
    chat.type("\x04")
    assert chat.end() == 0
    assert asked(tmp_path) == ["Who is Ann", "Who is Ann?"]


def test_what_is_typed_ahead_waits_for_the_next_question(chat: TerminalOf, tmp_path: Path) -> None:
    chat.read_until(PROMPT)
    chat.type("wait\r")
    chat.read_until("The first half")
    chat.type(f"ahead{PASTE}two\rlines{PASTE_END}")
    (tmp_path / "go").touch()
    shown = chat.read_until("lines")
    assert "ahead" not in shown[: shown.index("and the second of 4.")]
    assert shown.index("and the second of 4.") < shown.index(PROMPT) < shown.index("ahead")
    assert asked(tmp_path) == ["wait"], "pasted line ends send nothing here either"
    chat.type("!\r")
    chat.read_until("second of")
    assert asked(tmp_path) == ["wait", "aheadtwo\nlines!"]


def test_ctrl_c_cancels_the_answer_and_at_the_prompt_it_leaves(chat: TerminalOf, tmp_path: Path) -> None:
    chat.read_until(PROMPT)
    chat.type("wait\r")
    chat.read_until("The first half")
    chat.type("\x03")
    chat.read_until("You cancelled this answer.")
    chat.read_until(PROMPT)
    chat.type("\x03")
    assert chat.end() == 0
    assert chat.echoes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_terminal_is_given_back_by_a_second_request_to_end(
    chat: TerminalOf, tmp_path: Path, number: signal.Signals
) -> None:
    chat.read_until(PROMPT)
    chat.type("stay\r")
    chat.read_until("The first half")
    assert not chat.echoes()
    chat.process.send_signal(number)
    await wait_until(lambda: "cancelled" in asked(tmp_path), "the first one cancels the answer")
    chat.process.send_signal(number)
    assert chat.end() == 130
    assert chat.echoes()


def test_what_is_typed_between_answer_and_prompt_is_kept_too(chat: TerminalOf, tmp_path: Path) -> None:
    """The end of the talk as well, which a terminal in its usual state would swallow."""
    chat.read_until(PROMPT)
    chat.type("Hi\r")
    chat.read_until("second of")
    chat.type("\x04")
    assert chat.end() == 0


@pytest.mark.parametrize("where", [{"process_group": 0}, {"stdout": subprocess.PIPE}])
def test_a_command_in_the_background_or_in_a_pipe_leaves_the_terminal_alone(
    where: dict[str, int], tmp_path: Path
) -> None:
    """The system would stop the one, and the other's terminal belongs to whoever reads the pipe."""
    code = (
        "import sys, time; from tlfif.cli.keyboard import HeldKeys\n"
        "with HeldKeys() as keys: sys.stdin.readline(); keys.mark_pastes()"
    )
    if "process_group" in where:
        code = code.replace("sys.stdin.readline()", "time.sleep(0)")  # reading would stop it, too
    start = f"subprocess.run([sys.executable, '-c', {code!r}], timeout=30, **{where!r})"
    terminal = TerminalOf("-c", f"import subprocess, sys; sys.exit({start}.returncode)")
    try:
        terminal.type("x\r")
        assert terminal.end() == 0
        assert terminal.echoes()
    finally:
        terminal.close()
