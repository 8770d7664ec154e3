"""A real provider and a real browser, or a reason why not."""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sign_in.browser import Browser, find_browser

PROVIDER = Path(__file__).parent / "provider"
NO_BROWSER = "Signing in is tested with Chromium: install it (Debian: apt-get install chromium)."
NO_NODE = "Signing in is tested against a provider in Node.js: install Node.js 20 or later with npm."
NO_PROVIDER = f"The provider is not installed: run ./tlfif test once, or `npm ci` in {PROVIDER}."


def give_up(reason: str) -> None:
    """A skip at a desk, a failure in CI."""
    if os.environ.get("CI") == "true" or os.environ.get("TLFIF_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class RunningProvider:
    """The provider in a process of its own."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def seen(self) -> list[str]:
        """What its token door did, in order."""
        with urllib.request.urlopen(f"{self.url}/test/seen", timeout=10) as answer:
            return list(json.loads(answer.read()))


@pytest.fixture
def provider(redirects: list[str]) -> Iterator[RunningProvider]:
    """Knows one client, with these redirect addresses. Ends with its standard input."""
    node = shutil.which("node")
    if node is None:
        give_up(NO_NODE)
    if not (PROVIDER / "node_modules" / "oidc-provider").is_dir():
        give_up(NO_PROVIDER)
    command = [str(node), str(PROVIDER / "provider.mjs"), *redirects]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield RunningProvider(int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """One page, and a profile that nobody used before."""
    program = find_browser()
    if program is None:
        give_up(NO_BROWSER)
    with Browser(str(program), tmp_path) as found:
        yield found
