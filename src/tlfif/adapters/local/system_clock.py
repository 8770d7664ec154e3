"""This computer's clocks and random ids."""

import asyncio
import secrets
import time

from tlfif.kernel.clock import Clock, Ids


class SystemClock(Clock):
    """The operating system's clocks."""

    def now(self) -> float:
        """Wall-clock seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        await asyncio.sleep(seconds)


class SystemIds(Ids):
    """Ids from the operating system's random numbers."""

    def new_id(self, prefix: str) -> str:
        """A new unguessable id, ``<prefix>_<32 hex digits>``."""
        return f"{prefix}_{secrets.token_hex(16)}"
