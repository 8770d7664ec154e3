"""Put one embedded machine together and let it live."""

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.engines.llama_engine_process import LlamaEngineProcess
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.jobs.engine import Engine, EngineAddress
from tlfif.kernel.home import Home
from tlfif.machines.policy import JobPolicy, MachinePolicy
from tlfif.worker.living import Identity, live


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOrder:
    """What the host passed on the command line, read back."""

    machine_id: str
    home: Path
    model: str
    context_tokens: int
    model_sha256: str | None
    image: str
    idle_timeout_seconds: float
    job_policy: JobPolicy
    machine_policy: MachinePolicy


async def run_machine(order: MachineOrder, process: LlamaEngineProcess) -> None:
    """Live until the end; the engine process may be on its way up already."""
    importing = asyncio.create_task(asyncio.to_thread(_import_engine))
    jobs, machines = await open_sqlite_stores(
        Home(order.home).database, SystemIds(), default_idle_timeout=order.idle_timeout_seconds
    )

    async def connect(address: EngineAddress) -> Engine:
        await importing
        from tlfif.adapters.engines.fitted_engine import llama_engine

        return llama_engine(address, context_tokens=order.context_tokens)

    identity = Identity(
        machine_id=order.machine_id,
        boot_id=secrets.token_hex(8),
        model=order.model,
        model_sha256=order.model_sha256,
        image=order.image,
        idle_timeout_seconds=order.idle_timeout_seconds,
        job_policy=order.job_policy,
        machine_policy=order.machine_policy,
    )
    await live(identity, jobs=jobs, machines=machines, process=process, connect=connect, clock=SystemClock())


def _import_engine() -> None:
    """The HTTP client takes a quarter of a second to import: done while the engine loads the model."""
    import tlfif.adapters.engines.fitted_engine  # noqa: F401  # imported for its effect
