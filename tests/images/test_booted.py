"""Each way in which an image that really boots may fail; how it succeeds is in ``test_built.py``.

What the machine has to say for itself is read where the owner reads it: its record, and the log group on AWS.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.aws.emulator import Emulator
from tests.aws.journey import an_aws
from tests.images.booted import BootedHypervisor, logs_of
from tests.images.root import PINS
from tests.images.units import SYSTEMD
from tlfif.jobs.jobs import JobStatus
from tlfif.machines.machine import MachineState

pytestmark = [pytest.mark.engine, pytest.mark.slow]

LAUNCH_TO_READY_SECONDS = 20.0
"""What it must reach (issue "the image pipeline")."""
PROMPT = "What is a cloud computer?"
LLAMA = "tlfif-llama.service"
Image = tuple[Path, ...]


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


@pytest.mark.requirement("5.3.3")
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
