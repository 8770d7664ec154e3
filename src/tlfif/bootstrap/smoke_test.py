"""A machine that tests itself instead of serving: its scratch stores, and where its report goes. For both homes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from tlfif.adapters.engines.installed_versions import installed_versions
from tlfif.adapters.local.system_clock import SystemIds
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
    served: EngineAddress | None = None,
) -> MachineLife:
    """Lead the life of the machine ``identity`` over a scratch job file in ``folder``, and hand what was found to
    ``report``, whatever comes of it. ``served``: vLLM's address, where the engine is a service of its own.

    Raises what ``report`` raises, and StorageError for the scratch file, which is reported as well."""

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its log is shown to people

    async def life() -> MachineLife:
        jobs, machines = await open_sqlite_stores(
            folder / SCRATCH, SystemIds(), default_idle_timeout=identity.idle_timeout_seconds
        )
        return await run_lifecycle(
            identity,
            jobs=jobs,
            machines=machines,
            process=process,
            connect=connect,
            clock=clock,
            on_ready=on_ready,
        )

    for part in ("", "-wal", "-shm"):
        (folder / f"{SCRATCH}{part}").unlink(missing_ok=True)  # of an earlier start
    try:
        jobs, machines = await open_sqlite_stores(folder / SCRATCH, SystemIds(), default_idle_timeout=PATIENT_SECONDS)
        try:
            test = SmokeTest(
                identity=identity,
                jobs=jobs,
                machines=machines,
                clock=clock,
                versions=lambda: installed_versions(served=served),
            )
            async with asyncio.timeout(LIMIT_SECONDS):
                found, ended = await test.run(life)
        finally:
            await jobs.close()
            await machines.close()
    except TlfifError as error:
        await report(SmokeReport(error=error.message))
        raise
    except TimeoutError:
        await report(SmokeReport(error=f"The candidate's test was not done within {LIMIT_SECONDS:.0f} s."))
        raise
    await report(found)
    return ended
