"""Waiting for what real processes do: asked again and again, and never for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 40.0
"""Seconds that anything may take on a busy two-core computer before a test calls it stuck."""


async def wait_until(
    condition: Callable[[], Awaitable[T | None] | T | None], what: str, timeout: float = PATIENCE, every: float = 0.01
) -> T:
    """The first true result of ``condition``, asked again ``every`` so many seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = condition()
        result = await found if isinstance(found, Awaitable) else found
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        await asyncio.sleep(every)
