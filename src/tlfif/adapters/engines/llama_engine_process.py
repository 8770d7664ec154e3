"""Starts llama.cpp in a child process."""

import asyncio
import contextlib
import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from tlfif.jobs.engine import EngineAddress, EngineProcess
from tlfif.kernel.data_folder import open_private
from tlfif.kernel.errors import EngineGoneError

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
        with open_private(self._spec.log_path) as log:
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
            await self.stop()
            raise EngineGoneError(f"The engine ended before it was ready{self._last_log_line()}") from error

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
