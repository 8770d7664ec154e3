"""A job on AWS, and the same prompt as a job of this computer, followed as one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from tlfif.control.answers import Followed
from tlfif.control.bridging import BridgeBegun, BridgeOver, bridge_update
from tlfif.jobs.events import EventKind

GAVE_WAY = "AWS's answer came first"
_FAILED = frozenset({EventKind.FAILED, EventKind.EXPIRED})
_TAKES_OVER = frozenset({EventKind.DELTA, EventKind.SUCCEEDED, EventKind.CANCELLED})


class MergedAnswers:
    """With AWS's first word, its end, or a cancellation, ``stop_here`` is called and no more is read of this computer's
    answer. A failure on AWS is told once this computer's has ended, since that one is left then."""

    def __init__(
        self,
        there: AsyncGenerator[Followed, None],
        here: AsyncGenerator[Followed, None],
        *,
        model: str,
        stop_here: Callable[[], Awaitable[None]],
    ) -> None:
        """``model``: this computer's."""
        self._there, self._here = there, here
        self._model = model
        self._stop_here = stop_here
        self._failure: list[Followed] = []
        self._there_next: asyncio.Future[Followed | None] | None = None
        self._here_next: asyncio.Future[Followed | None] | None = None

    async def follow(self) -> AsyncGenerator[Followed, None]:
        """What comes of both, in the order in which it comes."""
        yield Followed(events=[], bridge=BridgeBegun(model=self._model))
        self._there_next = asyncio.ensure_future(anext(self._there, None))
        self._here_next = asyncio.ensure_future(anext(self._here, None))
        try:
            while waiting := self._waiting():
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for update in (*self._from_here(), *await self._from_there()):
                    yield update
            for update in self._failure:
                yield update
        finally:
            left = self._waiting()
            for one in left:
                one.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _waiting(self) -> list[asyncio.Future[Followed | None]]:
        return [one for one in (self._there_next, self._here_next) if one is not None]

    def _from_here(self) -> list[Followed]:
        if self._here_next is None or not self._here_next.done():
            return []
        found = self._here_next.result()
        self._here_next = None if found is None else asyncio.ensure_future(anext(self._here, None))
        updates = [bridge_update(event, model=self._model) for event in ([] if found is None else found.events)]
        return [Followed(events=[], bridge=one) for one in updates if one is not None]

    async def _from_there(self) -> list[Followed]:
        if self._there_next is None or not self._there_next.done():
            return []
        found, self._there_next = self._there_next.result(), None
        kinds = set() if found is None else {event.kind for event in found.events}
        if found is None:
            return await self._without_here()
        if self._here_next is not None and kinds & _FAILED:
            self._failure = [found]
            return []
        self._there_next = asyncio.ensure_future(anext(self._there, None))
        return [*(await self._without_here() if kinds & _TAKES_OVER else []), found]

    async def _without_here(self) -> list[Followed]:
        if self._here_next is None:
            return []
        self._here_next.cancel()
        self._here_next = None
        await self._stop_here()
        return [Followed(events=[], bridge=BridgeOver(why=GAVE_WAY))]
