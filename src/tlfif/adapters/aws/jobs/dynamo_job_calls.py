"""Calls to SQS and S3 off the event loop: with retries, or as a long poll that is left behind on closing."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random
from threading import Thread
from typing import TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tlfif.adapters.aws.calls.storage_errors import passes, storage_errors
from tlfif.kernel.clock import Clock

T = TypeVar("T")

POLL_CONFIG = Config(connect_timeout=2, read_timeout=25, retries={"mode": "standard", "total_max_attempts": 1})
"""For the client that waits for messages: an answer may take the 20 seconds of a long poll."""
_FIRST_PAUSE_SECONDS = 0.1


class PatientCalls:
    """Makes a call up to ``tries`` times, with random pauses that grow. Every call must be safe to repeat. Raises
    StorageError."""

    def __init__(self, *, tries: int, clock: Clock, rng: Random) -> None:
        self._tries = tries
        self._clock = clock
        self._rng = rng

    async def __call__(self, call: Callable[[], T]) -> T:
        with storage_errors():
            for done in range(1, self._tries):
                try:
                    return await asyncio.to_thread(call)
                except (BotoCoreError, ClientError) as error:
                    if not passes(error):
                        raise
                await self._clock.sleep(self._rng.uniform(0, _FIRST_PAUSE_SECONDS * 2**done))
            return await asyncio.to_thread(call)


async def in_daemon_thread(call: Callable[[], T]) -> T:
    """The result of a ``call`` that may take long. If its caller is cancelled, the thread is left behind, and it does
    not keep the program from ending, as a pool's thread would."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def fail(error: BaseException) -> None:
        if not future.done():
            future.set_exception(error)

    def run() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for the result
            try:
                result = call()
            except BaseException as error:
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, result)

    Thread(target=run, name="long poll", daemon=True).start()
    return await future
