"""What the server of this computer adds when another home answers: the same words, read by long-poll as commands read
them, and by a program through the server, event by event."""

import asyncio
import json
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2

from bench.figures import middle, percentile
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer, build_container
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.home_answers import HomeAnswers
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import JobStatus, Outcome

WORDS = 20
"""A round, sent a tenth of a second apart, as batches of an answer come."""


async def proxy(rounds: int) -> dict[str, Any]:
    """Milliseconds that a batch takes longer through the server; and a request without its answer."""
    with tempfile.TemporaryDirectory(prefix="tlfif-bench-") as folder:
        away = ApiServer(build_container(Path(folder) / "away"))
        away.start()
        there = FixedEndpoint(endpoint=Endpoint(base_url=away.url, token=TOKEN, streams=False, stays=True))
        here = ApiServer(build_container(Path(folder) / "here"), answers=HomeAnswers(there))
        here.start()
        added: list[float] = []
        try:
            for _ in range(rounds):
                added += await _round(away, here, there)
        finally:
            here.stop()
            away.stop()
    return {"proxy_batch_ms": middle(added), "proxy_batch_p95_ms": round(percentile(added, 0.95), 2)}


async def _round(away: ApiServer, here: ApiServer, there: FixedEndpoint) -> list[float]:
    through: dict[str, float] = {}
    direct: dict[str, float] = {}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"model": READY_MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    async with (
        httpx2.AsyncClient(base_url=here.url, headers=headers, timeout=60, trust_env=False) as program,
        program.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        job_id = answer.headers["x-tlfif-job-id"]

        async def read_through() -> None:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    choices = json.loads(line.removeprefix("data: "))["choices"]
                    word = choices[0]["delta"].get("content") if choices else None
                    through[word or ""] = time.perf_counter()

        async def read_direct() -> None:
            async with TlfifClient(there) as client, aclosing(client.follow(job_id)) as events:
                async for event in events:
                    if isinstance(event, Event) and event.kind is EventKind.DELTA:
                        direct[str(event.data["text"])] = time.perf_counter()

        readers = [asyncio.create_task(read()) for read in (read_through, read_direct)]
        claimed = await asyncio.to_thread(away.claim)
        for number in range(WORDS):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(away.append, claimed, 3 + number, f" {number}")
        await asyncio.to_thread(away.finish, claimed, 3 + WORDS, Outcome(status=JobStatus.SUCCEEDED))
        await asyncio.gather(*readers)
    return [1000 * (through[word] - direct[word]) for word in direct]
