"""The systemd units of the machine image, read as far as tests need them."""

import os
import shlex
import shutil
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"
SYSTEMD = IMAGES / "systemd"
UNITS = sorted(path for path in SYSTEMD.iterdir() if path.suffix in {".service", ".timer"})


def need_systemd() -> None:
    """A skip where systemd's own check is not installed; in CI it is."""
    if shutil.which("systemd-analyze") is None:
        assert not os.environ.get("CI"), "systemd-analyze is missing: install Debian's package systemd"
        pytest.skip("systemd-analyze is not installed here (Debian's package systemd)")


def settings(name: str) -> dict[str, list[str]]:
    """Every setting of a unit as ``Section.Name``, with its values in their order."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (SYSTEMD / name).read_text().replace("\\\n", " ").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found.setdefault(f"{section}.{key}", []).append(value)
    return found


def command_of(name: str) -> list[str]:
    """The words of a service's one ExecStart."""
    (line,) = settings(name)["Service.ExecStart"]
    return shlex.split(line)


def flags_of(name: str, *, after: int) -> dict[str, str | None]:
    """The flags of a service's command behind its first ``after`` words, and their values, None for a switch."""
    found: dict[str, str | None] = {}
    flag = ""
    for word in command_of(name)[after:]:
        if word.startswith("--"):
            found[flag := word] = None
        else:
            found[flag] = f"{found[flag]} {word}" if found[flag] else word
    return found


def flags_of_engine() -> dict[str, str | None]:
    """vLLM's."""
    return flags_of("tlfif-engine.service", after=3)
