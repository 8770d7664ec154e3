"""Sandboxes of the functions as the test sees them: each call has a new one, and each can be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).parents[2]
SEEN_SECONDS = 20.0
ONE_LOOK_SECONDS = 10.0
"""Time left to a call: too little for the router to look a second time."""


@dataclass(kw_only=True)
class Ended:
    """What became of a call's sandboxes."""

    results: list[Any] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    ahead: float = 0.0
    """Of the clock of the one that ended last: it has slept."""

    @property
    def killed(self) -> bool:
        """Whether one did not come to its end."""
        return -signal.SIGKILL in self.exits


class Sandboxes:
    """Runs in one process that never calls AWS itself; see ``sandbox_main.py``."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._living: SimpleQueue[int] = SimpleQueue()
        with log.open("ab") as stream:
            self._mother = subprocess.Popen(
                [sys.executable, "-m", "tests.aws.sandbox_main"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **environment},
            )

    def call(
        self, function: str, event: object, *, ahead: float, seconds: float = ONE_LOOK_SECONDS, copies: int = 1
    ) -> Ended:
        """Call ``function``, in ``copies`` sandboxes at once, whose clocks are ``ahead`` seconds ahead; ``seconds`` is
        the time that it has."""
        assert self._mother.stdin is not None
        self._living = SimpleQueue()
        order = {"function": function, "event": event, "seconds": seconds, "ahead": ahead, "copies": copies}
        self._mother.stdin.write(json.dumps(order).encode() + b"\n")
        self._mother.stdin.flush()
        ended = Ended(ahead=ahead)
        while len(ended.exits) < copies:
            line = self._read()
            assert "failed" not in line, line
            if "pid" in line:
                self._living.put(line["pid"])
            elif "exit" in line:
                ended.exits.append(line["exit"])
            else:
                ended.results.append(line["result"])
                ended.ahead = line["ahead"]
        assert set(ended.exits) <= {0, -signal.SIGKILL}, self.log.read_text()
        return ended

    def kill(self) -> None:
        """The sandbox that runs is no more: nothing of it is carried out after this."""
        os.kill(self._living.get(timeout=SEEN_SECONDS), signal.SIGKILL)

    def _read(self) -> dict[str, Any]:
        assert self._mother.stdout is not None
        line = self._mother.stdout.readline()
        assert line, self.log.read_text()
        return dict(json.loads(line))

    def close(self) -> None:
        """End the process. No sandbox outlives its call."""
        self._mother.kill()
        self._mother.wait(10)
        for stream in (self._mother.stdin, self._mother.stdout):
            if stream is not None:
                stream.close()
