"""What an OpenAI client pays for TL-FIF in front of the engine, in turns with the engine alone and, where there is one,
with LiteLLM's proxy in front of the same engine."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.answers import Timed, prompt
from bench.figures import middle
from bench.stage import MODEL, Stage, stage

LITELLM = os.environ.get("BENCH_LITELLM", "")
"""The ``litellm`` program of an environment of its own (``pip install 'litellm[proxy]'``); empty: it is left out."""
TOKENS = 100
OPEN_STREAMS = 200


@dataclass(frozen=True, slots=True)
class Target:
    """A server that speaks OpenAI's dialect."""

    name: str
    http: httpx2.AsyncClient


async def facade(rounds: int) -> dict[str, Any]:
    """First token and tokens a second for one and for four streams, in front of the real engine and of a paced one."""
    report: dict[str, Any] = {}
    for kind, paced in (("", False), ("paced_", True)):
        async with stage(paced=paced) as ready, _targets(ready) as targets:
            for target in targets:
                await _streamed(target, 1, 4)
            for readers in (1, 4):
                report.update(await _in_turns(targets, rounds, readers, f"facade_{kind}"))
            if paced:
                report.update(await _many(ready, next(one for one in targets if one.name == "tlfif")))
    return report


async def _in_turns(targets: list[Target], rounds: int, readers: int, name: str) -> dict[str, Any]:
    firsts: dict[str, list[float]] = {target.name: [] for target in targets}
    speeds: dict[str, list[float]] = {target.name: [] for target in targets}
    for number in range(rounds):
        turn = number % len(targets)
        for target in targets[turn:] + targets[:turn]:
            begun = time.perf_counter()
            # A prompt of its own: two of them are in front of one engine, which remembers what it has read.
            base = 1000 * readers + 300 * targets.index(target) + number * readers
            timed = await asyncio.gather(*(_streamed(target, base + reader, TOKENS) for reader in range(readers)))
            seconds = time.perf_counter() - begun
            firsts[target.name].append(sum(one.first for one in timed) / readers * 1000)
            speeds[target.name].append(sum(one.tokens for one in timed) / seconds)
    report: dict[str, Any] = {}
    for target in targets[1:]:
        added = [own - bare for own, bare in zip(firsts[target.name], firsts["direct"], strict=True)]
        ratios = [own / bare for own, bare in zip(speeds[target.name], speeds["direct"], strict=True)]
        report[f"{name}{target.name}_added_ttft_ms_{readers}"] = middle(added, 1)
        report[f"{name}{target.name}_throughput_ratio_{readers}"] = middle(ratios, 3)
    return report


async def _many(ready: Stage, target: Target) -> dict[str, Any]:
    """The server's memory while two hundred streams are open."""
    streams = [asyncio.create_task(_streamed(target, 9000 + number, 8)) for number in range(OPEN_STREAMS)]
    most = 0
    while not all(one.done() for one in streams):
        most = max(most, ready.server.memory_info().rss)
        await asyncio.sleep(0.2)
    failed = [one for one in streams if one.exception() is not None]
    return {"facade_streams": OPEN_STREAMS - len(failed), "facade_streams_server_mb": round(most / 1e6)}


async def _streamed(target: Target, number: int, max_tokens: int) -> Timed:
    try:
        return await _streamed_once(target, number, max_tokens)
    except httpx2.RemoteProtocolError:
        if target.name != "direct":
            raise
        # llama.cpp closes each connection behind a stream, on a busy machine so late that it is used once more.
        return await _streamed_once(target, number, max_tokens)


async def _streamed_once(target: Target, number: int, max_tokens: int) -> Timed:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt(number)}],
        "max_tokens": max_tokens,
        "temperature": 0.0,
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    begun, first, tokens = time.perf_counter(), 0.0, 0
    async with target.http.stream("POST", "/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            piece = json.loads(line[6:])
            if not first and any(choice["delta"].get("content") for choice in piece["choices"]):
                first = time.perf_counter() - begun
            tokens = (piece.get("usage") or {}).get("completion_tokens") or tokens
    return Timed(first, time.perf_counter() - begun, tokens)


@asynccontextmanager
async def _targets(ready: Stage) -> AsyncIterator[list[Target]]:
    """The engine alone first."""
    address = ready.direct_address
    # LiteLLM closes a connection that rests for five seconds, perhaps just when it is used again.
    limits = httpx2.Limits(max_connections=OPEN_STREAMS + 10, keepalive_expiry=2.0)
    key = {"Authorization": f"Bearer {address.api_key}"}
    direct = httpx2.AsyncClient(base_url=address.base_url, headers=key, timeout=120, trust_env=False, limits=limits)
    own = httpx2.AsyncClient(
        base_url=ready.raw.base_url, headers=ready.raw.headers, timeout=300, trust_env=False, limits=limits
    )
    async with direct, own:
        targets = [Target("direct", direct), Target("tlfif", own)]
        if not LITELLM:
            yield targets
            return
        with _litellm(ready) as url:
            async with httpx2.AsyncClient(base_url=url, timeout=120, trust_env=False, limits=limits) as proxy:
                await _until_up(proxy)
                yield [*targets, Target("litellm", proxy)]


@contextmanager
def _litellm(ready: Stage) -> Iterator[str]:
    address, folder = ready.direct_address, ready.home.root
    config = Path(folder) / "litellm.yaml"
    entry = {
        "model_name": MODEL,
        "litellm_params": {
            "model": f"openai/{MODEL}",
            "api_base": f"{address.base_url}/v1",
            "api_key": address.api_key,
        },
    }
    config.write_text(json.dumps({"model_list": [entry]}))  # JSON is YAML
    with (Path(folder) / "litellm.log").open("wb") as log:
        port = 40000 + os.getpid() % 20000
        child = subprocess.Popen(
            [LITELLM, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "PYTHONPATH": "",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            },
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            for process in psutil.Process(child.pid).children(recursive=True):
                process.terminate()
            child.terminate()
            child.wait(20)


async def _until_up(proxy: httpx2.AsyncClient) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if (await proxy.get("/health/liveliness")).status_code == 200:
                return
        except httpx2.RequestError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("LiteLLM did not start")
        await asyncio.sleep(0.5)
