"""A whole home on the emulated AWS at work: control plane in the test, machines by the hypervisor, and a person."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.aws.afterwards import running_time
from tests.aws.emulator import Emulator
from tests.aws.home import MODEL, AwsHome, a_home
from tests.aws.hypervisor import Guest, Hypervisor, a_hypervisor
from tests.waiting import wait_until
from tlfif.bootstrap.aws import aws_container
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.control.container import Container
from tlfif.control.submit_job import Submission, submit_job
from tlfif.jobs.jobs import Job
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.request import Message, Sampling
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_types import USUAL_TYPES
from tlfif.money.spend.spans import MachineSpan

TICK_SECONDS = 0.5
LOOK_SECONDS = 0.2
"""Between two looks into a table: the emulator works for 10 ms on each, and the machine wants to get on, too."""


@dataclass(kw_only=True)
class Aws:
    """The control plane and the machines' ground beneath it. ``settings``: for another control plane of the home."""

    settings: AwsSettings
    container: Container
    hypervisor: Hypervisor
    home: AwsHome

    async def submit(self, prompt: str = "What is a cloud computer?", *, max_tokens: int = 12) -> str:
        """Have a prompt accepted; returns the job's id."""
        box = self.container
        result = await submit_job(
            Submission(
                messages=[Message(role="user", content=prompt)],
                max_tokens=max_tokens,
                sampling=Sampling(temperature=0.0),
                model=MODEL,
            ),
            jobs=box.jobs,
            machines=box.machines,
            models=box.models,
            policy=box.job_policy,
            clock=box.clock,
            ids=box.ids,
            control=box.control,
            budget=box.money.budget,
        )
        return result.job.id

    async def finished(self, job_id: str) -> Job:
        """The job once it has ended."""

        async def look() -> Job | None:
            job = await self.container.jobs.get(job_id)
            return job if job.status.is_terminal else None

        return await wait_until(look, f"{job_id} ended\n{self.hypervisor.logs()}", every=LOOK_SECONDS)

    async def answer(self, job_id: str) -> str:
        """The answer as its events tell it."""
        events = await self.container.jobs.events(job_id, after=0, limit=10_000)
        return "".join(str(event.data["text"]) for event in events if event.kind == "delta")

    async def machine(self, *states: MachineState) -> MachineRecord:
        """The newest machine, once it is in one of ``states``."""

        async def look() -> MachineRecord | None:
            record = await self.container.machines.latest()
            return record if record is not None and record.state in states else None

        return await wait_until(look, f"a machine {states}", every=LOOK_SECONDS)

    async def over(self) -> MachineRecord:
        """The newest machine, once EC2 has confirmed its end."""

        async def look() -> MachineRecord | None:
            record = await self.container.machines.latest()
            return record if record is not None and record.ended_at is not None else None

        return await wait_until(look, f"the machine's end is confirmed\n{self.hypervisor.logs()}", every=LOOK_SECONDS)

    async def guest(self) -> Guest:
        """The machine's processes, once there are some."""
        return await wait_until(lambda: next(iter(self.hypervisor.guests.values()), None), "an instance")


def quick(settings: AwsSettings, *, slower: float = 1.0, **machine: float) -> AwsSettings:
    """The policy's numbers, made small; times are so many times longer as the machine is ``slower``."""
    times = {"idle_timeout_seconds": 0.6, "heartbeat_seconds": 0.3, "stop_patience_seconds": 3.0}
    numbers: dict[str, float] = {"engine_slots": 1, **{name: time * slower for name, time in times.items()}}
    return settings.model_copy(
        update={
            "router_function": "",  # the router is here, in the test
            "job": replace(JobPolicy(), lease_seconds=3.0 * slower, heartbeat_seconds=0.5 * slower),
            "machine": replace(settings.machine, **{**numbers, **machine}),
        }
    )


@asynccontextmanager
async def an_aws(
    emulator: Emulator,
    folder: Path,
    *,
    change: Callable[[dict[str, Any]], None] | None = None,
    kind: Callable[..., Hypervisor] = Hypervisor,
    types: tuple[str, ...] = USUAL_TYPES,
    slower: float = 1.0,
    **machine: float,
) -> AsyncIterator[Aws]:
    """A home with nothing running. ``machine`` are numbers of its policy, ``change`` and ``kind`` the hypervisor's,
    ``types`` are tried in this order."""
    with a_home(emulator, folder) as home:
        guests = a_hypervisor(emulator, home=home.name, folder=folder / "instances", change=change, kind=kind)
        async with guests as hypervisor:
            settings = quick(home.settings, slower=slower, **machine).model_copy(
                update={
                    "endpoint_url": emulator.endpoint,
                    "instance_types": types,
                    "builder_template": home.template,
                }
            )
            container = aws_container(settings, session=emulator.session)
            ticking = asyncio.create_task(_tick(container))
            try:
                yield Aws(settings=settings, container=container, hypervisor=hypervisor, home=home)
                assert not ticking.done(), ticking
            finally:
                ticking.cancel()
                await asyncio.gather(ticking, return_exceptions=True)
                await container.close()


async def _tick(container: Container) -> None:
    while True:
        await container.reconciler.tick()
        await asyncio.sleep(TICK_SECONDS)


async def ledger_is_the_emulators(aws: Aws, record: MachineRecord) -> None:
    """The machine's span is closed, by EC2's own times; it keeps them to the second."""

    async def corrected() -> MachineSpan | None:
        span = await aws.container.money.ledger.span(record.id)
        return span if span is not None and span.corrected else None

    span = await wait_until(corrected, "the ledger has EC2's own times", every=LOOK_SECONDS)
    assert record.handle is not None
    instance = aws.hypervisor.record()[record.handle]
    assert (span.from_ms, span.to_ms) == running_time(instance)
    assert span.instance_type == instance["InstanceType"]
    assert await aws.container.money.ledger.open_spans() == []
