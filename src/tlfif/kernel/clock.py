"""The ports for time and for new ids."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class Clock(ABC):
    """The only source of time. Why a home's time is not simply the wall clock: docs/decisions/0013."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since the epoch, UTC, as this home counts them: what is stored and compared is measured by it. On a
        computer of one's own it does not jump while a prompt or a machine is open, and stands still while the computer
        sleeps. On AWS it is the wall clock."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""

    def shown(self, at: float) -> float:
        """``at``, a moment of :meth:`now`, as people read it: by the wall clock (epoch seconds)."""
        return at

    def certain(self) -> float:
        """:meth:`now`, or earlier where the wall clock may yet turn out to be fast: what is old by it is old."""
        return self.now()

    @contextmanager
    def held(self) -> Iterator[float]:
        """:meth:`now`, for what is about to be stored as open; until then the home's time does not follow the wall
        clock."""
        yield self.now()

    async def follow_wall(self, at_rest: Callable[[], Awaitable[bool]]) -> None:  # noqa: B027  # a wall clock has none
        """Bring :meth:`now` in line with the wall clock, if they differ and nothing is open; ``at_rest`` finds out and
        is only asked where they differ. Raises StorageError."""


class Ids(ABC):
    """The only source of new ids."""

    @abstractmethod
    def new_id(self, prefix: str) -> str:
        """A new unguessable id, ``<prefix>_<32 hex digits>``."""
