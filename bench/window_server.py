"""A stand-in for the server: real HTTP on loopback, words by the clock. An engine would take the cores it measures on.

What it says of machine, cost and models is what the real server says, with a machine that runs.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bench.stage import MODEL
from tlfif.api.event_stream import sse
from tlfif.jobs.events import Event, EventKind

Views = dict[str, Any]
"""By path, what the real server answered."""
WORDS = "the river carries salt and old letters past a bridge where glass clocks turn slowly under grey light".split()  # noqa: SIM905  # a sentence is read more easily than a list of words
FINISHED = {
    "model": MODEL, "model_sha256": None, "image": None, "instance_type": None, "engine": "llama",
    "machine_id": "m-bench", "attempt": 1, "prompt_tokens": 100,
    "completion_tokens": 0, "finish_reason": "length", "queue_seconds": 0.01, "first_token_seconds": 0.1,
    "total_seconds": 20.0, "tokens_per_second": 100.0,
}  # fmt: skip


def tokens(seed: int) -> Iterator[str]:
    """Words without end, as models set them: short lines, lists, code, tables, quotes, links, mathematics, and now and
    then a paragraph of 300 words."""
    chance = random.Random(seed)
    for paragraph in count(1):
        if paragraph % 5 == 0:
            yield from ("```", "python\n", "for ", "line ", "in ", "lines:\n", "    print", "(line", ")\n", "```\n")
        if paragraph % 7 == 0:
            yield from (
                "> As *he* said: ",
                "see [the",
                " page](https://example.org/",
                f"{paragraph}) for $x^",
                "2$.\n\n",
            )
            yield from ("| Name ", "| Value |\n", "|---|---:|\n", *(f"| row {n} | {n * n} |\n" for n in range(6)), "\n")
        length = 300 if paragraph % 8 == 0 else chance.randint(6, 28)
        if paragraph % 3 == 0:
            yield "- **"
            yield f"{chance.choice(WORDS)}**"
        for _ in range(length):
            yield f" {chance.choice(WORDS)}"
        yield ".\n" if paragraph % 4 else ".\n\n"


def text_of(lines: int, seed: int) -> str:
    """An answer of so many lines."""
    found = ""
    for token in tokens(seed):
        found += token
        if found.count("\n") >= lines:
            return found.rstrip("\n")
    raise AssertionError("words have no end")


@dataclass
class StandIn:
    """Answers each prompt with ``answer_tokens`` tokens, ``per_second`` of them (0: at once), one event each."""

    views: Views
    answer_tokens: int
    per_second: float
    jobs: dict[str, int] = field(default_factory=dict)
    url: str = ""
    open: dict[asyncio.StreamWriter, "asyncio.Task[None] | None"] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open[writer] = asyncio.current_task()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                method, target, _ = lines[0].split(" ")
                sizes = (line.partition(":")[2] for line in lines if line.lower().startswith("content-length:"))
                await reader.readexactly(int(next(sizes, "0")))
                path = target.partition("?")[0]
                if (method, path) == ("POST", "/v1/infer"):
                    await self._stream(writer)
                else:
                    _answer(writer, self._view(path))
                await writer.drain()
        await self.drop(writer)

    async def drop(self, writer: asyncio.StreamWriter) -> None:
        """End a connection."""
        self.open.pop(writer, None)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def _view(self, path: str) -> Any:
        if path.startswith("/v1/jobs/"):
            return self._job(path.rsplit("/", 1)[1])
        if path == "/v1/machine" and "/v1/machine" in self.views:
            running = sum(1 for seq in self.jobs.values() if not seq)
            return {**self.views[path], "running": running}
        return self.views.get(path)

    def _job(self, job_id: str) -> dict[str, Any]:
        now = time.time()
        return {
            "job_id": job_id, "status": "succeeded", "model": MODEL, "messages": [], "max_tokens": 2048,
            "temperature": 0.7, "seed": None, "created_at": now, "started_at": now, "finished_at": now, "attempt": 1,
            "last_seq": self.jobs.get(job_id, 0), "cancel_requested": False, "error": None, "receipt": FINISHED,
            "answer": None, "cost": None, "simulated_aws": None,
        }  # fmt: skip

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        job_id = f"job_bench{len(self.jobs)}"
        self.jobs[job_id] = 0
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        accepted = {"job_id": job_id, "status": "queued", "model": MODEL, "created": True}
        machine = self._view("/v1/machine")
        _chunk(writer, b"event: accepted\ndata: " + json.dumps({**accepted, "machine": machine}).encode() + b"\n\n")
        _chunk(writer, sse(Event(seq=1, kind=EventKind.STARTED, at=time.time(), data={"attempt": 1})))
        begun = time.perf_counter()
        words = tokens(len(self.jobs))
        for number in range(self.answer_tokens):
            if self.per_second:
                await asyncio.sleep(max(0.0, begun + number / self.per_second - time.perf_counter()))
            if writer.is_closing():
                raise ConnectionError("the window has gone")
            _chunk(writer, sse(Event(seq=number + 2, kind=EventKind.DELTA, at=time.time(), data={"text": next(words)})))
        self.jobs[job_id] = self.answer_tokens + 2
        end: dict[str, object] = {"receipt": {**FINISHED, "completion_tokens": self.answer_tokens}}
        _chunk(writer, sse(Event(seq=self.answer_tokens + 2, kind=EventKind.SUCCEEDED, at=time.time(), data=end)))
        writer.write(b"0\r\n\r\n")


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


def _answer(writer: asyncio.StreamWriter, found: Any) -> None:
    status = b"200 OK" if found is not None else b"404 Not Found"
    missing = {"code": "not_found", "message": "The stand-in has no such page.", "details": {}}
    data = json.dumps(missing if found is None else found).encode()
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(data))
    writer.write(head + data)


@asynccontextmanager
async def stand_in(views: Views, *, answer_tokens: int, per_second: float) -> AsyncIterator[StandIn]:
    """One that listens, on a port that the system chooses."""
    found = StandIn(views, answer_tokens, per_second)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, limit=2**24)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        serving = [task for task in found.open.values() if task is not None]
        for writer in list(found.open):
            await found.drop(writer)
        await asyncio.gather(*serving, return_exceptions=True)
