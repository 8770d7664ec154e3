"""Time inside a function that is frozen between its calls."""

import asyncio
import time

from tlfif.kernel.clock import Clock


class LambdaClock(Clock):
    """A frozen function's own clocks may stand still; the wall clock is kept right by AWS's time service whenever the
    function runs, so durations are measured by it. It is never read backwards."""

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
        """Let ``seconds`` pass."""
        await asyncio.sleep(seconds)
