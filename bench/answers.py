"""One answer, timed, on either side."""

import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from bench.stage import MODEL, Stage
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.request import GenerationRequest, Message, Sampling
from tlfif.wire.jobs import Asking

SUBJECTS = ("rivers", "clocks", "bread", "bridges", "letters", "glass", "maps", "salt", "wool", "iron")


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds from the call to the first text and to the end, and the engine's count of tokens."""

    first: float
    total: float
    tokens: int


def prompt(number: int) -> str:
    """A prompt of even length whose beginning differs each time, so that no cache answers for the engine."""
    return f"{number:04d}: Tell me a long story about {SUBJECTS[number % len(SUBJECTS)]} and the people who need them."


async def through_tlfif(stage: Stage, number: int, max_tokens: int) -> Timed:
    """Ask as the command line and the window do."""
    begun = time.perf_counter()
    first = 0.0
    tokens = 0
    asking: Asking = {
        "messages": [{"role": "user", "content": prompt(number)}],
        "model": MODEL,
        "max_tokens": max_tokens,
        "temperature": 0.0,
        "seed": 1,
    }
    async with aclosing(stage.client.ask(asking)) as events:
        async for news in events:
            if not isinstance(news, Event):
                continue
            if news.kind is EventKind.DELTA and not first:
                first = time.perf_counter() - begun
            elif news.kind is EventKind.SUCCEEDED:
                receipt: Any = news.data["receipt"]
                tokens = receipt["completion_tokens"]
    return Timed(first, time.perf_counter() - begun, tokens)


async def direct(stage: Stage, number: int, max_tokens: int) -> Timed:
    """The same request to the same engine, nothing in between."""
    request = GenerationRequest(
        model=MODEL,
        messages=(Message(role="user", content=prompt(number)),),
        max_tokens=max_tokens,
        sampling=Sampling(temperature=0.0, seed=1),
    )
    begun = time.perf_counter()
    first = 0.0
    tokens = 0
    async with aclosing(stage.direct.generate(request)) as chunks:
        async for chunk in chunks:
            if chunk.text and not first:
                first = time.perf_counter() - begun
            tokens = chunk.completion_tokens or tokens
    return Timed(first, time.perf_counter() - begun, tokens)
