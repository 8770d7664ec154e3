"""The commands of this computer, pointed at AWS: real functions, a real worker and a real model behind the emulator,
from ``deploy`` to ``destroy``."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.aws.deployed_world import World
from tests.aws.deployments import EmulatedHome
from tests.aws.emulator import Emulator
from tests.aws.home import AwsHome
from tests.aws.live_home import a_living_home, sign_in
from tests.waiting import wait_until

pytestmark = pytest.mark.engine

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(kw_only=True)
class Desk:
    """A person's computer, signed in to the home on AWS that ``world`` has deployed."""

    folder: Path
    home: AwsHome
    world: World

    async def run(self, *words: str) -> tuple[int, str, str]:
        """One command: exit code, standard output, standard error."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "tlfif", *words),
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("TLFIF_", "AWS_"))},
                "PYTHONPATH": str(SOURCE),
                "TLFIF_HOME": str(self.folder),
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def object(self, *words: str) -> dict[str, Any]:
        """The same for programs."""
        code, out, err = await self.run(*words, "--json")
        assert code == 0, (err, self.home.log())
        found: dict[str, Any] = json.loads(out)
        return found


@pytest.fixture
async def desk(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Desk]:
    world = World(EmulatedHome(emulator, tmp_path))
    await world.deploy()
    async with a_living_home(emulator, tmp_path, world.places()) as home:
        sign_in(tmp_path / "desk", home)
        yield Desk(folder=tmp_path / "desk", home=home, world=world)
    assert (await world.destroy()).nothing_left


async def test_a_question_from_this_computer_is_answered_on_aws_and_nothing_is_left(desk: Desk) -> None:
    assert (await desk.object("machine", "status"))["state"] == "off"
    asked = await desk.object("ask", "What is a cloud computer?", "--max-tokens", "12")
    assert asked["status"] == "succeeded"
    assert asked["answer"].strip()
    assert asked["receipt"]["completion_tokens"] == 12
    assert asked["receipt"]["cost"]["usd"] > 0, "the minute that each start costs at least"
    (instance,) = desk.home.instances()

    code, out, err = await desk.run("ask", "Name a colour.", "--max-tokens", "6")
    assert (code, bool(out.strip())) == (0, True), err
    assert list(desk.home.instances()) == [instance], "the machine that runs answers"
    cost = await desk.object("cost")
    assert cost["running_usd_per_hour"] > 0.5
    assert cost["month_to_date_usd"] > 0

    assert (await desk.run("machine", "idle-timeout", "0.1"))[0] == 0
    ended = "idle for six seconds, it ends by itself"
    await wait_until(lambda: desk.home.instances()[instance] == "terminated", ended, every=0.3)

    with desk.home.client() as http:
        await wait_until(lambda: http.get("/v1/machine").json()["state"] == "off", "EC2 has said so", every=0.3)
    cost = await desk.object("cost")
    assert cost["running_usd_per_hour"] == 0
    assert desk.home.schedules() == []
    assert "cloud" not in desk.home.log(), "no prompt in any log"
    assert (await desk.run("jobs", "delete", asked["job_id"]))[0] == 0
    assert (await desk.run("jobs", "show", asked["job_id"]))[0] == 2

    before = await desk.world.ours()
    for kind in ("tables", "buckets", "queues", "launch templates", "logs", "rights", "users"):
        assert any(one.startswith(f"{kind}:") for one in before), (kind, before)
    done = await desk.world.destroy()
    assert done.nothing_left, [one for one in done.kinds if not one.clean]
    assert sum(one.removed for one in done.kinds) >= len(before)
    assert await desk.world.ours() == []
    assert set(desk.home.instances().values()) == {"terminated"}
