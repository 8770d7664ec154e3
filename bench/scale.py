"""How much each store takes: prompts accepted, jobs answered by 1, 2 and 4 workers with a stub engine, reads.

A stub engine answers in a fifth of a second, eight at once, so a worker makes 40 a second at most: as long as the
store is in nobody's way, two make twice as many. ``flat_out``: two workers whose engine takes no time. DynamoDB is the
emulator, which does one request at a time and slows down with what is in it: its figures are the emulator's own.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.aws_home import ROOT, aws_home
from bench.figures import middle
from bench.scale_worker import open_store
from bench.stores import WAITING, a_job
from tests.redis_process import RedisProcess
from tlfif.adapters.local.system_clock import SystemIds
from tlfif.adapters.sqlite.stores import open_all_sqlite_stores
from tlfif.jobs.job_store import JobStore

Report = dict[str, Any]
WORKERS = (1, 2, 4)
ANSWER_SECONDS = 0.2
SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A store that is measured: ``jobs`` for each worker of a run; ``callers`` ask at once."""

    kind: str
    place: str
    store: JobStore
    jobs: int
    callers: int = 16


async def scale(rounds: int) -> Report:
    """The middle of ``rounds`` runs of each, by turns."""
    found: dict[str, list[float]] = {}
    async with _sqlite() as file, _redis() as redis:
        for _ in range(rounds):
            for one in (file, redis):
                await _measure_asks(one, found)
                for workers in WORKERS:
                    await _measure_answers(one, workers, found)
                _keep(found, f"scale_{one.kind}_jobs_per_second_flat_out", await answered_per_second(one, 2, 0.0))
    async with _redis("--appendfsync", "no") as unsynced:  # how much of it is the disk
        _keep(found, "scale_redis_unsynced_jobs_per_second_4", await answered_per_second(unsynced, 4, ANSWER_SECONDS))
    for workers in (0, *WORKERS):  # a new emulator each: it slows down with what is in it
        async with _dynamo() as dynamo:
            await (_measure_answers(dynamo, workers, found) if workers else _measure_asks(dynamo, found))
    return {name: middle(values, 1) for name, values in found.items()}


async def _measure_asks(one: Measured, found: dict[str, list[float]]) -> None:
    async def accept() -> object:
        return await one.store.submit(a_job(), now=time.time(), max_queued=WAITING)

    _keep(found, f"scale_{one.kind}_submits_per_second", await per_second(accept, one.callers))
    (job,) = (await one.store.list_jobs(limit=1)).jobs
    reads = await per_second(lambda: one.store.events(job.id, after=0, limit=9), one.callers)
    _keep(found, f"scale_{one.kind}_reads_per_second", reads)
    await _end_all(one.store)


async def _measure_answers(one: Measured, workers: int, found: dict[str, list[float]]) -> None:
    answered = await answered_per_second(one, workers, ANSWER_SECONDS)
    _keep(found, f"scale_{one.kind}_jobs_per_second_{workers}", answered)


def _keep(found: dict[str, list[float]], name: str, value: float) -> None:
    found.setdefault(name, []).append(value)
    print(f"  {name} {value:.1f}", file=sys.stderr, flush=True)


async def per_second(call: Callable[[], Awaitable[object]], callers: int) -> float:
    """How often it is done in a second where each caller asks again as soon as it is answered."""
    done, until = 0, time.perf_counter() + SECONDS

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await call()
            done += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    return done / SECONDS


async def answered_per_second(one: Measured, workers: int, seconds: float) -> float:
    """Jobs that wait already, until the last is answered."""
    jobs = one.jobs * workers
    for start in range(0, jobs, one.callers):
        size = min(one.callers, jobs - start)
        await asyncio.gather(*(one.store.submit(a_job(), now=time.time(), max_queued=WAITING) for _ in range(size)))
    children = [await asyncio.to_thread(_worker, one, number, seconds) for number in range(workers)]
    try:
        begun = time.perf_counter()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        while (counts := await one.store.counts()).queued + counts.running:  # noqa: ASYNC110  # of other processes
            await asyncio.sleep(0.02 if one.kind != "dynamo" else 0.5)
        return jobs / (time.perf_counter() - begun)
    finally:
        for child in children:
            await asyncio.to_thread(child.communicate)


def _worker(one: Measured, number: int, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.scale_worker", one.kind, one.place, str(number), str(seconds)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


async def _end_all(store: JobStore) -> None:
    await store.fail_queued(model="stub", code="budget_locked", message="Measured.", now=time.time())


@asynccontextmanager
async def _sqlite() -> AsyncIterator[Measured]:
    with tempfile.TemporaryDirectory(prefix="tlfif-scale-") as folder:
        place = Path(folder) / "tlfif.db"
        opened = await open_all_sqlite_stores(place, SystemIds(), default_idle_timeout=300.0, since_ms=0)
        yield Measured(kind="sqlite", place=str(place), store=opened.jobs, jobs=160)
        await opened.close()


@asynccontextmanager
async def _redis(*options: str) -> AsyncIterator[Measured]:
    with closing(RedisProcess(*options)) as process:
        await asyncio.to_thread(process.start)
        store = await open_store("redis", process.url)
        yield Measured(kind="redis", place=process.url, store=store, jobs=160)
        await store.close()


@asynccontextmanager
async def _dynamo() -> AsyncIterator[Measured]:
    with aws_home():
        store = await open_store("dynamo", "")
        yield Measured(kind="dynamo", place="-", store=store, jobs=6, callers=4)
        await store.close()
