"""Submits straight into the stores of this computer, the file and a Redis server, by turns in one run.

The clock decides when one is sent, not the answer to the last: who is slow is asked again all the same. Both keep what
they accept on the same disk before they answer (SQLite ``synchronous=FULL``, Redis ``appendfsync always``).
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from bench.figures import middle, percentile
from tests.redis_process import SERVER, RedisProcess
from tlfif.adapters.local.system_clock import SystemIds
from tlfif.adapters.redis.open_store import open_redis_job_store
from tlfif.adapters.sqlite.stores import open_all_sqlite_stores
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.jobs import NewJob
from tlfif.jobs.request import GenerationRequest, Message, Sampling

Report = dict[str, Any]
PER_SECOND = 200
SECONDS = 2.0
"""Of one turn."""
WAITING = 10**6
"""More than ever wait here."""


async def stores(rounds: int) -> Report:
    """Milliseconds until a submit is accepted: the middle, and the slowest of a hundred, each the median of all turns;
    and what the second is of the other's, pair by pair."""
    if SERVER is None:
        print("not measured: stores needs redis-server or valkey-server", file=sys.stderr)
        return {}
    turns: dict[str, list[list[float]]] = {"sqlite": [], "redis": []}
    async with in_file() as file, in_redis() as redis:
        for number in range(rounds + 1):
            sides: list[tuple[str, JobStore]] = [("sqlite", file), ("redis", redis)]
            for name, store in sides if number % 2 else sides[::-1]:
                turns[name].append(await submits(store, PER_SECOND, SECONDS))
    slowest = {name: [percentile(turn, 0.99) for turn in found[1:]] for name, found in turns.items()}  # the first warms
    report: Report = {}
    for name, found in turns.items():
        report[f"store_{name}_submit_p50_ms"] = middle([middle(turn, 4) for turn in found[1:]])
        report[f"store_{name}_submit_p99_ms"] = middle(slowest[name])
    ratios = [redis / file for redis, file in zip(slowest["redis"], slowest["sqlite"], strict=True)]
    return report | {"store_submit_p99_ratio": middle(ratios)}


async def submits(store: JobStore, per_second: int, seconds: float) -> list[float]:
    """How long each took, in milliseconds. What was accepted is ended afterwards."""
    took: list[float] = []

    async def one() -> None:
        job = a_job()
        begun = time.perf_counter()
        await store.submit(job, now=time.time(), max_queued=WAITING)
        took.append((time.perf_counter() - begun) * 1000)

    gc.collect()
    begun, tasks = time.perf_counter(), []
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    await store.fail_queued(model="stub", code="budget_locked", message="Measured.", now=time.time())
    return took


def a_job() -> NewJob:
    """A prompt of usual length."""
    ids = SystemIds()
    request = GenerationRequest(
        model="stub",
        messages=(Message(role="user", content="What is a cloud computer, and who pays for it? " * 5),),
        max_tokens=64,
        sampling=Sampling(temperature=0.7, seed=7),
    )
    return NewJob(
        id=ids.new_id("job"),
        base=request.model,
        request=request,
        idempotency_key=ids.new_id("key"),
        expires_at=time.time() + 600,
    )


@asynccontextmanager
async def in_file() -> AsyncIterator[JobStore]:
    """A new store in a file, as a server opens it."""
    with tempfile.TemporaryDirectory(prefix="tlfif-stores-") as folder:
        opened = await open_all_sqlite_stores(
            Path(folder) / "tlfif.db", SystemIds(), default_idle_timeout=300.0, since_ms=0
        )
        yield opened.jobs
        await opened.close()


@asynccontextmanager
async def in_redis() -> AsyncIterator[JobStore]:
    """A new store in a server of its own."""
    with closing(RedisProcess()) as process:
        await asyncio.to_thread(process.start)
        store = await open_redis_job_store(process.address, SystemIds())
        yield store
        await store.close()
