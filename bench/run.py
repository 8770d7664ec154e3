"""``./tlfif bench``: what TL-FIF adds to its engine. Compares in pairs within one run, because machines are noisy.

``--json`` prints one object; ``--only NAME`` measures one part; ``--rounds N`` sets the number of pairs.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]
os.environ["PYTHONPATH"] = str(ROOT / "src")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody's server compiles its modules at every start

import psutil

from bench.answers import direct, prompt, through_tlfif
from bench.attacks import attacks
from bench.aws import aws
from bench.facade import facade
from bench.figures import middle, percentile
from bench.history import cost
from bench.images import images
from bench.neighbours import computing
from bench.proxy import proxy
from bench.quality import quality
from bench.scale import scale
from bench.stage import MODEL, Stage, dump, stage
from bench.stores import stores
from bench.window import window
from tlfif.entrypoints.event_loop import run_event_loop
from tlfif.jobs.events import Event, EventKind

Report = dict[str, Any]
TTFT_PAIRS = 8
"""Pairs a round where only the first token is timed."""


async def ttft(stage: Stage, rounds: int) -> Report:
    """Added time to the first token, pair by pair.

    The engine's own time swings by a fifth from prompt to prompt, several times what is looked for: hence many pairs.
    """
    added, own, bare = [], [], []
    for number in range(rounds * TTFT_PAIRS):
        pair = [through_tlfif, direct] if number % 2 else [direct, through_tlfif]
        timed = {side: await side(stage, 1000 + number, 8) for side in pair}
        own.append(timed[through_tlfif].first * 1000)
        bare.append(timed[direct].first * 1000)
        added.append(own[-1] - bare[-1])
    return {
        "added_ttft_ms": middle(added),
        "added_ttft_p95_ms": round(percentile(own, 0.95) - percentile(bare, 0.95), 2),
        "ttft_ms": middle(own),
        "direct_ttft_ms": middle(bare),
    }


async def throughput(stage: Stage, rounds: int, readers: int) -> Report:
    """Tokens per second from the call to the end, for ``readers`` at once; ratio pair by pair."""
    ratios, own, bare = [], [], []

    async def speed(side: Callable[[Stage, int, int], Awaitable[Any]], base: int) -> float:
        begun = time.perf_counter()
        answers = await asyncio.gather(*(side(stage, base + reader, 256) for reader in range(readers)))
        return float(sum(answer.tokens for answer in answers) / (time.perf_counter() - begun))

    for number in range(rounds):
        base = 2000 + readers * 100 + number * readers
        first, second = (through_tlfif, direct) if number % 2 else (direct, through_tlfif)
        speeds = {first: await speed(first, base), second: await speed(second, base)}
        own.append(speeds[through_tlfif])
        bare.append(speeds[direct])
        ratios.append(own[-1] / bare[-1])
    return {
        f"throughput_ratio_{readers}": middle(ratios, 3),
        f"tokens_per_second_{readers}": middle(own, 1),
        f"direct_tokens_per_second_{readers}": middle(bare, 1),
    }


async def busy(stage: Stage, pairs: int) -> Report:
    """Tokens per second beside two processes that compute flat out, against the same without them, pair by pair."""
    ratios, quiet, beside = [], [], []

    async def speed(number: int) -> float:
        answer = await through_tlfif(stage, number, 100)
        return answer.tokens / answer.total

    for number in range(3000, 3000 + 2 * pairs, 2):
        quiet.append(await speed(number))
        with computing(2):
            beside.append(await speed(number + 1))
        ratios.append(beside[-1] / quiet[-1])
    return {
        "busy_tokens_per_second_ratio": middle(ratios, 3),
        "busy_tokens_per_second": middle(beside, 1),
        "busy_quiet_tokens_per_second": middle(quiet, 1),
    }


async def submits(stage: Stage, seconds: float) -> Report:
    """50 submits a second, sent on the clock whether or not the last one is answered; then all are cancelled."""
    took: list[float] = []
    tasks = []

    async def one(number: int) -> None:
        begun = time.perf_counter()
        body = {"prompt": prompt(number), "model": MODEL, "max_tokens": 1}
        response = await stage.raw.post("/v1/infer", json=body)
        took.append((time.perf_counter() - begun) * 1000)
        response.raise_for_status()

    await one(0)
    took.clear()
    begun = time.perf_counter()
    for number in range(int(seconds * 50)):
        await asyncio.sleep(max(0.0, begun + number / 50 - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    await stage.raw.post("/v1/machine/stop", json={"jobs": "cancel"})
    return {
        "submit_p50_ms": middle(took),
        "submit_p95_ms": round(percentile(took, 0.95), 2),
        "submit_p99_ms": round(percentile(took, 0.99), 2),
    }


async def cold(stage: Stage, rounds: int) -> Report:
    """From machine off to the first token."""
    took = []
    for number in range(rounds):
        await stage.raw.post("/v1/machine/stop", json={})
        await stage.until("off")
        took.append((await through_tlfif(stage, 5000 + number, 4)).first)
    return {"cold_first_token_s": middle(took, 3)}


async def cancel(stage: Stage, rounds: int) -> Report:
    """From the cancel request until the engine's process uses no more processor: its slot is free."""
    took = []
    await through_tlfif(stage, 6000, 1)
    for number in range(rounds):
        pid = (await stage.machine())["pids"]["engine"]
        engine = psutil.Process(pid)
        body = {"prompt": prompt(6100 + number), "model": MODEL, "max_tokens": 1500, "temperature": 0.0}
        job = (await stage.raw.post("/v1/infer", json=body)).json()["job_id"]
        async with aclosing(stage.client.follow(job)) as events:
            async for news in events:
                if isinstance(news, Event) and news.kind is EventKind.DELTA:
                    break
        begun = time.perf_counter()
        await stage.raw.post(f"/v1/jobs/{job}/cancel")
        last, free_at = sum(engine.cpu_times()[:2]), time.perf_counter()
        while time.perf_counter() - free_at < 0.15:
            await asyncio.sleep(0.005)
            now = sum(engine.cpu_times()[:2])
            if now > last:
                last, free_at = now, time.perf_counter()
        took.append((free_at - begun) * 1000)
    return {"cancel_ms": middle(took, 1), "cancel_max_ms": round(max(took), 1)}


async def at_rest(stage: Stage, seconds: float) -> Report:
    """The server's own cost while nobody asks: machine off, and machine ready."""
    await stage.raw.post("/v1/machine/stop", json={})
    await stage.until("off")
    await asyncio.sleep(1.0)
    off = await _cpu(stage.server, seconds)
    memory = stage.server.memory_info().rss / 2**20
    await through_tlfif(stage, 7000, 1)
    ready = await _cpu(stage.server, seconds)
    return {
        "server_idle_cpu_percent": round(off, 2),
        "server_ready_cpu_percent": round(ready, 2),
        "server_idle_mb": round(memory, 1),
    }


async def _cpu(process: psutil.Process, seconds: float) -> float:
    before, begun = sum(process.cpu_times()[:2]), time.perf_counter()
    await asyncio.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - begun)


def version(rounds: int) -> Report:
    """Warm ``./tlfif --version``, the whole command."""
    took = []
    command = [sys.executable, str(ROOT / "tlfif"), "--version"]
    if (ROOT / ".venv").exists():
        command = [getattr(sys, "_base_executable", sys.executable), str(ROOT / "tlfif"), "--version"]
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - begun)
    return {"version_s": middle(took[1:], 3)}


STAGED = ("ttft", "throughput_1", "throughput_4", "busy", "cancel", "submits", "cold", "at_rest", "quality")
"""Parts that need a machine with an engine."""
ALONE = ("scale",)
"""Measured only where it is asked for: minutes, for figures that no change of every day moves."""


async def on_stage(only: str | None, rounds: int) -> Report:
    """Those parts, or one of them."""
    report: Report = {}
    async with stage() as ready:
        await through_tlfif(ready, 1, 4)
        await direct(ready, 1, 4)
        parts: dict[str, Callable[[], Awaitable[Report]]] = {
            "ttft": lambda: ttft(ready, rounds),
            "throughput_1": lambda: throughput(ready, max(4, rounds // 2), 1),
            "throughput_4": lambda: throughput(ready, max(4, rounds // 2), 4),
            "busy": lambda: busy(ready, max(4, rounds // 2)),
            "cancel": lambda: cancel(ready, max(3, rounds // 3)),
            "submits": lambda: submits(ready, 10.0),
            "cold": lambda: cold(ready, max(3, rounds // 4)),
            "at_rest": lambda: at_rest(ready, 10.0),
            "quality": lambda: quality(ready, model=MODEL),
        }
        for name, part in parts.items():
            if only in (None, name):
                print(f"measuring {name} …", file=sys.stderr, flush=True)
                found = await part()
                report.update(found)
                print(f"  {found}", file=sys.stderr, flush=True)
    return report


async def measure(only: str | None, rounds: int) -> Report:
    """All parts, or one."""
    report: Report = {}
    if only in (None, *STAGED):
        report.update(await on_stage(only, rounds))
    parts: dict[str, Callable[[], Awaitable[Report]]] = {
        "facade": lambda: facade(max(4, rounds // 2)),
        "cost": cost,
        "window": lambda: window(rounds),
        "aws": lambda: asyncio.to_thread(aws, rounds),
        "attacks": attacks,
        "images": images,
        "proxy": lambda: proxy(rounds),
        "stores": lambda: asyncio.to_thread(run_event_loop, stores(rounds)),  # the server's own loop
        "scale": lambda: asyncio.to_thread(run_event_loop, scale(max(1, rounds // 4))),
    }
    for name, part in parts.items():
        if only == name or (only is None and name not in ALONE):
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            found = await part()
            report.update(found)
            print(f"  {found}", file=sys.stderr, flush=True)
    if only in (None, "version") and (ROOT / ".venv").exists():
        report.update(version(5))
    return report


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tlfif bench", description="What TL-FIF adds to its engine.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--only",
        help=f"one part: {', '.join(STAGED)}, facade, cost, window, aws, attacks, images, proxy, stores, scale, "
        "version",
    )
    parser.add_argument("--rounds", type=int, default=12, help="pairs per comparison (default 12)")
    args = parser.parse_args()
    report = asyncio.run(measure(args.only, args.rounds))
    if args.json:
        print(dump(report))
    else:
        for key, value in report.items():
            print(f"{key:32} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
