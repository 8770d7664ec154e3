"""Whose turn it is at an engine that answers with one adapter at a time."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class AdapterTurns:
    """Requests for one adapter (empty: the base alone) go together; those for another one wait until all before them
    have ended, in the order in which they came, so that none waits for ever.

    llama.cpp by itself would go on with the first adapter until it has nothing left to do
    (``docs/decisions/0020-personal-models.md``).
    """

    def __init__(self) -> None:
        self._adapter = ""
        self._inside = 0
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def turn(self, adapter: str) -> AsyncGenerator[None]:
        """Wait for the turn of ``adapter``, and hold it."""
        await self._enter(adapter)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, adapter: str) -> None:
        entry = (adapter, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._let_in()
        try:
            await entry[1]
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._let_in()
            else:
                self._leave()  # it was let in at the same moment
            raise

    def _leave(self) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and (not self._inside or self._waiting[0][0] == self._adapter):
            self._adapter, future = self._waiting.popleft()
            self._inside += 1
            if not future.done():
                future.set_result(None)
