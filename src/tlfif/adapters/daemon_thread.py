"""Blocking calls in a thread of their own, which holds up neither the event loop nor the end of the program."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(call: Callable[[], T]) -> T:
    """The result of a ``call`` that may last. Whoever is cancelled leaves it behind, and the program may end before
    it does: threads of a pool would be waited for."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from now on nobody can cancel it, so that a result can always be set

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="call that may last", daemon=True).start()
    return await asyncio.wrap_future(future)
