"""Machines that misbehave, from launch to confirmed end: no prompt is lost, nothing runs on, all is metered."""

from pathlib import Path

import pytest

from tests.aws.emulator import Emulator
from tests.aws.hypervisor import Mischief
from tests.aws.journey import LOOK_SECONDS, Aws, an_aws, ledger_is_the_emulators
from tests.waiting import wait_until
from tlfif.jobs.jobs import JobStatus
from tlfif.machines.machine import MachineRecord, MachineState

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NO_OTHER = {"failed_start_backoff_seconds": 60.0}
"""Seconds until another machine is tried: longer than any test here."""
STORY = "Write a very long story about a king."


async def over_and_done(aws: Aws) -> MachineRecord:
    """The machine's end: EC2's, its processes', and the ledger's."""
    guest = await aws.guest()
    record = await aws.over()
    assert record.handle == guest.instance_id
    assert aws.home.instances()[guest.instance_id] == "terminated"
    await wait_until(lambda: not guest.family() or not guest.alive, "its processes are gone", every=LOOK_SECONDS)
    await ledger_is_the_emulators(aws, record)
    return record


async def test_boots_and_never_loads(emulator: Emulator, tmp_path: Path) -> None:
    async with an_aws(emulator, tmp_path, launch_limit_seconds=5.0, **NO_OTHER) as aws:
        aws.hypervisor.mischief = Mischief.NEVER_LOADS
        job_id = await aws.submit(max_tokens=2)
        record = await over_and_done(aws)
        assert (record.state, record.ready_at) == (MachineState.BROKEN, None)
        assert "not ready within" in record.reason
        assert (await aws.container.jobs.get(job_id)).status is JobStatus.QUEUED


async def test_loads_and_never_heartbeats(emulator: Emulator, tmp_path: Path) -> None:
    async with an_aws(emulator, tmp_path, launch_limit_seconds=7.0, **NO_OTHER) as aws:
        aws.hypervisor.mischief = Mischief.NEVER_BEATS
        job_id = await aws.submit(max_tokens=2)
        record = await over_and_done(aws)
        assert (record.state, record.heartbeat_at) == (MachineState.BROKEN, None)
        job = await aws.container.jobs.get(job_id)
        assert job.status in {JobStatus.SUCCEEDED, JobStatus.QUEUED}, "answered in time, or it waits on"


async def test_hangs_mid_answer(emulator: Emulator, tmp_path: Path) -> None:
    async with an_aws(emulator, tmp_path, heartbeat_valid_seconds=2.0, **NO_OTHER) as aws:
        job_id = await aws.submit(STORY, max_tokens=1500)
        await wait_until(lambda: aws.answer(job_id), "the answer has begun", every=LOOK_SECONDS)
        aws.hypervisor.mischief = Mischief.NEVER_BOOTS
        (await aws.guest()).hang()
        record = await over_and_done(aws)
        assert "silent" in record.reason
        job = await aws.container.jobs.get(job_id)
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 1)


async def test_its_processes_outlive_the_instance(emulator: Emulator, tmp_path: Path) -> None:
    """A system that does not shut down: the worker learns from its record that it is over, and ends."""
    async with an_aws(emulator, tmp_path, **NO_OTHER) as aws:
        aws.hypervisor.mischief = Mischief.STUCK
        job_id = await aws.submit(STORY, max_tokens=1500)
        await wait_until(lambda: aws.answer(job_id), "the answer has begun", every=LOOK_SECONDS)
        aws.hypervisor.mischief = Mischief.NEVER_BOOTS
        emulator.ec2.terminate_instances(InstanceIds=[(await aws.guest()).instance_id])
        await over_and_done(aws)

        async def back() -> bool:
            return (await aws.container.jobs.get(job_id)).status is JobStatus.QUEUED

        await wait_until(back, "the prompt is back in the queue", every=LOOK_SECONDS)
