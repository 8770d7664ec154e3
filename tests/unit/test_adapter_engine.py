"""When llama.cpp's process is started for an adapter, by whom, and with what; the process is a fake."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.builders import a_request
from tests.fakes.engine import FakeEngine
from tests.functional.gguf_writer import Gguf, Tensor, llama_header
from tlfif.adapters.engines.adapter_engine import MOST_LOADED, AdapterEngine, AdapterProcess
from tlfif.adapters.engines.llama_engine_process import LlamaEngineProcess
from tlfif.adapters.local.models.adapter_folder import adapter_path
from tlfif.jobs.engine import Engine, EngineAddress
from tlfif.kernel.errors import EngineGoneError, EngineRejectedError, ModelUnusableError


class FakeLlama:
    """Notes what it is started with."""

    def __init__(self, model: Path) -> None:
        self.adapters: tuple[Path, ...] = ()
        self.model_path = str(model)
        self.started: list[list[str]] = []
        self.refuses = ""

    async def start(self) -> EngineAddress:
        self.started.append([path.stem for path in self.adapters])
        if self.refuses in self.started[-1]:
            raise ModelUnusableError("It is no adapter of this model.")
        return EngineAddress(base_url="http://127.0.0.1:1", api_key="k", pid=1)

    async def stop(self) -> None:
        """Nothing is left of it."""


class Place:
    """A process and an engine over it, with adapters in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.llama = FakeLlama(
            Gguf(values=llama_header(), tensors=(Tensor(name="blk.0.attn_q.weight"),)).write(folder / "base.gguf")
        )
        self.process = AdapterProcess(cast("LlamaEngineProcess", self.llama), folder)

    async def open(self) -> AdapterEngine:
        """As a machine does, each time it starts its engine."""
        return AdapterEngine(self.process, connect, await connect(await self.process.start(), self.process.numbers()))

    def adapter(self, number: int) -> str:
        """An adapter's file; its sha256."""
        content = str(number).encode()
        digest = hashlib.sha256(content).hexdigest()
        adapter_path(self.folder, digest).write_bytes(content)
        return digest


async def connect(_address: EngineAddress, _numbers: Mapping[str, int]) -> Engine:
    return FakeEngine()


async def ask(engine: AdapterEngine, adapter: str) -> None:
    async with engine.turn(replace(a_request(), adapter=adapter)):
        pass


async def test_the_adapter_that_was_asked_longest_ago_goes_at_the_limit(tmp_path: Path) -> None:
    place = Place(tmp_path)
    engine = await place.open()
    adapters = [place.adapter(number) for number in range(MOST_LOADED + 1)]
    for each in adapters[:MOST_LOADED]:
        await ask(engine, each)
    starts = len(place.llama.started)
    await ask(engine, adapters[0])
    await ask(engine, "")
    assert len(place.llama.started) == starts, "what is loaded is asked as it is"
    await ask(engine, adapters[MOST_LOADED])
    assert place.llama.started[-1] == ["null", *adapters[2:MOST_LOADED], adapters[0], adapters[MOST_LOADED]]
    assert place.process.numbers()[adapters[0]] == MOST_LOADED - 1


@pytest.mark.requirement("11.2.3")
async def test_an_adapter_that_the_engine_refuses_fails_its_own_job_alone(tmp_path: Path) -> None:
    place = Place(tmp_path)
    engine = await place.open()
    good, place.llama.refuses = place.adapter(1), place.adapter(2)
    await ask(engine, good)
    for _ in range(2):
        with pytest.raises(EngineRejectedError) as refused:
            await ask(engine, place.llama.refuses)
        assert refused.value.code == "adapter_unusable"
        assert place.llama.started[-1] == ["null", good]
    starts = len(place.llama.started)
    await ask(engine, good)
    assert len(place.llama.started) == starts


async def test_an_engine_that_was_replaced_does_not_restart_the_one_that_replaced_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    old = await place.open()
    await ask(old, place.adapter(1))
    new = await place.open()
    before = list(place.llama.started)
    assert before[-1] == [], "an adapter may be why the engine failed"
    with pytest.raises(EngineGoneError):
        await ask(old, place.adapter(2))
    assert place.llama.started == before
    await ask(new, place.adapter(2))
    assert place.llama.started[-1] == ["null", place.adapter(2)]
