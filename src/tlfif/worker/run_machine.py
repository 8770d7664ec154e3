"""Put one embedded machine together and let it live."""

import asyncio
import contextlib
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.local.llama_engine_process import LlamaEngineProcess
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.application.run_job import Provenance
from tlfif.bootstrap.home import Home
from tlfif.domain.policy import JobPolicy, MachinePolicy
from tlfif.ports.engine import Engine, EngineAddress
from tlfif.worker.machine_life import MachineLife
from tlfif.worker.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOrder:
    """What the host passed on the command line, read back."""

    machine_id: str
    home: Path
    model: str
    model_sha256: str | None
    image: str
    idle_timeout_seconds: float
    job_policy: JobPolicy
    machine_policy: MachinePolicy


async def run_machine(order: MachineOrder, process: LlamaEngineProcess) -> None:
    """Live until the end; the engine process may be on its way up already."""
    clock = SystemClock()
    importing = asyncio.create_task(asyncio.to_thread(_import_engine))
    jobs, machines = await open_sqlite_stores(
        Home(order.home).database, SystemIds(), default_idle_timeout=order.idle_timeout_seconds
    )

    async def connect(address: EngineAddress) -> Engine:
        await importing
        from tlfif.adapters.engines.openai_engine import OpenAIEngine

        return OpenAIEngine(address)

    provenance = Provenance(
        machine_id=order.machine_id, image=order.image, model=order.model, model_sha256=order.model_sha256
    )
    worker = Worker(
        jobs=jobs,
        clock=clock,
        provenance=provenance,
        policy=order.job_policy,
        slots=int(order.machine_policy.engine_slots),
    )
    life = MachineLife(
        machine_id=order.machine_id,
        boot_id=secrets.token_hex(8),
        model=order.model,
        pid=os.getpid(),
        machines=machines,
        worker=worker,
        process=process,
        connect=connect,
        policy=order.machine_policy,
        clock=clock,
        idle_timeout_seconds=order.idle_timeout_seconds,
    )
    _end_on_signals(life)
    try:
        await life.run()
    finally:
        await jobs.close()
        await machines.close()


def _import_engine() -> None:
    """The HTTP client takes a quarter of a second to import: done while the engine loads the model."""
    import tlfif.adapters.engines.openai_engine  # noqa: F401  # imported for its effect


def _end_on_signals(life: MachineLife) -> None:
    loop = asyncio.get_running_loop()
    # Windows has no signal handlers on the loop; there the end is forced, which the store survives as well.
    with contextlib.suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGTERM, lambda: life.end("asked to end", drain_seconds=0))
        loop.add_signal_handler(signal.SIGINT, lambda: None)
