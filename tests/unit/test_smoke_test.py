"""A candidate tests itself: what a sound one, a babbling one and a broken one report."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.builders import MODEL
from tests.fakes.clock import FakeClock
from tests.fakes.engine import WORDS, FakeEngine, FakeEngineProcess
from tlfif.bootstrap.smoke_test import run_smoke_test
from tlfif.images.golden_prompts import GOLDEN_PROMPTS
from tlfif.images.smoke_report import SmokeReport, why_not_offered
from tlfif.jobs.engine import Chunk, Engine, EngineAddress
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.request import GenerationRequest
from tlfif.kernel.errors import EngineGoneError
from tlfif.machines.policy import MachinePolicy
from tlfif.worker.lifecycle import MachineIdentity
from tlfif.worker.machine_life import MachineLife

SOUND = ("Paris", "blue", "100", "seven", "cold", "down", "Pacific", "French", "Shakespeare", "gravity")
IDENTITY = MachineIdentity(
    machine_id="candidate",
    image="v3",
    model=MODEL,
    model_sha256=None,
    boot_id="boot",
    idle_timeout_seconds=300.0,
    job_policy=JobPolicy(heartbeat_seconds=0.02),
    machine_policy=MachinePolicy(),
)


class OneByOne(FakeEngine):
    """Each golden prompt has an answer in ``answers``, a word that stands in it."""

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        golden = next((one for one in GOLDEN_PROMPTS if one.prompt == request.messages[-1].content), None)
        if golden is not None:
            self.words = tuple(f"It is {word}. " for word in SOUND if golden.passes(f"It is {word}."))[:1] or WORDS
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk


async def reported(
    folder: Path, engine: Engine, *, process: FakeEngineProcess | None = None
) -> tuple[SmokeReport, MachineLife]:
    """What a candidate with this engine reports, while time goes by."""
    clock = FakeClock()
    reports: list[SmokeReport] = []

    async def connect(_: EngineAddress) -> Engine:
        return engine

    async def keep(report: SmokeReport) -> None:
        reports.append(report)

    async def tick() -> None:
        while True:
            clock.advance(0.05)
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    try:
        life = await run_smoke_test(
            IDENTITY,
            folder,
            process=process or FakeEngineProcess(),
            connect=connect,
            clock=clock,
            report=keep,
            on_ready=(folder / "ready").touch,
        )
    finally:
        ticking.cancel()
        for _ in range(9):
            await asyncio.sleep(0)  # a closed socket is gone after some more turns of the loop
    (report,) = reports
    return report, life


async def test_a_sound_candidate_answers_ends_by_itself_and_says_what_it_is(tmp_path: Path) -> None:
    engine = OneByOne()
    report, life = await reported(tmp_path, engine)
    assert (report.passed, len(report.prompts), report.error) == (10, 10, "")
    assert why_not_offered(report, promoted=None) == ""
    assert report.idle_end
    assert not life.broken
    assert {request.sampling.temperature for request in engine.requests} == {0.0}
    assert engine.most_streams == 1, "one at a time, or each would be slower"
    assert set(report.phase_seconds) == {"launch", "engine_start", "prove"}
    assert {"python", "tlfif"} <= set(report.versions)
    assert (tmp_path / "ready").exists()


@pytest.mark.parametrize(
    "words",
    [["bar "] * 30, ["Paris blue 100 "] * 12, ["%&/( "] * 20, [" "]],
    ids=["one word", "lucky", "signs", "blank"],
)
async def test_a_babbling_candidate_is_not_offered(tmp_path: Path, words: list[str]) -> None:
    report, _ = await reported(tmp_path, FakeEngine(words))
    assert "golden prompts" in why_not_offered(report, promoted=None)


async def test_an_engine_that_does_not_start_is_reported_in_its_own_words(tmp_path: Path) -> None:
    faults = [EngineGoneError("libgomp.so.1: cannot open shared object file")]
    report, life = await reported(tmp_path, OneByOne(), process=FakeEngineProcess(faults=faults))
    assert "libgomp.so.1" in report.error
    assert life.broken


async def test_an_engine_that_dies_over_each_prompt_is_reported(tmp_path: Path) -> None:
    process = FakeEngineProcess()
    process.why = "The engine crashed over the model or the prompt (SIGILL)."
    report, _ = await reported(tmp_path, FakeEngine(fault=EngineGoneError("gone")), process=process)
    assert "SIGILL" in report.error
    assert report.passed == 0


async def test_what_an_earlier_start_left_is_no_hindrance(tmp_path: Path) -> None:
    await reported(tmp_path, FakeEngine(fault=EngineGoneError("gone")))
    report, _ = await reported(tmp_path, OneByOne())
    assert report.passed == 10
