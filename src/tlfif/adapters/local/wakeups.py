"""Waking the tasks of one event loop that wait for something to happen."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tlfif.jobs.transitions import Change

WORK = "work"
"""Topic of those who look for jobs. A ring while nobody waits is kept for the next who comes."""


def job_topic(job_id: str) -> str:
    """Topic of those who follow one job's events."""
    return f"job:{job_id}"


def topics_of(change: Change) -> set[str]:
    """Topics of those who should look after ``change``."""
    readers = {job_topic(change.after.id)} if change.events else set()
    return readers | {WORK} if change.concerns_workers else readers


class Waiter:
    """One task's wait; entered before the last look at the data, so that no ring falls between the two."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the wait, now or in advance."""
        self._rung.set()

    async def until(self, timeout: float) -> None:
        """Return when rung, or after ``timeout`` seconds."""
        if self._rung.is_set() or timeout <= 0:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        except TimeoutError:
            return


class Wakeups:
    """Who waits for which topic. Used from one event loop only."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Waiter]] = {}
        self._work_missed = False

    @property
    def waited_for(self) -> bool:
        """Whether anybody waits for anything."""
        return bool(self._waiting)

    @contextmanager
    def waiter(self, topic: str) -> Iterator[Waiter]:
        """A place in the queue of ``topic`` for the length of the block."""
        waiter = Waiter()
        if topic == WORK and self._work_missed:
            self._work_missed = False
            waiter.ring()
        self._waiting.setdefault(topic, set()).add(waiter)
        try:
            yield waiter
        finally:
            others = self._waiting[topic]
            others.discard(waiter)
            if not others:
                del self._waiting[topic]

    def ring(self, topics: Iterable[str]) -> None:
        """Wake all who wait for one of ``topics``."""
        for topic in topics:
            waiters = self._waiting.get(topic)
            if waiters:
                for waiter in waiters:
                    waiter.ring()
            elif topic == WORK:
                self._work_missed = True

    def ring_readers(self) -> None:
        """Wake all but those who look for work."""
        self.ring([topic for topic in self._waiting if topic != WORK])

    def ring_all(self) -> None:
        """Wake everybody: something happened and it is not known what."""
        self.ring_readers()
        self.ring([WORK])
