"""A machine that tests itself instead of serving: its scratch stores, and where its report goes. For both homes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tlfif.adapters.engines.installed_versions import installed_versions
from tlfif.adapters.local.system_clock import SystemIds
from tlfif.adapters.sqlite.sqlite_job_store import SqliteJobStore
from tlfif.adapters.sqlite.sqlite_machine_store import SqliteMachineStore
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.images.smoke_report import SmokeReport
from tlfif.jobs.engine import Engine, EngineAddress, EngineProcess
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import TlfifError
from tlfif.worker.lifecycle import MachineIdentity, run_lifecycle
from tlfif.worker.machine_life import MachineLife
from tlfif.worker.smoke_test import PATIENT_SECONDS, SmokeTest

LIMIT_SECONDS = 900.0
"""A candidate ends after this long, also where nobody is left to end it."""
SCRATCH = "smoke-test.db"
"""The candidate's own job file; the home's is never opened by a program that was not tested."""


async def run_smoke_test(
    identity: MachineIdentity,
    folder: Path,
    *,
    process: EngineProcess,
    connect: Callable[[EngineAddress], Awaitable[Engine]],
    clock: Clock,
    report: Callable[[SmokeReport], Awaitable[None]],
    on_ready: Callable[[], None] | None = None,
    packages: Sequence[str] = (),
    others_share: Callable[[], float] = lambda: 0.0,
) -> MachineLife:
    """Lead the life of the machine ``identity`` over a scratch job file in ``folder``, and hand what was found to
    ``report``, whatever comes of it. ``packages``: whose versions are reported beside the engine's own word.
    ``others_share``: see :class:`SmokeTest`.

    Raises what ``report`` raises; StorageError for the scratch file and TimeoutError, which are reported as well."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its log is shown to people
    for part in ("", "-wal", "-shm"):
        (folder / f"{SCRATCH}{part}").unlink(missing_ok=True)  # of an earlier start
    engines: list[EngineAddress] = []

    async def note_and_connect(address: EngineAddress) -> Engine:
        engines.append(address)
        return await connect(address)

    async def life() -> MachineLife:
        jobs, machines = await _scratch(folder)
        return await run_lifecycle(
            identity,
            jobs=jobs,
            machines=machines,
            process=process,
            connect=note_and_connect,
            clock=clock,
            on_ready=on_ready,
        )

    async def versions() -> Mapping[str, str]:
        return await installed_versions(engines[-1] if engines else None, packages)

    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            test = partial(SmokeTest, identity=identity, clock=clock, versions=versions, others_share=others_share)
            found, ended = await _tested(folder, test, life)
    except (TlfifError, TimeoutError) as error:
        late = f"The candidate's test was not done within {LIMIT_SECONDS:.0f} s."
        await report(SmokeReport(error=error.message if isinstance(error, TlfifError) else late))
        raise
    await report(found)
    return ended


async def _tested(
    folder: Path, test: Callable[..., SmokeTest], life: Callable[[], Awaitable[MachineLife]]
) -> tuple[SmokeReport, MachineLife]:
    jobs, machines = await _scratch(folder)
    try:
        return await test(jobs=jobs, machines=machines).run(life)
    finally:
        await jobs.close()
        await machines.close()


async def _scratch(folder: Path) -> tuple[SqliteJobStore, SqliteMachineStore]:
    return await open_sqlite_stores(folder / SCRATCH, SystemIds(), default_idle_timeout=PATIENT_SECONDS)
