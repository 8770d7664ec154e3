"""The thread in which a database's writes run, so that a locked file never blocks the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from tlfif.adapters.daemon_thread import begun, settle
from tlfif.kernel.errors import StorageError

T = TypeVar("T")


class SqlThread:
    """Runs calls one after another. Cancelling the caller does not undo its call."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._open = True
        # A daemon, so that a program that forgot to close still ends; the file survives that as it survives a crash.
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, run in the thread. Raises StorageError after :meth:`stop`."""
        if not self._open:
            raise StorageError("The store is closed. Start the program again.", details={"reason": "closed"})
        return await self._put(work)

    async def stop(self, last: Callable[[], None]) -> None:
        """Accept no more calls, run those in the queue, then ``last``, and end the thread."""
        self._open = False
        ended = self._put(last)
        self._calls.put(None)
        await ended
        self._thread.join()

    def _put(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: Future[T] = begun()
        self._calls.put((future, work))
        return asyncio.wrap_future(future)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            settle(*call)
            del call  # do not keep the last result until the next call comes
