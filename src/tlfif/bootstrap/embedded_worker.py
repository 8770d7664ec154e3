"""The worker of a machine on this computer: its stores and its engine's adapters. Imports little: each cold start waits
for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tlfif.adapters.engines.llama_engine_process import LlamaEngineProcess
from tlfif.adapters.local.steady_clock import SteadyClock
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.jobs.job_store import JobStore
from tlfif.kernel.data_folder import DataFolder
from tlfif.worker.lifecycle import MachineIdentity, run_lifecycle


async def run_embedded_worker(
    identity: MachineIdentity,
    data_folder: Path,
    process: LlamaEngineProcess,
    *,
    context_tokens: int,
    clock_offset: float,
    store: dict[str, str] | None = None,
) -> None:
    """Run until the machine ends. ``process`` may be starting already. ``clock_offset``: of the server's clock, because
    both write times into one file. ``store``: the server that keeps jobs (``StoreAddress.to_json``); None: they are in
    that file."""
    from tlfif.adapters.engines.adapter_engine import AdapterEngine, AdapterProcess

    connect_to = _connecting(context_tokens)
    adapting = AdapterProcess(process, DataFolder(data_folder).adapters)

    async def connect(address: EngineAddress) -> Engine:
        return AdapterEngine(adapting, connect_to, await connect_to(address, adapting.numbers()))

    ids = SystemIds()
    in_file, machines = await open_sqlite_stores(
        DataFolder(data_folder).database, ids, default_idle_timeout=identity.idle_timeout_seconds
    )
    jobs: JobStore = in_file
    if store is not None:
        from tlfif.adapters.redis.store_address import StoreAddress
        from tlfif.bootstrap.job_store import open_job_store

        await in_file.close()
        jobs = await open_job_store(StoreAddress.from_json(store), ids)
    clock = SteadyClock(SystemClock(), offset=clock_offset)
    await run_lifecycle(identity, jobs=jobs, machines=machines, process=adapting, connect=connect, clock=clock)


async def run_embedded_candidate(
    identity: MachineIdentity, folder: Path, process: EngineProcess, *, context_tokens: int
) -> None:
    """Run a candidate that tests itself until it ends; ``folder`` is its own, and gets its report. Raises what
    :func:`run_smoke_test` raises."""
    from tlfif.adapters.local.images.candidate_folder import CandidateFolder
    from tlfif.adapters.local.machines.processor_share import ProcessorShare
    from tlfif.bootstrap.smoke_test import run_smoke_test

    files = CandidateFolder(folder)
    await run_smoke_test(
        identity,
        folder,
        process=process,
        connect=_connecting(context_tokens),
        clock=SystemClock(),
        report=files.write_report,
        on_ready=files.ready.touch,
        packages=("xllamacpp",),
        others_share=ProcessorShare().of_others,
    )


def _connecting(context_tokens: int) -> Callable[..., Awaitable[Engine]]:
    importing = asyncio.create_task(asyncio.to_thread(_import_engine_client))

    async def connect(address: EngineAddress, adapters: Mapping[str, int] | None = None) -> Engine:
        await importing
        from tlfif.adapters.engines.fitted_engine import llama_engine

        return llama_engine(address, context_tokens=context_tokens, adapters=adapters)

    return connect


def _import_engine_client() -> None:
    """The HTTP client takes a quarter of a second to import; this is done while the engine loads the model."""
    import tlfif.adapters.engines.fitted_engine  # noqa: F401  # imported for its effect
