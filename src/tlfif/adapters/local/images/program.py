"""Runs the programs that fetch and build: without a terminal, within a time limit, and gone with all their children."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlfif.kernel.errors import ImageError
from tlfif.kernel.plain_text import clean

MOST_LINES = 40
"""Of what a program says, the last ones."""
MOST_LETTERS = 400
"""Of a line."""
SHOWN_LINES = 3
_FRAME = re.compile(r'\s+File "(.+)", line (\d+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended. ``status`` None: it took too long and was ended. ``said`` are the last lines of its error
    output, ``answer`` is its standard output."""

    status: int | None
    answer: str
    said: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether it did what it was asked to."""
        return self.status == 0


async def run_program(
    *command: str | Path, limit_seconds: float, environment: dict[str, str], folder: Path | None = None
) -> Ended:
    """Run ``command`` to its end. Cancelled, it ends the program first. Raises OSError where it cannot be started."""
    child = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=folder,
        # A session of its own: it has no terminal to ask for a password at, and its children are ended with it.
        start_new_session=sys.platform != "win32",
    )
    try:
        async with asyncio.timeout(limit_seconds):
            answer, said = await child.communicate()
        status = child.returncode
    except TimeoutError:
        answer, said, status = b"", f"not done within {limit_seconds:.0f} s".encode(), None
    finally:
        if child.returncode is None:
            _kill(child)
            await child.wait()
    return Ended(status=status, answer=answer.decode(errors="replace"), said=last_lines(said))


def _kill(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            child.kill()
        else:
            os.killpg(child.pid, signal.SIGKILL)


def last_lines(said: bytes) -> tuple[str, ...]:
    """The last lines of what a program wrote, harmless to show."""
    lines = [clean(line).rstrip() for line in said.decode(errors="replace").splitlines()]
    return tuple(line[:MOST_LETTERS] for line in lines if line)[-MOST_LINES:]


def last_words(said: Sequence[str]) -> str:
    """What a program's last lines come to, on one line; empty where it said nothing. What is indented belongs to a line
    before it, as the frames of a traceback do: of these an owner hears only which line of the commit was the last."""
    lines = [line for line in said if line.strip(" ^~") and not line.startswith("Traceback (")]
    plain = [line for line in lines if not line[0].isspace()] or lines
    places = [found for line in lines if (found := _FRAME.match(line)) and not Path(found[1]).is_absolute()]
    where = f" ({places[-1][1]}, line {places[-1][2]})" if places else ""
    return " | ".join(line.strip() for line in plain[-SHOWN_LINES:]).rstrip(".") + where


def failure(what: str, ended: Ended, *, inside: Path, code: str = "image_build_failed") -> ImageError:
    """The error for a program that failed, with its last words; the place ``inside`` which it worked says nothing to
    the owner."""
    lines = [line.replace(f"{inside}{os.sep}", "") for line in ended.said]
    return ImageError(f"{what}: {last_words(lines) or f'status {ended.status}'}.", code=code, details={"lines": lines})
