"""An engine that never starts: the prompts end with a clear reason in bounded time, and a good model works after."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.functional.gguf_writer import ENDLESS, Gguf, only_for, tiny_llama
from tests.misbehaving.desk import SOURCE, Desk, MakeDesk

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def path() -> str:
    """The engine itself: it is what finds a model wrong."""
    return str(SOURCE)


@pytest.fixture
def desk(lasting_desk: Desk) -> Desk:
    """One server for all here; each test begins without a machine."""
    return lasting_desk


async def test_a_model_file_that_is_cut_off_is_refused_with_its_reason(desk: Desk, tmp_path: Path) -> None:
    torn = replace(tiny_llama(), data=b"\0" * 64).write(tmp_path / "torn.gguf")
    answer = await desk.call("POST", "/v1/infer", {"prompt": "Hi", "model": f"file:{torn}"})
    assert (answer.status_code, answer.json()["code"]) == (422, "model_file_invalid")
    assert "cut off" in answer.json()["detail"]
    assert (await desk.call("GET", "/v1/machine/history")).json()["machines"] == []


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (Gguf(values={"general.architecture": "new", "new.context_length": 512}), "unknown model architecture: 'new'"),
        (tiny_llama(template="{{ messages "), "failed to initialize chat template"),
        (tiny_llama(template=ENDLESS), "still loading it"),
    ],
)
async def test_a_model_that_only_the_engine_finds_wrong_fails_once(
    a_desk_with: MakeDesk, path: str, tmp_path: Path, file: Gguf, why: str
) -> None:
    async with a_desk_with(PYTHONPATH=path, TLFIF_MACHINE__LAUNCH_LIMIT_SECONDS="6") as desk:
        name, well = f"file:{file.write(tmp_path / 'bad.gguf')}", f"file:{tiny_llama().write(tmp_path / 'good.gguf')}"
        bad = [await desk.submit(model=name, max_tokens=4) for _ in range(2)]
        good = await desk.submit(model=well, max_tokens=4)
        for reader in bad:
            job = await desk.finish(reader)
            assert (job["status"], job["error"]["code"]) == ("failed", "model_unusable")
            assert why in job["error"]["message"]
            assert "started" not in reader.kinds
        assert (await desk.finish(good))["status"] == "succeeded"
        machines = (await desk.call("GET", "/v1/machine/history")).json()["machines"]
        assert [one["model"] for one in machines] == [well, name], "one start each"
        assert why in machines[1]["end_reason"]


async def test_a_template_that_never_ends_does_not_keep_anybody_from_stopping_it(desk: Desk, tmp_path: Path) -> None:
    model = tiny_llama(template=only_for("trap", ENDLESS)).write(tmp_path / "trap.gguf")
    trapped = [await desk.submit("trap", model=f"file:{model}", max_tokens=4) for _ in range(8)]
    await desk.read_while(trapped[0], lambda: "started" not in trapped[0].kinds)
    began = time.monotonic()
    assert (await desk.call("GET", "/healthz")).status_code == 200
    assert (await desk.call("POST", "/v1/machine/stop")).status_code == 202
    await desk.gone()
    assert time.monotonic() - began < 20
    for reader in trapped:
        assert (await desk.finish(reader))["status"] == "cancelled"


async def test_a_model_file_that_vanishes_after_it_was_accepted(desk: Desk, tmp_path: Path) -> None:
    """The prompt waits while another model answers; then its file is not there any more."""
    own = tiny_llama().write(tmp_path / "own.gguf")
    busy = await desk.submit(max_tokens=60)
    await desk.read_while(busy, lambda: "delta" not in busy.kinds)
    waiting = await desk.submit(model=f"file:{own}", max_tokens=4)
    behind = await desk.submit(max_tokens=4)
    own.unlink()
    job = await desk.finish(waiting)
    assert (job["status"], job["error"]["code"]) == ("failed", "model_file_invalid")
    assert (await desk.finish(behind))["status"] == "succeeded"
    assert (await desk.finish(busy))["status"] == "succeeded"


@pytest.mark.requirement("3.3.3")
async def test_a_change_of_model_drains_and_starts_anew(desk: Desk, tmp_path: Path) -> None:
    own = tiny_llama().write(tmp_path / "own.gguf")
    first = await desk.submit(max_tokens=40)
    other = await desk.submit(model=f"file:{own}", max_tokens=4)
    jobs = [await desk.finish(first), await desk.finish(other)]
    assert [job["status"] for job in jobs] == ["succeeded", "succeeded"]
    assert jobs[0]["attempt"] == 1, "what runs is finished first"
    assert jobs[0]["receipt"]["machine_id"] != jobs[1]["receipt"]["machine_id"]
    assert jobs[1]["receipt"]["model"] == f"file:{own}"
