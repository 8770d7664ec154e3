"""What a commit has for the disk of a machine on AWS (``images/``). A bundle holds none of it, but whoever pushes it
hears of it on this computer, and not from a machine that is paid for, that systemd or a shell cannot read it."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tlfif.adapters.local.images.program import Ended, failure, last_words, run_program
from tlfif.kernel.data_folder import child_environment
from tlfif.kernel.errors import ImageError

CHECK_SECONDS = 60.0
VERIFY = ("verify", "--man=no", "--recursive-errors=one")
"""Also what a unit asks for that is not there; nothing about the units of this computer."""
_PROGRAM = re.compile(r"^(Exec\w+=[-@:+!]*)/\S+", re.MULTILINE)


async def check_machine_files(folder: Path, *, scratch: Path, say: Callable[[str], None]) -> None:
    """Check pins, programs, scripts and units in ``folder``, where they are. ``scratch`` is a folder for it, made anew;
    what cannot be checked here is said. Raises ImageError ``image_build_failed``."""
    units = await asyncio.to_thread(_files, folder, "systemd/*")
    programs = await asyncio.to_thread(_files, folder, "provision/*", "bin/*")
    if not units and not programs:
        return
    say(f"checking what a machine on AWS has: {len(units)} units, {len(programs)} programs")
    await asyncio.to_thread(_check_pins, folder / "pins.json")
    for path in programs:
        if check := _check_of(path):
            done = await _run(*check, path)
            if not done.good:
                raise failure(f"images/{path.parent.name}/{path.name} cannot be read", done, inside=path.parent)
    if units:
        await _check_units(units, scratch, say)


def _files(folder: Path, *patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())


def _check_pins(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"images/pins.json cannot be read: {why}.", code="image_build_failed") from error


def _check_of(path: Path) -> tuple[str, ...]:
    """The command that reads a program without running it; none for what is neither Python's nor a shell's."""
    with path.open("rb") as file:
        first = file.readline()
    if b"python" in first:
        return sys.executable, "-I", "-c", "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read(), 'it')"
    shell = shutil.which("bash" if b"bash" in first else "sh")
    return (shell, "-n") if shell is not None and (path.suffix == ".sh" or first.rstrip().endswith(b"sh")) else ()


async def _check_units(units: list[Path], scratch: Path, say: Callable[[str], None]) -> None:
    """By systemd's own check. The programs that a machine has and this computer has not are stood in for."""
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        say("the units are not checked: systemd is not installed here")
        return
    await asyncio.to_thread(_write, units, scratch)
    done = await _run(systemd, *VERIFY, *(scratch / unit.name for unit in units))
    ours = tuple(line for line in done.said if any(unit.name in line for unit in units))
    if ours:
        raise failure("A unit of the machine is refused by systemd", replace(done, said=ours), inside=scratch)
    if not done.good:
        say(f"the units are not checked: {last_words(done.said)}")


def _write(units: list[Path], scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)  # of a server that was killed
    scratch.mkdir()
    for unit in units:
        text = _PROGRAM.sub(r"\1/bin/sh", unit.read_text(encoding="utf-8", errors="replace"))
        (scratch / unit.name).write_text(text, encoding="utf-8")


async def _run(*command: str | Path) -> Ended:
    return await run_program(*command, limit_seconds=CHECK_SECONDS, environment=child_environment(LC_ALL="C"))
