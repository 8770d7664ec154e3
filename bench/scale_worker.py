"""A worker of ``bench/scale.py`` in a process of its own: the real worker, over the real store, with a stub engine.

``python -m bench.scale_worker STORE PLACE NUMBER SECONDS`` answers each prompt in ``SECONDS``, eight at once. It
prints a line when it is ready, begins at a line of its standard input, and ends with it. ``STORE``: sqlite (``PLACE``
is the file), redis (the address), dynamo (told by the environment, as on AWS).
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from random import Random

import uvloop

from tests.fakes.engine import FakeEngine
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.jobs.engine import Chunk
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.policy import AWS_JOB_POLICY, JobPolicy
from tlfif.jobs.request import GenerationRequest
from tlfif.jobs.run_job import Provenance
from tlfif.worker.worker import Worker

SLOTS = 8


async def open_store(kind: str, place: str) -> JobStore:
    """As the worker of that home opens it."""
    if kind == "sqlite":
        from tlfif.adapters.sqlite.stores import open_sqlite_stores

        jobs, _ = await open_sqlite_stores(Path(place), SystemIds(), default_idle_timeout=300.0)
        return jobs
    if kind == "redis":
        from tlfif.adapters.redis.open_store import open_redis_job_store
        from tlfif.adapters.redis.store_address import StoreAddress

        return await open_redis_job_store(StoreAddress(url=place), SystemIds())
    from tlfif.adapters.aws.calls.clients import AwsClients
    from tlfif.bootstrap.aws import open_aws_stores
    from tlfif.bootstrap.aws_settings import load_aws_settings

    settings = load_aws_settings()
    clients = AwsClients(region=settings.region, endpoint_url=settings.endpoint_url)
    return open_aws_stores(settings, clients=clients, clock=SystemClock(), ids=SystemIds(), rng=Random(1)).jobs


class StubEngine(FakeEngine):
    """Says a few words after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See the port."""
        await asyncio.sleep(self._seconds)
        async for chunk in super().generate(request):
            yield chunk


async def work(kind: str, place: str, number: str, seconds: str) -> None:
    """Answer what waits until standard input ends."""
    jobs = await open_store(kind, place)
    await jobs.counts()
    provenance = Provenance(machine_id=f"machine_{number}", image="bench", model="stub", model_sha256=None)
    policy = AWS_JOB_POLICY if kind == "dynamo" else JobPolicy()
    worker = Worker(jobs=jobs, clock=SystemClock(), provenance=provenance, policy=policy, slots=SLOTS)
    worker.engine_up(StubEngine(float(seconds)))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    running = asyncio.create_task(worker.run())
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await jobs.close()


if __name__ == "__main__":
    uvloop.run(work(*sys.argv[1:]))
