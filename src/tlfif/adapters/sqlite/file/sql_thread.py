"""The thread in which a database's writes run, so that a locked file never blocks the event loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from tlfif.kernel.errors import StorageError

T = TypeVar("T")


class _Call:
    """A function to run in the thread, and the future that waits for its result."""

    __slots__ = ("future", "loop", "work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def run(self) -> None:
        """Run the function and hand its result or error to the future."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits for the result
            try:
                result = self.work()
            except BaseException as error:
                self.loop.call_soon_threadsafe(self._fail, error)
            else:
                self.loop.call_soon_threadsafe(self._succeed, result)

    def _succeed(self, result: Any) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class SqlThread:
    """Runs calls one after another. Cancelling the caller does not undo its call."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._open = True
        # A daemon, so that a program that forgot to close still ends; the file survives that as it survives a crash.
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, run in the thread. Raises StorageError after :meth:`stop`."""
        if not self._open:
            raise StorageError("The store is closed. Start the program again.", details={"reason": "closed"})
        call = _Call(work, asyncio.get_running_loop())
        self._calls.put(call)
        result: T = await call.future
        return result

    async def stop(self, last: Callable[[], None]) -> None:
        """Accept no more calls, run those in the queue, then ``last``, and end the thread."""
        self._open = False
        call = _Call(last, asyncio.get_running_loop())
        self._calls.put(call)
        self._calls.put(None)
        await call.future
        self._thread.join()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            del call  # do not keep the last result until the next call comes
