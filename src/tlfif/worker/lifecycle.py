"""Runs a machine's worker and its engine from start to end, wherever the machine is."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.policy import JobPolicy
from tlfif.jobs.run_job import Provenance
from tlfif.kernel.clock import Clock
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.worker.machine_life import MachineLife
from tlfif.worker.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineIdentity(Provenance):
    """Which machine this is, which model it serves, and its policies."""

    boot_id: str
    idle_timeout_seconds: float
    job_policy: JobPolicy
    machine_policy: MachinePolicy


async def run_lifecycle(
    identity: MachineIdentity,
    *,
    jobs: JobStore,
    machines: MachineStore,
    process: EngineProcess,
    connect: Callable[[EngineAddress], Awaitable[Engine]],
    clock: Clock,
    on_ready: Callable[[], None] | None = None,
) -> MachineLife:
    """Run the machine until it ends and close the stores; returns its life, which has the reason for the end.

    SIGTERM ends it at once: jobs go back to the queue. ``on_ready`` is called each time an engine has passed its first
    generation, before the first job.
    """
    worker = Worker(
        jobs=jobs,
        clock=clock,
        provenance=identity,
        policy=identity.job_policy,
        slots=int(identity.machine_policy.engine_slots),
        why_ended=process.why_ended,
    )
    life = MachineLife(
        machine_id=identity.machine_id,
        boot_id=identity.boot_id,
        model=identity.model,
        pid=os.getpid(),
        machines=machines,
        worker=worker,
        process=process,
        connect=connect,
        policy=identity.machine_policy,
        clock=clock,
        idle_timeout_seconds=identity.idle_timeout_seconds,
        image=identity.image,
        on_ready=on_ready,
        instance_type=identity.instance_type,
        engine_kind=identity.engine,
    )
    _end_on_signals(life)
    try:
        await life.run()
    finally:
        await jobs.close()
        await machines.close()
    return life


def _end_on_signals(life: MachineLife) -> None:
    loop = asyncio.get_running_loop()
    # Windows has no signal handlers on the loop; there the process is killed, which the store survives as well.
    with contextlib.suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGTERM, lambda: life.end("asked to end", drain_seconds=0))
        loop.add_signal_handler(signal.SIGINT, lambda: None)
