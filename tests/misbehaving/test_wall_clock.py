"""The wall clock is set in the middle of an answer, under real processes of a server, a worker and an engine."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.misbehaving.desk import STUB_PATH, Desk, MakeDesk

WALL = """
import pathlib, time
ahead, real = pathlib.Path(__file__).with_name("ahead"), time.time
time.time = lambda: real() + float(ahead.read_text())
"""
"""Python runs this at its start. The programs themselves know nothing of it."""


@pytest.fixture
def set_clock(tmp_path: Path) -> Callable[[float], None]:
    """Sets the wall clock of all processes that have the folder ``wall`` on their path to so many seconds ahead."""
    wall = tmp_path / "wall"
    wall.mkdir()
    (wall / "sitecustomize.py").write_text(WALL)

    def set_to(seconds: float) -> None:
        (wall / "new").write_text(str(seconds))
        (wall / "new").replace(wall / "ahead")

    set_to(0.0)
    return set_to


async def history(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await desk.call("GET", "/v1/machine/history")).json()["machines"]
    return found


@pytest.mark.parametrize("ahead", [3 * 3600.0, -400 * 86400.0])
async def test_the_clock_is_set_in_the_middle_of_an_answer(
    a_desk_with: MakeDesk, tmp_path: Path, set_clock: Callable[[float], None], ahead: float
) -> None:
    path = os.pathsep.join([str(tmp_path / "wall"), STUB_PATH])
    begun = time.monotonic()
    async with a_desk_with(PYTHONPATH=path) as desk:
        first = await desk.submit(max_tokens=80)
        waiting = await desk.submit()
        await desk.read_while(first, lambda: "delta" not in first.kinds)
        set_clock(ahead)
        for reader in (first, waiting):
            job = await desk.finish(reader)
            assert (job["status"], job["attempt"]) == ("succeeded", 1)
            assert "restarted" not in reader.kinds
            assert 0 <= job["receipt"]["total_seconds"] < time.monotonic() - begun
        desk.kill_server()
        await desk.start()  # it goes on with the same machine
        assert [machine["ended_at"] for machine in await history(desk)] == [None]
        later = await desk.submit()
        assert (await desk.finish(later))["attempt"] == 1
        assert (await desk.call("GET", f"/v1/jobs/{later.job_id}")).json()["created_at"] == pytest.approx(
            time.time() + ahead, abs=60.0
        ), "shown as it stands on the wall"
        assert (await desk.call("PUT", "/v1/machine/idle-timeout", {"minutes": 0.1})).status_code == 200
        await desk.machine_is("off")
        (machine,) = await history(desk)
        assert machine["end_reason"].startswith("idle for 0.1 minutes")
        assert 0 < machine["run_seconds"] < time.monotonic() - begun
        cost = (await desk.call("GET", "/v1/cost")).json()["simulated_aws"]
        assert sum(day["hours"] for day in cost["days"]) * 3600 < time.monotonic() - begun
