"""Personal models on a real llama.cpp: each answers in its own way, beside its base, without a new machine."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.test_engine import CONTEXT, _source_on_path, asking, llama, text  # noqa: F401  # a fixture
from tests.functional.gguf_writer import Gguf, small_lora
from tlfif.adapters.engines.adapter_engine import AdapterEngine, AdapterProcess
from tlfif.adapters.engines.fitted_engine import llama_engine
from tlfif.adapters.local.models.adapter_folder import adapter_path
from tlfif.jobs.engine import Chunk, Engine, EngineAddress
from tlfif.jobs.request import GenerationRequest, Task
from tlfif.kernel.errors import EngineRejectedError


def kept(folder: Path, adapter: Gguf) -> str:
    """Put the adapter where registered ones are; its sha256."""
    file = adapter.write(folder / "new.gguf")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.rename(adapter_path(folder, digest))
    return digest


def of(adapter: str, *, max_tokens: int = 12) -> GenerationRequest:
    return replace(asking("Tell me about the sea.", max_tokens=max_tokens), adapter=adapter)


async def whole(engine: Engine, request: GenerationRequest) -> list[Chunk]:
    async with engine.turn(request), aclosing(engine.generate(request)) as chunks:
        return [chunk async for chunk in chunks]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[AdapterProcess, AdapterEngine]]:
    """A running engine whose adapters lie in ``tmp_path``."""
    process = AdapterProcess(llama(tmp_path, threads=1), tmp_path)

    async def connect(address: EngineAddress, adapters: Mapping[str, int]) -> Engine:
        return llama_engine(address, context_tokens=CONTEXT, adapters=adapters)

    engine = AdapterEngine(process, connect, await connect(await process.start(), process.numbers()))
    yield process, engine
    await engine.close()
    await process.stop()


@pytest.mark.requirement("11.2.3")
async def test_base_and_two_adapters_answer_each_in_its_own_way_asked_at_once(
    place: tuple[AdapterProcess, AdapterEngine], tmp_path: Path
) -> None:
    process, engine = place
    one, two = kept(tmp_path, small_lora(seed=1)), kept(tmp_path, small_lora(seed=2))
    damaged = kept(tmp_path, small_lora(seed=3))
    adapter_path(tmp_path, damaged).write_bytes(b"GGUF, but another file")
    watching = asyncio.create_task(process.wait())

    vector = replace(of(""), task=Task.EMBEDDING)
    alone, alike = text(await whole(engine, of(""))), (await whole(engine, vector))[0].embeddings
    first_in_line = of("", max_tokens=200)
    async with engine.turn(first_in_line), aclosing(engine.generate(first_in_line)) as answer:
        await anext(answer)
        waiting = [asyncio.create_task(whole(engine, of(each))) for each in (one, "", two, one)]
        await asyncio.sleep(0)
        waiting[3].cancel()  # its owner has lost interest
    first, base, second = [text(chunks) for chunks in await asyncio.gather(*waiting[:3])]
    assert base == alone
    assert len({first, base, second}) == 3
    assert process.loaded == (one, two)
    await whole(engine, replace(of(one), task=Task.COMPLETION))
    assert (await whole(engine, vector))[0].embeddings == alike
    assert text(await whole(engine, of(""))) == alone, "what the adapter made of the same words was not used"

    for bad, code in ((damaged, "adapter_corrupt"), ("0" * 64, "adapter_absent")):
        with pytest.raises(EngineRejectedError) as refused:
            await whole(engine, of(bad))
        assert refused.value.code == code
    assert text(await whole(engine, of(one))) == first
    assert not watching.done(), "an engine that is started anew on purpose has not failed"
    watching.cancel()
