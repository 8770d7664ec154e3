"""A prompt's whole journey on AWS: stores, router and EC2 over the emulator's sockets, a real worker, a real model."""

from pathlib import Path

import pytest

from tests.aws.emulator import Emulator
from tests.aws.hypervisor import Mischief
from tests.aws.journey import LOOK_SECONDS, an_aws, ledger_is_the_emulators
from tests.waiting import wait_until
from tlfif.jobs.jobs import JobStatus
from tlfif.machines.machine import MachineState

pytestmark = pytest.mark.engine

THIS_BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.mark.requirement("3.6.1", "6.1.1")
async def test_prompt_launch_answer_idle_terminated_ledger_closed(emulator: Emulator, tmp_path: Path) -> None:
    async with an_aws(emulator, tmp_path, types=("c7i.xlarge",)) as aws:
        assert aws.home.instances() == {}
        job = await aws.finished(await aws.submit())
        assert (job.status, job.error_code) == (JobStatus.SUCCEEDED, None)
        assert (await aws.answer(job.id)).strip()
        assert job.receipt is not None
        assert job.receipt.completion_tokens == 12
        record = await aws.over()
        assert record.state is MachineState.OFF
        assert "idle" in record.reason
        assert job.receipt.machine_id == record.id
        for named in (job.receipt, record):
            assert (named.instance_type, named.engine) == ("c7i.xlarge", "llama"), (
                "what AWS launched, and what answered"
            )
        assert list(aws.home.instances().values()) == ["terminated"]
        assert record.boot_id == THIS_BOOT, "the kernel's own"
        await ledger_is_the_emulators(aws, record)
        assert not (await aws.guest()).family(), "no process is left"
        assert aws.home.schedules() == []


async def test_a_machine_that_never_boots_is_ended_and_its_prompt_waits_on(emulator: Emulator, tmp_path: Path) -> None:
    async with an_aws(emulator, tmp_path, launch_limit_seconds=1.5, failed_start_backoff_seconds=60.0) as aws:
        aws.hypervisor.mischief = Mischief.NEVER_BOOTS
        job_id = await aws.submit(max_tokens=2)
        await aws.guest()
        record = await aws.over()
        assert (record.state, record.ready_at) == (MachineState.BROKEN, None)
        assert list(aws.home.instances().values()) == ["terminated"]
        assert (await aws.container.jobs.get(job_id)).status is JobStatus.QUEUED
        await ledger_is_the_emulators(aws, record)


async def test_ended_by_hand_mid_answer_the_prompt_goes_back_to_the_queue(emulator: Emulator, tmp_path: Path) -> None:
    async with an_aws(emulator, tmp_path, failed_start_backoff_seconds=60.0) as aws:
        job_id = await aws.submit("Write a very long story about a king.", max_tokens=1500)

        async def begun() -> str:
            return await aws.answer(job_id)

        await wait_until(begun, "the answer has begun", every=LOOK_SECONDS)
        aws.hypervisor.mischief = Mischief.NEVER_BOOTS
        (instance_id,) = aws.home.instances()
        emulator.ec2.terminate_instances(InstanceIds=[instance_id])
        await wait_until(lambda: not aws.hypervisor.guests[instance_id].alive, "its processes are gone")
        job = await aws.container.jobs.get(job_id)
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 0), "given back, and not the prompt's fault"
