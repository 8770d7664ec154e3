"""The place where machines run."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """What to launch. ``context_tokens`` is per answer. ``idle_timeout_seconds`` is only a default; the store may say
    otherwise later."""

    machine_id: str
    model: str
    model_path: str
    model_sha256: str | None
    context_tokens: int
    image: str
    idle_timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMachine:
    """A machine found alive, by its own marks. ``machine_id`` None: marked as ours but not by which record."""

    handle: str
    machine_id: str | None


class MachineHost(ABC):
    """Launches and ends machines, and says which exist. The host's word is final: gone is what it calls gone."""

    @abstractmethod
    async def launch(self, spec: LaunchSpec) -> str:
        """Start a machine and return its handle at once, long before it is ready. Launching one machine id
        twice gives one machine.

        Raises MachineError (codes ``no_capacity``, ``no_quota``, ``machine_failed``)."""

    @abstractmethod
    async def alive(self, handle: str) -> bool:
        """Whether any part of the machine still exists."""

    @abstractmethod
    async def terminate(self, handle: str, *, force: bool) -> None:
        """Ask the machine to end and return at once; ``force`` ends it without asking. A handle that is gone is
        no error."""

    @abstractmethod
    async def find_all(self) -> list[ObservedMachine]:
        """Every machine that carries our mark, whether a record knows it or not."""
