"""Starts llama.cpp in a child process."""

import asyncio
import contextlib
import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.engines.memory_kills import MemoryKills, count_memory_kills, why_killed
from tlfif.jobs.engine import EngineAddress, EngineProcess
from tlfif.kernel.errors import EngineGoneError

GONE_SECONDS = 0.5
_KILLED = -9
"""The exit status of a process that was killed by SIGKILL."""
CACHE_MIB = 256
"""Size of the prompt cache in memory, for continued conversations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """What the engine loads. ``context_tokens`` is per slot; ``threads`` None is one per core; ``mark``
    is added to the command line, so that the process can be found."""

    model_name: str
    model_path: str
    context_tokens: int
    slots: int
    log_path: Path
    threads: int | None = None
    mark: tuple[str, ...] = ()


class LlamaEngineProcess(EngineProcess):
    """Starts ``tlfif.entrypoints.engine``. The child ends when its pipe closes, so it cannot outlive this process."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._child: asyncio.subprocess.Process | None = None
        self._key = ""
        self._kills = MemoryKills()
        self._why_ended = ""

    async def spawn(self) -> None:
        """Start the child without waiting for it; :meth:`start` waits."""
        key = secrets.token_hex(24)
        config = {
            "model_name": self._spec.model_name,
            "model_path": self._spec.model_path,
            "context_tokens": self._spec.context_tokens,
            "slots": self._spec.slots,
            "threads": self._spec.threads,
            "cache_mib": CACHE_MIB,
            "api_key": key,
        }
        self._kills, self._why_ended = count_memory_kills(), ""
        with self._spec.log_path.open("wb") as log:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "tlfif.entrypoints.engine",
                *self._spec.mark,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        self._child, self._key = child, key
        # The key is sent through the pipe, because every user of the computer can read a command line.
        if child.stdin is not None:
            child.stdin.write(json.dumps(config).encode() + b"\n")

    async def start(self) -> EngineAddress:
        if self._child is None:
            await self.spawn()
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise EngineGoneError("The engine's process has no pipes.")
        try:
            await child.stdin.drain()
            line = await child.stdout.readline()
            return EngineAddress(base_url=json.loads(line)["base_url"], api_key=self._key, pid=child.pid)
        except (OSError, ValueError, KeyError) as error:
            why = await self.why_ended() or f"The engine ended before it was ready{self._last_log_line()}"
            await self.stop()
            raise EngineGoneError(why) from error

    def _last_log_line(self) -> str:
        with contextlib.suppress(OSError):
            lines = [line for line in self._spec.log_path.read_text(errors="replace").splitlines() if line.strip()]
            if lines:
                return f": {lines[-1].strip()[:300]}"
        return "."

    async def wait(self) -> int:
        if self._child is None:
            return 0
        return await self._child.wait()

    async def why_ended(self) -> str:
        """See the port. Known of a process that somebody killed; it has a moment to be gone, after its pipes are."""
        child = self._child
        if child is not None and not self._why_ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GONE_SECONDS):
                    await child.wait()
            if child.returncode == _KILLED:
                self._why_ended = why_killed(
                    self._kills,
                    count_memory_kills(),
                    model=self._spec.model_name,
                    weight_bytes=_size_of(self._spec.model_path),
                    slots=self._spec.slots,
                )
        return self._why_ended

    async def stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(2.0):
                await child.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _size_of(path: str) -> int:
    with contextlib.suppress(OSError):
        return Path(path).stat().st_size
    return 0
