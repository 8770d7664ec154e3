"""What a personal model costs on this computer: ``python -m bench.adapters``.

One real llama.cpp with the small model, asked through the worker's own engine. The adapters have 9 MB each.
"""

import asyncio
import hashlib
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

from tests.functional.gguf_writer import small_lora
from tlfif.adapters.engines.adapter_engine import AdapterEngine, AdapterProcess
from tlfif.adapters.engines.fitted_engine import llama_engine
from tlfif.adapters.engines.llama_engine_process import EngineSpec, LlamaEngineProcess
from tlfif.adapters.local.models.adapter_folder import adapter_path
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.jobs.engine import Engine, EngineAddress
from tlfif.jobs.request import GenerationRequest, Message, Sampling
from tlfif.models.catalogue import SMOLLM2, WheelSource

CONTEXT, TOKENS, ROUNDS = 1024, 32, 5


def asking(number: int, adapter: str = "") -> GenerationRequest:
    """A prompt whose beginning differs each time, so that no cache answers for the engine."""
    return GenerationRequest(
        model="smollm2",
        messages=(Message(role="user", content=f"{number:04d}: Tell me about the sea."),),
        max_tokens=TOKENS,
        sampling=Sampling(temperature=0.0),
        adapter=adapter,
    )


async def timed(engine: Engine, request: GenerationRequest) -> tuple[float, float]:
    """Seconds to the first word, and milliseconds a token after it."""
    begun, first, pieces = time.perf_counter(), 0.0, 0
    async with engine.turn(request), aclosing(engine.generate(request)) as chunks:
        async for chunk in chunks:
            first = first or time.perf_counter() - begun
            pieces += bool(chunk)
    return first, (time.perf_counter() - begun - first) / max(1, pieces - 1) * 1000


def say(what: str, figures: tuple[float, float]) -> None:
    """One line of the report."""
    print(f"{what}: first word after {figures[0]:.3f} s, {figures[1]:.1f} ms a token")


async def several(engine: Engine, adapter: str, number: int) -> tuple[float, float]:
    """The medians of some answers."""
    found = [await timed(engine, asking(number + each, adapter)) for each in range(ROUNDS)]
    return statistics.median(first for first, _ in found), statistics.median(pace for _, pace in found)


def kept(folder: Path, seed: int) -> str:
    """An adapter of 9 MB where registered ones are; its sha256."""
    file = small_lora(seed=seed, rank=64, layers=30, strength=0.02).write(folder / "new.gguf")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.rename(adapter_path(folder, digest))
    return digest


async def measure(folder: Path) -> None:
    """Print the figures."""
    assert isinstance(SMOLLM2.source, WheelSource)
    spec = EngineSpec(
        model_name="smollm2",
        model_path=str(ModelWheel(pip_command=()).installed(SMOLLM2.source)),
        context_tokens=CONTEXT,
        slots=2,
        log_path=folder / "engine.log",
    )
    process = AdapterProcess(LlamaEngineProcess(spec), folder)
    adapters = [kept(folder, seed) for seed in range(3)]

    async def connect(address: EngineAddress, numbers: Mapping[str, int]) -> Engine:
        return llama_engine(address, context_tokens=CONTEXT, adapters=numbers)

    engine = AdapterEngine(process, connect, await connect(await process.start(), {}))
    try:
        await timed(engine, asking(0))
        say("base, no adapter loaded", await several(engine, "", 100))
        for number, adapter in enumerate(adapters):
            say("an adapter's first answer", await timed(engine, asking(200 + number, adapter)))
        say("an adapter's later answers", await several(engine, adapters[0], 300))
        say("base, three adapters there", await several(engine, "", 400))
        begun, both = time.perf_counter(), (asking(500), asking(501, adapters[1]))
        pair = await asyncio.gather(*(timed(engine, request) for request in both))
        say("base and an adapter at once: the base", pair[0])
        say("base and an adapter at once: the adapter", pair[1])
        print(f"both of them: {time.perf_counter() - begun:.2f} s")
    finally:
        await engine.close()
        await process.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))
