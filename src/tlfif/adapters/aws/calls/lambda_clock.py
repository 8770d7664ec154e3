"""The clock inside a Lambda function, which is frozen between its calls."""

import asyncio
import time

from tlfif.kernel.clock import Clock


class LambdaClock(Clock):
    """The monotonic clock of a frozen function may stand still. AWS keeps the wall clock right while the function runs,
    so durations are measured with it; it never goes backwards here."""

    def __init__(self) -> None:
        self._latest = 0.0

    def now(self) -> float:
        """Wall-clock seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """See the port; goes on while the function is frozen."""
        self._latest = max(self._latest, time.time())
        return self._latest

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        await asyncio.sleep(seconds)
