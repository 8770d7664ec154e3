"""Calls to AWS from the event loop: each in a thread, and again while AWS says "later"."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from math import inf
from random import Random
from typing import TypeVar

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, AwsError, Verdict, may_be_executed, verdict
from tlfif.kernel.clock import Clock

T = TypeVar("T")

MACHINE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between repetitions of calls about machines; 15.5 s together, well below the router's minute."""


class PatientCalls:
    """The calls of one task.

    All of them together pause as often and as long as ``pauses`` says (seconds), so that a task ends in time however
    many calls it makes; ``deadline_seconds`` after the first one nothing is begun again.
    """

    def __init__(self, clock: Clock, pauses: Iterable[float], *, deadline_seconds: float = inf) -> None:
        self._clock = clock
        self._pauses = iter(pauses)
        self._last = clock.monotonic() + deadline_seconds

    async def do(self, call: Callable[[], T]) -> T:
        """What ``call`` returns. It must be safe to repeat: a lost answer looks like a call that never arrived.

        Raises one of AWS's errors once there is no pause left: the first after which the call may have been executed,
        otherwise the last. Raises at once one that repeating does not change.
        """
        unsure: AwsError | None = None
        while True:
            try:
                return await asyncio.to_thread(call)
            except AWS_ERRORS as error:
                if verdict(error) is not Verdict.REPEAT:
                    raise
                if unsure is None and may_be_executed(error):
                    unsure = error
                await self.pause(unsure or error)

    async def pause(self, error: Exception) -> None:
        """Let the next pause pass; raises ``error`` where none is left, or the time is up."""
        seconds = next(self._pauses, None)
        if seconds is None or self._clock.monotonic() > self._last:
            raise error
        await self._clock.sleep(seconds)


def random_pauses(rng: Random, *, tries: int, first: float, longest: float = inf) -> Iterator[float]:
    """The pauses between ``tries`` calls. Their limit doubles from two times ``first`` to ``longest`` (seconds), and
    each is anything below it, so that callers that met do not meet again."""
    for done in range(1, tries):
        yield rng.uniform(0, min(longest, first * 2**done))
