"""``GET /v1/cost`` with a year behind it, over real loopback HTTP; and what the budget adds to a submit.

A home of its own is filled through the file itself: 100,000 answers over a year on 8,000 runs of a machine a month, and
a machine that runs now and has made 3,000 of them. Then the real server answers. The machine is a process that sleeps.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.figures import middle, percentile
from bench.stage import CLOSED_HUB, MODEL
from tlfif.adapters.local.system_clock import SystemIds
from tlfif.adapters.sqlite.stores import open_all_sqlite_stores
from tlfif.bootstrap.embedded import IMAGE
from tlfif.jobs.endings import receipt_data
from tlfif.jobs.jobs import FinishReason, Receipt
from tlfif.jobs.request import GenerationRequest, Message, Sampling
from tlfif.kernel.data_folder import DataFolder, read_server
from tlfif.money.prices.prices import DEFAULT_INSTANCE_TYPE, DEFAULT_REGION

JOBS = 100_000
BUSY_ANSWERS = 3_000
"""Of them, by the machine that runs now: one a second."""
RUNS = 12 * 8_000
YEAR_SECONDS = 365 * 86_400
RUN_SECONDS = 240.0
REQUESTS = 500
SUBMITS = 20
"""In a row, with the budget's check and without, five times each."""
BUDGETS: dict[str, dict[str, Any]] = {
    "submit_no_limit_ms": {"limit_eur": None},
    "submit_practice_ms": {"limit_eur": 90_000, "simulated_aws": True},
}


async def cost() -> dict[str, float]:
    """The time of ``GET /v1/cost``: the first after a start, which adds the year up, and those after it."""
    with tempfile.TemporaryDirectory(prefix="tlfif-bench-") as folder:
        home = DataFolder(Path(folder))
        machine = _process("-c", "import time; time.sleep(600)")
        try:
            await fill(home, machine.pid)
            async with _server(home) as raw:
                first = await _timed(raw)
                took = [await _timed(raw) for _ in range(REQUESTS)]
                return {
                    "cost_first_ms": round(first, 2),
                    "cost_p50_ms": middle(took),
                    "cost_p99_ms": round(percentile(took, 0.99), 2),
                    **await _submits(raw),
                }
        finally:
            machine.kill()
            machine.wait(20)


async def _timed(raw: httpx2.AsyncClient) -> float:
    begun = time.perf_counter()
    response = await raw.get("/v1/cost")
    took = (time.perf_counter() - begun) * 1000
    if len(response.raise_for_status().json()["receipts"]) != 5:
        raise ValueError("the filled home has receipts, and the server shows none")
    return took


async def _submits(raw: httpx2.AsyncClient) -> dict[str, float]:
    """Side by side: no limit, and a practice whose sums are looked at with every prompt."""
    took: dict[str, list[float]] = {name: [] for name in BUDGETS}
    for _ in range(5):
        for name, body in BUDGETS.items():
            (await raw.put("/v1/budget", json=body)).raise_for_status()
            for _ in range(SUBMITS):
                begun = time.perf_counter()
                response = await raw.post("/v1/infer", json={"prompt": "Hello", "model": MODEL})
                took[name].append((time.perf_counter() - begun) * 1000)
                response.raise_for_status()
    return {name: middle(values) for name, values in took.items()}


def _process(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *arguments], env={**os.environ, **environment}, start_new_session=True)


@asynccontextmanager
async def _server(home: DataFolder) -> AsyncIterator[httpx2.AsyncClient]:
    child = _process("-P", "-m", "tlfif.entrypoints.server", TLFIF_HOME=str(home.root), TLFIF_HUB_URL=CLOSED_HUB)
    try:
        deadline = time.monotonic() + 20
        while (found := read_server(home)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError("the server did not start")
            await asyncio.sleep(0.02)
        headers = {"Authorization": f"Bearer {home.token.read_text()}"}
        async with httpx2.AsyncClient(base_url=found.base_url, headers=headers, timeout=60, trust_env=False) as raw:
            yield raw
            await raw.post("/v1/server/stop")
    finally:
        child.terminate()
        child.wait(20)


async def fill(home: DataFolder, machine_pid: int) -> None:
    """A year's history in a new home; the process ``machine_pid`` is its running machine."""
    home.root.mkdir(parents=True, exist_ok=True)
    now = time.time()
    stores = await open_all_sqlite_stores(
        home.database, SystemIds(), default_idle_timeout=300.0, since_ms=int((now - YEAR_SECONDS) * 1000)
    )
    await stores.ledger.state()
    await stores.close()
    handle = f"{machine_pid}:{psutil.Process(machine_pid).create_time():.3f}"
    with closing(sqlite3.connect(home.database)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            "INSERT INTO machines (id, state, model, image, created_at, reason, handle, ready_at, heartbeat_at, "
            "ended_at, drain_requested, boot_id) VALUES (?, ?, ?, ?, ?, 'bench', ?, ?, ?, ?, 0, 'boot')",
            _machines(now, handle),
        )
        connection.execute(
            "INSERT INTO phase_timings (machine, phase, seconds) "
            "SELECT m.position, p.phase, 1.0 FROM machines m, (SELECT 'launch' AS phase UNION SELECT 'engine_start') p"
        )
        connection.executemany(
            "INSERT INTO machine_spans VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
            _spans(now),
        )
        connection.executemany(
            "INSERT INTO jobs (position, id, status, base, fingerprint, created_at, wait_seconds, expires_at, "
            "attempt, worker_id, started_at, finished_at, receipt) "
            "VALUES (?, ?, 'succeeded', ?, 'f', ?, 3600, ?, 1, ?, ?, ?, ?)",
            _jobs(now),
        )
        request = GenerationRequest(
            model=MODEL,
            messages=(Message(role="user", content="Hello"),),
            max_tokens=64,
            sampling=Sampling(temperature=0.7),
        ).to_json()
        connection.executemany("INSERT INTO requests VALUES (?, ?)", ((at, request) for at in range(1, JOBS + 1)))
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, '{}')",
            ((at, seq, kind, now) for at in range(1, JOBS + 1) for seq, kind in ((1, "queued"), (2, "succeeded"))),
        )


def _begun(number: int, now: float) -> float:
    """When run ``number`` began; the last one is the machine that runs now."""
    if number == RUNS:
        return now - BUSY_ANSWERS - 60
    return now - YEAR_SECONDS + number * (YEAR_SECONDS - 2 * BUSY_ANSWERS) / RUNS


def _machines(now: float, handle: str) -> Iterator[tuple[object, ...]]:
    for number in range(RUNS + 1):
        begun, runs = _begun(number, now), number == RUNS
        ended = None if runs else begun + RUN_SECONDS
        yield (
            f"machine_{number}",
            "ready" if runs else "off",
            MODEL,
            IMAGE,
            begun,
            handle if runs else "1:1.000",
            begun + 3,
            now if runs else ended,
            ended,
        )


def _spans(now: float) -> Iterator[tuple[object, ...]]:
    for number in range(RUNS + 1):
        begun = int(_begun(number, now) * 1000)
        ended = None if number == RUNS else begun + int(RUN_SECONDS * 1000)
        yield (f"machine_{number}", DEFAULT_INSTANCE_TYPE, DEFAULT_REGION, begun, begun + 3000, ended, number + 1)


def _jobs(now: float) -> Iterator[tuple[object, ...]]:
    receipt = json.dumps(
        receipt_data(
            Receipt(
                model=MODEL,
                image=IMAGE,
                attempt=1,
                prompt_tokens=12,
                completion_tokens=40,
                finish_reason=FinishReason.STOP,
                queue_seconds=0.1,
                first_token_seconds=0.3,
                total_seconds=0.9,
            )
        )
    )
    history = JOBS - BUSY_ANSWERS
    for position in range(1, JOBS + 1):
        late = position - history
        run = RUNS if late > 0 else position * (RUNS - 1) // history
        begun = now - BUSY_ANSWERS + late - 2 if late > 0 else _begun(run, now) + 5
        yield (
            position,
            f"job_{position:032x}",
            MODEL,
            begun,
            begun + 3600,
            f"machine_{run}",
            begun + 0.1,
            begun + 0.9,
            receipt,
        )
