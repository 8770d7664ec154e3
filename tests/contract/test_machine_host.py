"""What every machine host owes, over the fake, over real processes and over EC2 in the emulator."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.aws.ec2_cloud import Ec2Cloud
from tests.aws.emulator import Emulator
from tests.builders import MODEL
from tests.fakes.machine_host import FakeMachineHost, Obedience
from tests.waiting import wait_until
from tlfif.adapters.local.machines import process_machine_host
from tlfif.adapters.local.machines.process_machine_host import ProcessMachineHost
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine_host import LaunchSpec, MachineHost
from tlfif.machines.policy import MachinePolicy

ROOT = Path(__file__).parents[2]


def a_spec(machine_id: str = "machine_1", *, model: str = MODEL) -> LaunchSpec:
    return LaunchSpec(
        machine_id=machine_id,
        model=model,
        model_path="/models/none.gguf",
        model_sha256=None,
        context_tokens=512,
        image="embedded-1",
        idle_timeout_seconds=300.0,
    )


@dataclass(kw_only=True)
class Place:
    """A host, another control plane's view of the same place, and how a machine there becomes deaf."""

    host: MachineHost
    another: Callable[[], MachineHost]
    deaf: Callable[[], LaunchSpec]
    home: Path
    hosts: list[ProcessMachineHost] = field(default_factory=list)
    cloud: Ec2Cloud | None = None

    async def launch(self, spec: LaunchSpec | None = None) -> str:
        """Launch, and wait until it is far enough to behave as it will."""
        wanted = spec or a_spec()
        handle = await self.host.launch(wanted)
        if isinstance(self.host, ProcessMachineHost):
            await wait_until(lambda: "up" in (self.home / "logs" / "machine.log").read_text(), "the machine is up")
        return handle

    async def gone(self, handle: str) -> None:
        async def look() -> bool:
            return not await self.host.alive(handle)

        await wait_until(look, "the machine is gone")

    def abolish(self) -> None:
        """Leave no process, and nothing of one that nobody asked after."""
        if self.cloud is not None:
            self.cloud.close()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for host in self.hosts:
            for child in host._children.values():
                child.wait(10)

    def processes(self) -> list[psutil.Process]:
        """Everything of this home that lives."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if str(self.home) in (process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE
        ]


def fake_place(home: Path) -> Place:
    host = FakeMachineHost()

    def deaf() -> LaunchSpec:
        host._obedience = Obedience.DEAF
        return a_spec()

    return Place(host=host, another=lambda: host, deaf=deaf, home=home)


def process_place(home: Path, patch: pytest.MonkeyPatch) -> Place:
    patch.setenv("PYTHONPATH", f"{ROOT / 'src'}{':' if sys.platform != 'win32' else ';'}{ROOT}")
    patch.setattr(process_machine_host, "MACHINE_MODULE", "tests.fakes.machine_main")
    patch.setattr(process_machine_host, "ENGINE_MODULE", "tests.fakes.engine_main")

    hosts: list[ProcessMachineHost] = []

    def new() -> ProcessMachineHost:
        hosts.append(
            ProcessMachineHost(home, job_policy=JobPolicy(), machine_policy=MachinePolicy(), clock_offset=lambda: 0.0)
        )
        return hosts[-1]

    return Place(host=new(), another=new, deaf=lambda: a_spec(model="deaf"), home=home, hosts=hosts)


def aws_place(home: Path, emulator: Emulator) -> Place:
    """An instance boots nothing here: it lives as long as EC2 says so, and a deaf one shuts down only by force."""
    cloud = Ec2Cloud(emulator)

    def deaf() -> LaunchSpec:
        cloud.all_deaf = True
        return a_spec()

    return Place(host=cloud.host(), another=cloud.host, deaf=deaf, home=home, cloud=cloud)


@pytest.fixture(params=["fake", "processes", "aws"])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    home = tmp_path / "home of Zoë"
    if request.param == "aws":
        found = aws_place(home, request.getfixturevalue("emulator"))
    else:
        found = fake_place(home) if request.param == "fake" else process_place(home, monkeypatch)
    yield found
    found.abolish()


@pytest.fixture
async def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    found = process_place(tmp_path / "home", monkeypatch)
    yield found
    found.abolish()


async def test_nothing_there(place: Place) -> None:
    assert await place.host.find_all() == []
    assert not await place.host.alive("999999:1.000")
    for force in (False, True):
        await place.host.terminate("999999:1.000", force=force)


async def test_a_launched_machine_lives_and_is_found_by_its_mark(place: Place) -> None:
    handle = await place.launch()
    for host in (place.host, place.another()):
        assert await host.alive(handle)
        assert [(m.handle, m.machine_id) for m in await host.find_all()] == [(handle, "machine_1")]


async def test_one_id_is_one_machine(place: Place) -> None:
    handle = await place.launch()
    assert await place.host.launch(a_spec()) == handle
    assert await place.another().launch(a_spec()) == handle
    assert len(await place.host.find_all()) == 1


async def test_one_id_at_once_is_one_machine(place: Place) -> None:
    handles = await asyncio.gather(*(place.host.launch(a_spec()) for _ in range(5)))
    assert len(set(handles)) == 1
    assert len({m.machine_id for m in await place.host.find_all()}) == 1


async def test_two_ids_are_two_machines_and_end_apart(place: Place) -> None:
    first = await place.launch()
    second = await place.launch(a_spec("machine_2"))
    assert first != second
    await place.host.terminate(first, force=True)
    await place.gone(first)
    assert await place.host.alive(second)
    assert [m.machine_id for m in await place.host.find_all()] == ["machine_2"]


@pytest.mark.parametrize("force", [False, True])
async def test_terminate(place: Place, force: bool) -> None:
    handle = await place.launch()
    await place.host.terminate(handle, force=force)
    await place.gone(handle)
    await place.host.terminate(handle, force=force)
    assert await place.host.find_all() == []
    assert place.processes() == []


async def test_only_force_ends_a_deaf_one(place: Place) -> None:
    handle = await place.launch(place.deaf())
    await place.host.terminate(handle, force=False)
    assert await place.host.alive(handle)
    await place.host.terminate(handle, force=True)
    await place.gone(handle)
    assert place.processes() == []


async def test_another_control_plane_can_end_it(place: Place) -> None:
    handle = await place.launch()
    other = place.another()
    await other.terminate(handle, force=True)
    await place.gone(handle)
    assert not await other.alive(handle)


async def test_what_a_host_tells_of_a_machines_time_is_in_order(place: Place) -> None:
    """A host that keeps no record says nothing at all, never half of it."""
    assert await place.host.lifetime("999999:1.000") is None
    handle = await place.launch()
    before = await place.host.lifetime(handle)
    await place.host.terminate(handle, force=True)
    await place.gone(handle)
    after = await place.host.lifetime(handle)
    assert (before is None) == (after is None)
    if before is None or after is None:
        assert place.cloud is None, "EC2 keeps one"
        return
    assert before.ended_at is None
    assert before.began_at == after.began_at is not None
    assert after.ended_at is not None
    assert after.ended_at >= int(after.began_at)  # the end is told in whole seconds


async def test_a_number_that_was_given_out_again_is_not_the_machine(processes: Place) -> None:
    handle = await processes.launch()
    number, _, started = handle.partition(":")
    stale = f"{number}:{float(started) - 100:.3f}"
    await processes.host.terminate(stale, force=False)
    assert await processes.host.alive(handle)


def three_hours_on(folder: Path) -> Path:
    """What the system tells after its clock was set three hours ahead."""
    for entry in Path("/proc").iterdir():
        if entry.name != "stat":
            (folder / entry.name).symlink_to(entry)
    lines = Path("/proc/stat").read_text().splitlines()
    moved = [f"btime {int(line.split()[1]) + 3 * 3600}" if line.startswith("btime ") else line for line in lines]
    (folder / "stat").write_text("\n".join(moved))
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="only there the time of the boot moves with the wall clock")
async def test_it_is_known_again_after_the_clock_was_set(
    processes: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await processes.launch()
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(three_hours_on(tmp_path)))
    for host in (processes.host, processes.another()):
        assert [machine.handle for machine in await host.find_all()] == [handle]
        assert await host.alive(handle)
    await processes.host.terminate(handle, force=False)
    monkeypatch.undo()
    await processes.gone(handle)


async def test_a_worker_that_is_killed_takes_its_engine_along(processes: Place) -> None:
    handle = await processes.launch()
    psutil.Process(int(handle.partition(":")[0])).kill()
    await processes.gone(handle)
    assert processes.processes() == []


async def test_alive_while_any_part_is_left(processes: Place) -> None:
    handle = await processes.launch(a_spec(model="clinging"))
    psutil.Process(int(handle.partition(":")[0])).kill()
    await wait_until(lambda: len(processes.processes()) == 1, "the worker is gone")
    for host in (processes.host, processes.another()):
        assert await host.alive(handle), "its engine still uses the computer"
        assert [m.machine_id for m in await host.find_all()] == ["machine_1"]
    await processes.host.terminate(handle, force=True)
    await processes.gone(handle)


async def test_other_homes_and_programs_are_not_ours(processes: Place) -> None:
    elsewhere = ProcessMachineHost(
        processes.home.parent, job_policy=JobPolicy(), machine_policy=MachinePolicy(), clock_offset=lambda: 0.0
    )
    handle = await processes.launch()
    assert await elsewhere.find_all() == []
    await processes.host.terminate(handle, force=True)
    await processes.gone(handle)


async def test_a_program_that_is_not_there(processes: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(processes.home / "no-python"))
    with pytest.raises(MachineError) as caught:
        await processes.host.launch(a_spec())
    assert caught.value.code == "machine_failed"
    assert await processes.host.find_all() == []


async def test_a_folder_that_cannot_be_written(processes: Place) -> None:
    processes.home.parent.mkdir(exist_ok=True)
    processes.home.write_text("a file where the folder should be")
    with pytest.raises(MachineError):
        await processes.host.launch(a_spec())
