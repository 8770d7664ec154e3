"""Wakes the tasks of one event loop that wait for a change."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tlfif.jobs.transitions import Change

WORK = "work"
"""The topic of tasks that wait for jobs. A notification while none waits is kept for the next one."""


def job_topic(job_id: str) -> str:
    """The topic of tasks that follow one job's events."""
    return f"job:{job_id}"


def topics_of(change: Change) -> set[str]:
    """Topics of those who should look after ``change``."""
    readers = {job_topic(change.after.id)} if change.events else set()
    return readers | {WORK} if change.concerns_workers else readers


class Waiter:
    """One task's wait; created before the task reads the data, so that no notification is lost in between."""

    def __init__(self) -> None:
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """End the wait, or the next one."""
        self._notified.set()

    async def until(self, timeout: float) -> None:
        """Return when notified, or after ``timeout`` seconds."""
        if self._notified.is_set() or timeout <= 0:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._notified.wait()
        except TimeoutError:
            return


class Wakeups:
    """Which tasks wait for which topic. Used from one event loop only."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Waiter]] = {}
        self._work_missed = False

    @property
    def waited_for(self) -> bool:
        """Whether any task waits."""
        return bool(self._waiting)

    @contextmanager
    def waiter(self, topic: str) -> Iterator[Waiter]:
        """A waiter for ``topic``, registered for the length of the block."""
        waiter = Waiter()
        if topic == WORK and self._work_missed:
            self._work_missed = False
            waiter.notify()
        self._waiting.setdefault(topic, set()).add(waiter)
        try:
            yield waiter
        finally:
            others = self._waiting[topic]
            others.discard(waiter)
            if not others:
                del self._waiting[topic]

    def notify(self, topics: Iterable[str]) -> None:
        """Wake all tasks that wait for one of ``topics``."""
        for topic in topics:
            waiters = self._waiting.get(topic)
            if waiters:
                for waiter in waiters:
                    waiter.notify()
            elif topic == WORK:
                self._work_missed = True

    def notify_readers(self) -> None:
        """Wake all tasks but those that wait for jobs."""
        self.notify([topic for topic in self._waiting if topic != WORK])

    def notify_all(self) -> None:
        """Wake all tasks: something changed, and it is not known what."""
        self.notify_readers()
        self.notify([WORK])
