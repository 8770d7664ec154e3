"""An engine that never starts: the prompts end with a clear reason in bounded time, and a good model works after."""

import shutil
from pathlib import Path

import pytest

from tests.misbehaving.desk import Desk
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.models.catalogue import SMOLLM2

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture
def torn_model(tmp_path: Path) -> Path:
    """A real model file whose second half is missing: its header reads well, the engine cannot load it."""
    source = ModelWheel(pip_command=()).installed(SMOLLM2.source)
    assert source is not None, "install the development requirements: the small model comes with them"
    torn = tmp_path / "torn.gguf"
    with source.open("rb") as whole, torn.open("wb") as part:
        part.write(whole.read(20_000_000))
    return torn


async def test_a_model_that_cannot_be_loaded(desk: Desk, torn_model: Path) -> None:
    bad = [await desk.submit(model=f"file:{torn_model}", max_tokens=4) for _ in range(2)]
    for reader in bad:
        job = await desk.finish(reader)
        assert (job["status"], job["error"]["code"]) == ("failed", "machine_broken")
        assert job["error"]["message"].startswith("The machine failed to start 3 times")
        assert "started" not in reader.kinds
    machine = await desk.machine()
    assert machine["state"] == "broken"
    assert "engine" in machine["reason"].lower()
    good = await desk.finish(await desk.submit(max_tokens=4))
    assert good["status"] == "succeeded"


async def test_a_model_file_that_vanishes_after_it_was_accepted(desk: Desk, torn_model: Path, tmp_path: Path) -> None:
    """The prompt waits while another model answers; then its file is not there any more."""
    source = ModelWheel(pip_command=()).installed(SMOLLM2.source)
    assert source is not None
    own = tmp_path / "own.gguf"
    shutil.copy(source, own)
    busy = await desk.submit(max_tokens=60)
    await desk.read_while(busy, lambda: "delta" not in busy.kinds)
    waiting = await desk.submit(model=f"file:{own}", max_tokens=4)
    behind = await desk.submit(max_tokens=4)
    own.unlink()
    job = await desk.finish(waiting)
    assert (job["status"], job["error"]["code"]) == ("failed", "model_file_invalid")
    assert (await desk.finish(behind))["status"] == "succeeded"
    assert (await desk.finish(busy))["status"] == "succeeded"


async def test_a_change_of_model_drains_and_starts_anew(desk: Desk, tmp_path: Path) -> None:
    source = ModelWheel(pip_command=()).installed(SMOLLM2.source)
    assert source is not None
    own = tmp_path / "own.gguf"
    shutil.copy(source, own)
    first = await desk.submit(max_tokens=40)
    other = await desk.submit(model=f"file:{own}", max_tokens=4)
    jobs = [await desk.finish(first), await desk.finish(other)]
    assert [job["status"] for job in jobs] == ["succeeded", "succeeded"]
    assert jobs[0]["attempt"] == 1, "what runs is finished first"
    assert jobs[0]["receipt"]["machine_id"] != jobs[1]["receipt"]["machine_id"]
    assert jobs[1]["receipt"]["model"] == f"file:{own}"
