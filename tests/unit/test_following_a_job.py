"""A reader of a job: what it is woken for, and when it hears that the connection is alive."""

import asyncio

import pytest

from tests.builders import T0, claim, delta, submit, succeeded
from tests.fakes.clock import FakeIds
from tests.fakes.memory_job_store import MemoryJobStore
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import Lease
from tlfif.jobs.read_job import follow

LONG = 60.0


class Desk:
    """A job, its reader, and what the reader has been given; nobody's time passes."""

    def __init__(self, beat_seconds: float) -> None:
        self.store = MemoryJobStore(FakeIds())
        self.reading = follow("job_1", after=1, jobs=self.store, beat_seconds=beat_seconds)
        self.next: asyncio.Future[list[Event]] | None = None

    async def claimed(self) -> Lease:
        (found,) = await claim(self.store)
        return found.lease

    async def has_news(self) -> bool:
        """Whether the reader has something to show; it is given every chance to."""
        if self.next is None:
            self.next = asyncio.ensure_future(anext(self.reading))
        for _ in range(10):
            await asyncio.sleep(0)
        return self.next.done()

    async def kinds(self) -> list[EventKind]:
        assert self.next is not None
        found, self.next = await self.next, None
        return [event.kind for event in found]


async def test_a_claim_is_told_together_with_the_first_words() -> None:
    desk = Desk(LONG)
    await submit(desk.store)
    assert not await desk.has_news()
    lease = await desk.claimed()
    assert not await desk.has_news()
    await desk.store.append([delta(lease, 3, "A cloud")], now=T0)
    assert await desk.has_news()
    assert await desk.kinds() == [EventKind.STARTED, EventKind.DELTA]
    await desk.store.finish(lease, seq=4, outcome=succeeded(), now=T0)
    assert await desk.has_news()
    assert await desk.kinds() == [EventKind.SUCCEEDED]
    with pytest.raises(StopAsyncIteration):
        await anext(desk.reading)


async def test_being_woken_for_nothing_is_no_beat() -> None:
    desk = Desk(LONG)
    await submit(desk.store)
    for _ in range(3):
        assert not await desk.has_news()
        desk.store._wakeups.notify_all()
    assert not await desk.has_news()


async def test_a_beat_without_words_tells_of_the_claim() -> None:
    desk = Desk(0.0)  # each look is a beat
    await submit(desk.store)
    assert await desk.has_news()
    assert await desk.kinds() == []
    await desk.claimed()
    assert await desk.has_news()
    assert await desk.kinds() == [EventKind.STARTED]


async def test_a_reader_who_comes_after_the_end_is_given_nothing_more() -> None:
    desk = Desk(LONG)
    await submit(desk.store)
    lease = await desk.claimed()
    await desk.store.finish(lease, seq=3, outcome=succeeded(), now=T0)
    late = follow("job_1", after=3, jobs=desk.store, beat_seconds=LONG)
    assert [batch async for batch in late] == []
