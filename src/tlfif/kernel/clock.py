"""The ports for time and for new ids."""

from abc import ABC, abstractmethod


class Clock(ABC):
    """The only source of time."""

    @abstractmethod
    def now(self) -> float:
        """Wall-clock seconds since the epoch, UTC. It may jump: never use it for durations that are billed or that
        measure speed."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class Ids(ABC):
    """The only source of new ids."""

    @abstractmethod
    def new_id(self, prefix: str) -> str:
        """A new unguessable id, ``<prefix>_<32 hex digits>``."""
