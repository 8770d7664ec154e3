"""One thread in which all SQL of a database runs, so that a locked file never holds the event loop up."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from tlfif.kernel.errors import StorageError

T = TypeVar("T")


class _Call:
    """Work for the thread and the future that waits for it."""

    __slots__ = ("future", "loop", "work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def run(self) -> None:
        """Do the work and hand the result back; nobody listens any more where the loop is closed."""
        with suppress(RuntimeError):
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
    """Runs calls one after another. A caller that is cancelled does not undo its call."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._open = True
        # A daemon: a program that forgot to close still ends; to the file that is a crash, which it survives.
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``, run in the thread. Raises StorageError after :meth:`stop`."""
        if not self._open:
            raise StorageError("The store is closed. Start the program again.", details={"reason": "closed"})
        call = _Call(work, asyncio.get_running_loop())
        self._calls.put(call.run)
        result: T = await call.future
        return result

    def post(self, work: Callable[[], None]) -> None:
        """Run ``work``, which raises nothing, some time before :meth:`stop`; nobody waits for it."""
        if self._open:
            self._calls.put(work)

    async def stop(self, last: Callable[[], None]) -> None:
        """Take no more calls, run those that wait, then ``last``, and end the thread."""
        self._open = False
        call = _Call(last, asyncio.get_running_loop())
        self._calls.put(call.run)
        self._calls.put(None)
        await call.future
        self._thread.join()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # the last result must not live until the next call comes
