"""Each client in an environment of its own, kept for the next run."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.clients.clients import PROGRAMS, Client

SECONDS = 300
IN_CI = os.environ.get("CI") == "true" or bool(os.environ.get("TLFIF_CI"))


def folder() -> Path:
    """Where the environments are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tlfif-clients"


def command_of(client: Client) -> list[str]:
    """Install the client where it is not, and say how its program is started. Where its registry cannot be reached: a
    skip, or in CI a failure. Another test may install it at the same time."""
    name = hashlib.sha256("\0".join(client.packages).encode()).hexdigest()[:16]
    home = folder() / name
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home.with_name(f"{name}.lock")):
            return _node(client, home) if client.is_node else _python(client, home)
    except subprocess.SubprocessError as error:
        if IN_CI:
            raise
        pytest.skip(f"{client.packages[0]} cannot be installed: {error}")


def _node(client: Client, home: Path) -> list[str]:
    if not (home / "node_modules").exists():
        _install(home, [["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *client.packages]])
    # Node looks for packages beside the program.
    for program in PROGRAMS.glob("*.mjs"):
        shutil.copyfile(program, home / program.name)
    return ["node", str(home / client.program)]


def _python(client: Client, home: Path) -> list[str]:
    python = home / "bin" / "python"
    if not python.exists():
        uv = [sys.executable, "-m", "uv"]
        _install(
            home,
            [[*uv, "venv", "--clear", "-q", "."], [*uv, "pip", "install", "-q", "--python", ".", *client.packages]],
        )
    return [str(python), str(PROGRAMS / client.program)]


def _install(home: Path, commands: list[list[str]]) -> None:
    """All of it or nothing: the folder gets its name at the end."""
    making = home.with_name(home.name + ".new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    for command in commands:
        subprocess.run(command, cwd=making, check=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    making.rename(home)
