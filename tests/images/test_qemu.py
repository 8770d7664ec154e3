"""The image on a computer of its own, with its own kernel: a raw disk in QEMU. Opt-in, because it takes minutes::

    apt-get install --no-install-recommends qemu-system-x86 linux-image-cloud-amd64 udev
    TLFIF_TEST_QEMU=1 ./tlfif test -k qemu -s -n 0

It prints how long the disk and each part of the machine's life took.
"""

import os
import time
from functools import partial
from pathlib import Path

import pytest

from tests.aws.emulator import Emulator
from tests.aws.journey import an_aws
from tests.images.booted import logs_of
from tests.images.qemu import QemuHypervisor, raw_disk, why_not_qemu
from tests.waiting import wait_until
from tlfif.jobs.jobs import Job, JobStatus
from tlfif.machines.machine import MachineRecord, MachineState

pytestmark = [
    pytest.mark.skipif("TLFIF_TEST_QEMU" not in os.environ, reason="opt-in: set TLFIF_TEST_QEMU (see this file)"),
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
]

PATIENCE = 900.0
SLOWER = 20.0
"""Than a booted root, because the processor is emulated."""


async def test_a_prompt_is_answered_by_a_computer_that_boots_from_the_raw_disk(
    emulator: Emulator, image: tuple[Path, ...], memory: Path, tmp_path: Path
) -> None:
    assert not why_not_qemu(), why_not_qemu()
    began = time.monotonic()
    disk = raw_disk(image, memory)
    print(f"\nThe disk was made in {time.monotonic() - began:.0f} s, {disk.stat().st_blocks * 512 / 1e6:.0f} MB")
    kind = partial(QemuHypervisor, disk=disk)
    async with an_aws(emulator, tmp_path, kind=kind, slower=SLOWER, failed_start_backoff_seconds=3600.0) as aws:
        job_id = await aws.submit("What is a cloud computer?")

        async def over() -> MachineRecord | None:
            record = await aws.container.machines.latest()
            return record if record is not None and record.ended_at is not None else None

        async def ended() -> Job | None:
            job = await aws.container.jobs.get(job_id)
            return job if job.status.is_terminal else None

        record = await wait_until(over, "the machine is over", timeout=PATIENCE, every=1.0)
        assert (record.state, record.reason) == (MachineState.OFF, "idle for 0.2 minutes"), aws.hypervisor.logs()
        job = await wait_until(ended, "the job is over")
        assert job.status is JobStatus.SUCCEEDED
        assert (await aws.answer(job_id)).strip()
        assert list(aws.home.instances().values()) == ["terminated"]
        assert not [line for line in await logs_of(aws, record) if line.startswith("why:")]
        assert record.ready_at is not None
        assert record.ended_at is not None
        phases = {"ready": record.ready_at, "answered": job.finished_at or 0.0, "off": record.ended_at}
        print(", ".join(f"{name} after {at - record.created_at:.0f} s" for name, at in phases.items()))
