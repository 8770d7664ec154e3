"""The image really boots: prompt, launch, systemd, answer, idle, power off; and each way in which it may fail.

What the machine has to say for itself is read where the owner reads it: its record, and the log group on AWS.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.aws.emulator import Emulator
from tests.aws.journey import LOOK_SECONDS, Aws, an_aws
from tests.images.booted import BootedHypervisor
from tests.images.root import PINS
from tests.images.units import SYSTEMD
from tests.waiting import wait_until
from tlfif.adapters.aws.deployment.log_reader import group_of, read_logs
from tlfif.adapters.aws.images.image_work import candidate_id
from tlfif.images.image import Profile, Source
from tlfif.images.smoke_report import why_not_offered
from tlfif.jobs.jobs import JobStatus
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_host import LaunchSpec
from tlfif.models.catalogue import SMOLLM2

pytestmark = [pytest.mark.engine, pytest.mark.slow]

LAUNCH_TO_READY_SECONDS = 20.0
"""What it must reach (issue "the image pipeline")."""
PROMPT = "What is a cloud computer?"
LLAMA = "tlfif-llama.service"
Image = tuple[Path, ...]


async def logs_of(aws: Aws, record: MachineRecord) -> list[str]:
    """What the machine has sent, the oldest first."""
    logs = aws.home.emulator.logs
    lines = read_logs(logs, aws.home.name, ("machine",), since=record.created_at - 60, most=2000)
    streams = logs.describe_log_streams(logGroupName=group_of(aws.home.name, "machine"))["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [record.id]
    return [line.text for line in lines]


async def test_a_prompt_is_answered_by_a_machine_that_boots_and_switches_itself_off(
    emulator: Emulator, image: Image, tmp_path: Path
) -> None:
    async with an_aws(emulator, tmp_path, kind=partial(BootedHypervisor, image=image)) as aws:
        job = await aws.finished(await aws.submit(PROMPT))
        assert (job.status, job.error_code) == (JobStatus.SUCCEEDED, None)
        assert (await aws.answer(job.id)).strip()
        assert job.receipt is not None
        assert job.receipt.model_sha256 == PINS["models"]["smollm2"]["sha256"], "as the image's build has checked it"
        record = await aws.over()
        assert (record.state, record.reason) == (MachineState.OFF, "idle for 0.01 minutes"), aws.hypervisor.logs()
        assert record.ready_at is not None
        assert record.ready_at - record.created_at < LAUNCH_TO_READY_SECONDS
        assert list(aws.home.instances().values()) == ["terminated"]
        assert not (await aws.guest()).family(), "nothing is left of it"
        lines = await logs_of(aws, record)
        assert any(line.startswith("tlfif-llama: llama.cpp serves smollm2") for line in lines), lines
        assert "tlfif-worker: INFO instance: ended: idle for 0.01 minutes" in lines, lines[-8:]
        assert not [line for line in lines if "cloud computer" in line or line.startswith("why:")]


async def test_a_candidate_tests_itself_over_stores_of_its_own_and_switches_itself_off(
    emulator: Emulator, image: Image, tmp_path: Path
) -> None:
    async with an_aws(emulator, tmp_path, kind=partial(BootedHypervisor, image=image)) as aws:
        assert aws.container.images is not None
        images = aws.container.images.store
        source = Source(repository="", commit="0" * 40, subject="", asked_by="a test")
        made = await images.create(profile=Profile.CPU_LLAMA, source=source, now=aws.container.clock.now())
        spec = LaunchSpec(
            machine_id=candidate_id(made.version),
            model=SMOLLM2.name,
            model_path="",
            model_sha256=None,
            context_tokens=SMOLLM2.context_tokens,
            image=made.version,
            idle_timeout_seconds=60.0,
            smoke_test=made.version,
        )
        await aws.container.host.launch(spec)
        report = await wait_until(lambda: images.reported(made.version), "its report", every=LOOK_SECONDS)
        assert why_not_offered(report, promoted=None) == "", aws.hypervisor.logs()
        await wait_until(lambda: list(aws.home.instances().values()) == ["terminated"], "its end", every=LOOK_SECONDS)
        assert await aws.container.machines.latest() is None, "it is none of the home's machines"


def unit_that_cannot_start(layer: Path) -> None:
    """A commit with a mistake in a unit: a flag that the engine does not know."""
    unit = layer / "etc/systemd/system" / LLAMA
    unit.parent.mkdir(parents=True)
    unit.write_text((SYSTEMD / LLAMA).read_text().replace("--no-ui", "--no-user-interface"))


def worker_that_cannot_start(layer: Path) -> None:
    """A commit with a mistake in the program; whichever Python the image has."""
    for version in range(11, 15):
        folder = layer / f"opt/tlfif/worker/lib/python3.{version}/site-packages/tlfif/worker"
        folder.mkdir(parents=True)
        (folder / "worker.py").write_text("import no_such_module\n")


def model_that_is_damaged(layer: Path) -> None:
    """A disk that does not give back what was written."""
    file = layer / "opt/tlfif/models/smollm2" / PINS["models"]["smollm2"]["file"]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF" + bytes(4096))


def engine_that_never_loads(layer: Path) -> None:
    """It runs, and that is all."""
    program = layer / "opt/tlfif/engine/bin/llama-server"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("broken", "reason", "said"),
    [
        (unit_that_cannot_start, "given up after several starts: .*--no-user-interface", f"why: {LLAMA} failed"),
        (
            worker_that_cannot_start,
            "ModuleNotFoundError: No module named 'no_such_module'",
            "why: tlfif-worker.service",
        ),
        (model_that_is_damaged, "given up after several starts: bad GGUF version", f"why: {LLAMA} failed"),
        (engine_that_never_loads, "not ready within 6 s", "systemd: Started tlfif-llama.service"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_machine_that_is_broken_says_why_and_is_gone(
    emulator: Emulator, image: Image, tmp_path: Path, broken: Callable[[Path], None], reason: str, said: str
) -> None:
    broken(tmp_path / "broken")
    kind = partial(BootedHypervisor, image=(tmp_path / "broken", *image))
    limits = {"failed_start_backoff_seconds": 60.0}
    if broken is engine_that_never_loads:
        limits["launch_limit_seconds"] = 6.0
    async with an_aws(emulator, tmp_path, kind=kind, **limits) as aws:
        job_id = await aws.submit(PROMPT)
        record = await aws.over()
        assert (record.state, record.ready_at) == (MachineState.BROKEN, None)
        lines = await logs_of(aws, record)
        assert any(line.startswith(said) for line in lines), lines
        assert re.search(reason, record.reason), record.reason
        assert list(aws.home.instances().values()) == ["terminated"]
        assert (await aws.container.jobs.get(job_id)).status is JobStatus.QUEUED, "another machine may answer it"


async def test_without_usable_user_data_the_machine_switches_itself_off(
    emulator: Emulator, image: Image, tmp_path: Path
) -> None:
    def another_version(content: dict[str, Any]) -> None:
        content["version"] = 2

    kind = partial(BootedHypervisor, image=image)
    async with an_aws(emulator, tmp_path, kind=kind, change=another_version, failed_start_backoff_seconds=60.0) as aws:
        await aws.submit(PROMPT)
        record = await aws.over()
        assert record.state is MachineState.BROKEN
        assert "tlfif-boot: the machine file has version 2, this image reads 1" in aws.hypervisor.logs()
