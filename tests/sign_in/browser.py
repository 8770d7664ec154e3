"""A real browser without a screen, and somebody who sits before it: Chromium over its DevTools pipe."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.waiting import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # tests run as root, too; the only pages it sees are the test's own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # it never leaves loopback
    "--remote-debugging-pipe",
)
LAUNCHER = """
import os, sys
spare = [os.dup(int(number)) for number in (*sys.argv[1:3], *sys.argv[1:3])][2:]  # neither is 3 or 4
os.dup2(spare[0], 3)
os.dup2(spare[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from descriptor 3 and writes events to descriptor 4."""


def find_browser() -> str | None:
    """Where it is on this computer."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page. Every wait ends after ``PATIENCE`` seconds with the text of the page as the reason."""

    def __init__(self, program: str, folder: Path) -> None:
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        command = [sys.executable, "-S", "-c", LAUNCHER, str(to_browser), str(from_browser), program, *FLAGS]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={folder / 'browser'}", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._rest = b""
        self._loads = 0
        self._session: str | None = None

    def __enter__(self) -> Self:
        """Open the page."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        with contextlib.suppress(OSError, AssertionError):
            self._session = None
            self._call("Browser.close")
        os.close(self._to)
        os.close(self._from)
        try:
            self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def visit(self, url: str) -> None:
        """Go there."""
        self._until_loaded(lambda: self._call("Page.navigate", url=url))

    def click(self, selector: str) -> None:
        """Press it, and wait for the page that it leads to."""
        self._until_loaded(lambda: self.run(f"document.querySelector({json.dumps(selector)}).click()"))

    def type(self, name: str, text: str) -> None:
        """Write into the field of that name."""
        self.run(f"document.querySelector('[name={name}]').focus()")
        self._call("Input.insertText", text=text)

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return str(self.run("document.body.innerText"))

    @property
    def url(self) -> str:
        """Where it is."""
        return str(self.run("location.href"))

    def run(self, script: str) -> object:
        """The value of an expression in the page."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, f"{script}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def _until_loaded(self, act: Any) -> None:
        before = self._loads
        act()
        while self._loads == before:
            self._event(time.monotonic() + PATIENCE)

    def _call(self, method: str, **params: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self._event(deadline)
            if found.get("id") == self._number:
                assert "error" not in found, f"{method}: {found['error']}"
                return dict(found["result"])

    def _event(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._from, 65536)
            assert piece, "the browser has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        if found.get("method") == "Page.loadEventFired":
            self._loads += 1
        return found
