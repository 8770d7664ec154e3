"""What must hold after every fault, once things have settled: asked of the emulator itself, and of the tables."""

from datetime import UTC, datetime
from typing import Any

from tlfif.control.container import Container
from tlfif.jobs.events import Event
from tlfif.jobs.jobs import Job, JobStatus
from tlfif.money.spend.ledger import Ledger


def running_time(instance: dict[str, Any]) -> tuple[int, int]:
    """From when to when EC2 says that an ended instance ran, in epoch milliseconds; it keeps it to the second."""
    stopped = instance["StateTransitionReason"]  # User initiated (2026-11-23 04:00:00 UTC)
    ended = datetime.strptime(stopped[stopped.index("(") + 1 :][:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return int(instance["LaunchTime"].timestamp() * 1000), int(ended.timestamp() * 1000)


async def every_job_has_one_end_and_a_reason(home: Container) -> list[Job]:
    """No accepted job is in the air. Returns all jobs."""
    jobs = list((await home.jobs.list_jobs(limit=100)).jobs)
    for job in jobs:
        events = await home.jobs.events(job.id, after=0, limit=10_000)
        assert job.status.is_terminal, (job, events)
        ends = [event for event in events if event.kind.value in {status.value for status in _ENDS}]
        assert [event.kind.value for event in ends] == [job.status.value], "one end, told once"
        assert ends[0] is events[-1], "and nothing after it"
        assert why(job, events), "an end has its reason"
    return jobs


_ENDS = [status for status in JobStatus if status.is_terminal]


def why(job: Job, events: list[Event]) -> str:
    """The reason of a job's end."""
    if job.status is JobStatus.SUCCEEDED:
        return "answered" if job.receipt is not None and any(event.kind == "delta" for event in events) else ""
    if job.status is JobStatus.CANCELLED:
        return job.cancel_reason or ""
    return job.error_message or ""


async def nothing_is_left(home: Container, instances: list[dict[str, Any]], schedules: list[str]) -> None:
    """Nothing runs, nothing will be ended later, and no record is open."""
    assert [one["InstanceId"] for one in instances if one["State"]["Name"] != "terminated"] == []
    assert schedules == []
    assert await home.machines.active() is None


async def the_ledger_is_ec2s(ledger: Ledger, instances: list[dict[str, Any]]) -> None:
    """Every second that an instance ran is in it, and no other; nothing is set aside for what is over."""
    told = sorted((*running_time(one), one["InstanceType"]) for one in instances)
    spans = [span for _, span in await ledger.spans_after(0, from_ms=0)]
    kept = sorted((span.from_ms, span.to_ms or 0, span.instance_type) for span in spans)
    assert kept == told, f"in the ledger {kept}, at EC2 {told}"
    state = await ledger.state()
    assert (await ledger.open_spans(), dict(state.reserved)) == ([], {}), state
