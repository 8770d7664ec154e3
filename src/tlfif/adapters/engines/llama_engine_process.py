"""Starts llama.cpp in a child process."""

import asyncio
import contextlib
import glob
import json
import secrets
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.engines.engine_log import logged_reason
from tlfif.adapters.engines.llama_batch import BATCH_TOKENS
from tlfif.adapters.engines.memory_kills import MemoryKills, count_memory_kills, why_killed
from tlfif.jobs.engine import EngineAddress, EngineProcess
from tlfif.kernel.data_folder import open_private
from tlfif.kernel.errors import EngineError, EngineGoneError, ModelUnusableError
from tlfif.kernel.plain_text import one_line

GONE_SECONDS = 0.5
_KILLED = -9
"""The exit status of a process that was killed by SIGKILL."""
CACHE_MIB = 256
"""Size of the prompt cache in memory, for continued conversations."""
SPARE_BYTES = 4 << 30
"""What an engine may allocate beside two copies of the weights (llama.cpp rearranges some kinds): the caches of an 8B
model take about 1.5 GiB, the stacks of its threads 8 MiB each. Without a limit a hostile chat template takes all the
memory there is."""

_ENDED_BY_OTHERS = frozenset({signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """What the engine loads. ``context_tokens`` is per slot; ``threads`` None is one per core; ``mark``
    is added to the command line, so that the process can be found. ``load_seconds``: after which a model that is still
    being loaded counts as unusable."""

    model_name: str
    model_path: str
    context_tokens: int
    slots: int
    log_path: Path
    threads: int | None = None
    load_seconds: float = 144.0
    spare_bytes: int = SPARE_BYTES
    mark: tuple[str, ...] = ()


class LlamaEngineProcess(EngineProcess):
    """Starts ``tlfif.entrypoints.engine``. The child ends when its pipe closes, so it cannot outlive this process."""

    def __init__(self, spec: EngineSpec) -> None:
        self.adapters: tuple[Path, ...] = ()
        """What the next start loads beside the model, to be asked for by their numbers."""
        self._spec = spec
        self._child: asyncio.subprocess.Process | None = None
        self._key = ""
        self._kills = MemoryKills()
        self._why_ended = ""

    @property
    def model_path(self) -> str:
        """The model's file."""
        return self._spec.model_path

    async def spawn(self) -> None:
        """Start the child without waiting for it; :meth:`start` waits."""
        key = secrets.token_hex(24)
        config = {
            "model_name": self._spec.model_name,
            "model_path": self._spec.model_path,
            "context_tokens": self._spec.context_tokens,
            "slots": self._spec.slots,
            "threads": self._spec.threads,
            "batch_tokens": BATCH_TOKENS,
            "cache_mib": CACHE_MIB,
            "adapters": [str(path) for path in self.adapters],
            "memory_bytes": self._spec.spare_bytes
            + 2 * _weight_bytes(self._spec.model_path)
            + 2 * sum(_weight_bytes(str(path)) for path in self.adapters),
            "api_key": key,
        }
        self._kills, self._why_ended = count_memory_kills(), ""
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
            with contextlib.suppress(ConnectionError):  # it may have failed already, and said so
                await child.stdin.drain()
            async with asyncio.timeout(self._spec.load_seconds):
                line = await child.stdout.readline()
            return EngineAddress(base_url=json.loads(line)["base_url"], api_key=self._key, pid=child.pid)
        except TimeoutError as error:
            child.kill()  # it does not hear that its pipe is closed
            await self.stop()
            raise self._unusable(
                f"after {self._spec.load_seconds:.0f} s the engine was still loading it. It is too large for this "
                "computer, or its chat template never ends"
            ) from error
        except (OSError, ValueError, KeyError) as error:
            why = await self.why_ended()
            await self.stop()
            status = child.returncode or 0
            if why and not _crash(status):
                raise EngineGoneError(why) from error
            raise self._why_not_loaded(error, status) from error

    def _why_not_loaded(self, error: Exception, status: int) -> EngineError:
        """An engine that refused the model, or crashed over it, would do so again."""
        reason = self._logged_reason()
        if isinstance(error, KeyError):
            return self._unusable(reason or "the engine gives no reason")
        if crash := _crash(status):
            return self._unusable(f"the engine crashed over it ({crash})")
        return EngineGoneError(f"The engine ended before it was ready{': ' + reason if reason else '.'}")

    def _unusable(self, reason: str) -> ModelUnusableError:
        return ModelUnusableError(
            f"The model file {one_line(self._spec.model_path)} cannot be used: {reason}. Choose another model, or "
            "fetch the file again."
        )

    def _logged_reason(self) -> str:
        try:
            return logged_reason(self._spec.log_path.read_text(errors="replace").splitlines())
        except OSError:
            return ""

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
                    weight_bytes=_weight_bytes(self._spec.model_path),
                    slots=self._spec.slots,
                )
            elif child.returncode is not None and (crash := _crash(child.returncode)):
                self._why_ended = f"The engine crashed over the model or the prompt ({crash})."
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


def _crash(status: int) -> str:
    """The name of the signal of a process that ended by a fault of its own; empty for any other end."""
    return signal.Signals(-status).name if status < 0 and -status not in _ENDED_BY_OTHERS else ""


def _weight_bytes(model_path: str) -> int:
    """Size of the model's file, with the other parts of a split one; 0 where there is none."""
    path = Path(model_path)
    first, split, _ = path.name.partition("-00001-of-")
    with contextlib.suppress(OSError):
        parts = path.parent.glob(f"{glob.escape(first)}-*-of-*.gguf") if split else [path]
        return sum(part.stat().st_size for part in parts)
    return 0
