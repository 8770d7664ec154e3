"""Calls to AWS from the event loop: in a thread, and repeated a bounded number of times by the clock port."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TypeVar

from botocore.config import Config

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, Verdict, verdict
from tlfif.adapters.aws.machines.launch_plan import PAUSES
from tlfif.kernel.clock import Clock

T = TypeVar("T")

CLIENT_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1})
"""For the clients of the machine host: repetitions are counted here, so botocore makes none of its own. An answer that
takes longer than 30 s counts as lost."""


class PatientCalls:
    """The calls of one task. All of them together may pause for ``PAUSES`` and no longer, so that a task ends in time
    however many calls it makes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: Iterator[float] = iter(PAUSES)

    async def do(self, call: Callable[[], T]) -> T:
        """What ``call`` returns. It must be safe to repeat: a lost answer looks like a call that never arrived.

        Raises the last of AWS's errors once there is no pause left, one that is not worth repeating at once.
        """
        while True:
            try:
                return await asyncio.to_thread(call)
            except AWS_ERRORS as error:
                if verdict(error) is not Verdict.REPEAT:
                    raise
                await self.pause(error)

    async def pause(self, error: Exception) -> None:
        """Let the next pause pass; raises ``error`` where none is left."""
        seconds = next(self._pauses, None)
        if seconds is None:
            raise error
        await self._clock.sleep(seconds)
