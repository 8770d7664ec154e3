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
    """A machine found alive, by its own marks. ``machine_id`` None: marked as ours but not by which record.
    ``began_at`` (epoch seconds) None: the host does not say since when."""

    handle: str
    machine_id: str | None
    began_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """When a machine began and ended (epoch seconds) and which type it is, by the host's own record: what the bill goes
    by. None: the host does not say, or not yet."""

    began_at: float | None = None
    ended_at: float | None = None
    instance_type: str | None = None


class MachineHost(ABC):
    """Launches and ends machines, and says which exist. The host's word is final: gone is what it calls gone."""

    @abstractmethod
    async def launch(self, spec: LaunchSpec) -> str:
        """Start a machine and return its handle at once, long before it is ready. Launching one machine id
        twice gives one machine.

        Raises MachineError (codes ``no_capacity``, ``no_quota``, ``machine_failed``). Where a machine ran all the same,
        the error's details name its ``handle``."""

    @abstractmethod
    async def alive(self, handle: str) -> bool | None:
        """Whether any part of the machine still exists. None: the host knows nothing of it, which a cloud also says
        for some time after a launch.

        Raises MachineError where the host does not answer; that is no word about the machine."""

    @abstractmethod
    async def lifetime(self, handle: str) -> Lifetime | None:
        """The host's own record of the machine's time; None where it keeps none. Raises MachineError."""

    @abstractmethod
    async def terminate(self, handle: str, *, force: bool) -> None:
        """Ask the machine to end and return at once; ``force`` ends it without asking. A handle that is gone is
        no error. Raises MachineError where the host does not take the order; it is to be given again."""

    @abstractmethod
    async def find_all(self) -> list[ObservedMachine]:
        """Every machine that carries our mark, whether a record knows it or not. Raises MachineError."""
