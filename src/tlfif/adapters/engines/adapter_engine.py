"""llama.cpp with adapters on top of its base: each is loaded when it is first asked for, and stays."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tlfif.adapters.engines.adapter_turns import AdapterTurns
from tlfif.adapters.engines.llama_engine_process import LlamaEngineProcess
from tlfif.adapters.engines.null_adapter import null_adapter
from tlfif.adapters.local.models.adapter_folder import adapter_path
from tlfif.adapters.local.models.file_stamp import sha256_of
from tlfif.jobs.engine import Chunk, Engine, EngineAddress, EngineProcess
from tlfif.jobs.request import GenerationRequest
from tlfif.kernel.data_folder import open_private
from tlfif.kernel.errors import EngineGoneError, EngineRejectedError, ModelUnusableError
from tlfif.models.personal_model import SHA256

log = logging.getLogger(__name__)

MOST_LOADED = 8
"""Adapters in the engine at once; beyond that the one that was asked longest ago goes."""

Connect = Callable[[EngineAddress, Mapping[str, int]], Awaitable[Engine]]
"""Makes an engine for an address; with :meth:`AdapterProcess.numbers`."""


class AdapterProcess(EngineProcess):
    """llama.cpp's process, which starts anew when another adapter is wanted: it takes adapters at its start only. The
    base's file stays in memory meanwhile. ``loaded``: sha256 of the adapters that it has. ``starts``: how often it was
    started."""

    def __init__(self, process: LlamaEngineProcess, folder: Path) -> None:
        self.loaded: tuple[str, ...] = ()
        self.starts = 0
        self._process = process
        self._folder = folder
        self._starting = asyncio.Lock()

    async def start(self) -> EngineAddress:
        """See the port. After a failure without adapters, which may be why: each is loaded again when it is asked."""
        async with self._starting:
            if self.starts:
                await self._process.stop()  # a request may have started it meanwhile
                self._process.adapters = self.loaded = ()
            self.starts += 1
            return await self._process.start()

    async def start_with(self, adapters: tuple[str, ...], *, seen: int) -> EngineAddress:
        """End the process and start it with these adapters. Nothing may be under way in it.

        Raises as :meth:`start`, and EngineGoneError where it was started since ``seen`` was :attr:`starts`: then it is
        another's."""
        async with self._starting:
            if seen != self.starts:
                raise EngineGoneError("The engine was started anew while the prompt waited for its turn.")
            files = [await asyncio.to_thread(self._null)] if adapters else []
            self.starts += 1
            await self._process.stop()
            self._process.adapters = (*files, *(adapter_path(self._folder, each) for each in adapters))
            self.loaded = adapters
            return await self._process.start()

    def numbers(self) -> dict[str, int]:
        """llama.cpp's number of each adapter that it was started with, by sha256; of the null adapter by an empty
        text."""
        return {adapter: number for number, adapter in enumerate(("", *self.loaded))} if self.loaded else {}

    async def wait(self) -> int:
        while True:
            starts = self.starts
            status = await self._process.wait()
            async with self._starting:
                if starts == self.starts:
                    return status

    async def why_ended(self) -> str:
        return await self._process.why_ended()

    async def stop(self) -> None:
        await self._process.stop()

    def _null(self) -> Path:
        path = self._folder / "null.gguf"
        with open_private(path) as file:
            file.write(null_adapter(Path(self._process.model_path)))
        return path

    async def check(self, adapter: str) -> None:
        """Whether the adapter's file is here and is the one with this sha256. Raises EngineRejectedError
        ``adapter_absent``, ``adapter_corrupt``."""
        path = adapter_path(self._folder, adapter)
        try:
            if not SHA256.fullmatch(adapter):
                raise FileNotFoundError
            digest = await asyncio.to_thread(sha256_of, path, stop=threading.Event())
        except OSError as error:
            raise EngineRejectedError("The personal model's adapter is gone.", code="adapter_absent") from error
        if digest != adapter:
            raise EngineRejectedError(
                "The personal model's adapter was changed since it was registered, and is not used.",
                code="adapter_corrupt",
            )


class AdapterEngine(Engine):
    """Asks the engine of an :class:`AdapterProcess`, for one adapter at a time."""

    def __init__(self, process: AdapterProcess, connect: Connect, engine: Engine) -> None:
        """``engine`` is connected to the process as it is now."""
        self._process = process
        self._connect = connect
        self._engine = engine
        self._seen = process.starts
        self._turns = AdapterTurns()
        self._loading: asyncio.Task[None] | None = None
        self._used: list[str] = list(process.loaded)
        """The one that was asked longest ago first."""

    @asynccontextmanager
    async def turn(self, request: GenerationRequest) -> AsyncGenerator[None]:
        async with self._turns.turn(request.adapter):
            await self._load_if_absent(request.adapter)
            yield

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See the port. Within the request's turn, or for the base while nothing else is asked."""
        return self._engine.generate(request)

    async def close(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
        await self._engine.close()

    async def _load_if_absent(self, adapter: str) -> None:
        """Only requests for that adapter can be here."""
        while self._loading is not None and not self._loading.done():
            # Of this adapter, or of one whose request was cancelled. Its failure is its own request's.
            await asyncio.wait({self._loading})
        if adapter and adapter not in self._process.loaded:
            self._loading = asyncio.create_task(self._load(adapter))
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())  # perhaps nobody waits
            await asyncio.shield(self._loading)
        if adapter:
            self._used = [each for each in self._used if each != adapter] + [adapter]

    async def _load(self, adapter: str) -> None:
        await self._process.check(adapter)
        before = self._process.loaded
        kept = [each for each in self._used if each in before][1 - MOST_LOADED :]
        try:
            await self._start_with((*kept, adapter))
        except ModelUnusableError as error:
            log.warning("engine: an adapter cannot be loaded: %s", error.message)
            await self._start_with(before)
            raise EngineRejectedError(
                "The engine cannot load the personal model's adapter. Convert it again with llama.cpp's "
                "convert_lora_to_gguf.py, and register it under another name.",
                code="adapter_unusable",
            ) from error

    async def _start_with(self, adapters: tuple[str, ...]) -> None:
        try:
            address = await self._process.start_with(adapters, seen=self._seen)
        except ModelUnusableError:
            self._seen = self._process.starts
            raise
        self._seen = self._process.starts
        old, self._engine = self._engine, await self._connect(address, self._process.numbers())
        await old.close()
