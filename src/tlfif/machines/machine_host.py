"""The host that machines run on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """What to launch. ``context_tokens`` is per answer. ``idle_timeout_seconds`` is a default; the store may
    set another later. ``image`` is a version, or the host's name for what it has without images; ``image_ref`` is the
    registry's name for that version. ``smoke_test``: the version that this machine tests, of itself; it then takes none
    of the home's prompts and ends when it has reported (``worker.smoke_test``); ``keep_seconds``
    later where it has failed."""

    machine_id: str
    model: str
    model_path: str
    model_sha256: str | None
    context_tokens: int
    image: str
    idle_timeout_seconds: float
    image_ref: str | None = None
    smoke_test: str | None = None
    keep_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMachine:
    """A running machine with our mark. ``machine_id`` None: the mark does not name its record. ``began_at`` (epoch
    seconds) None: the host does not report it."""

    handle: str
    machine_id: str | None
    began_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """When a machine began and ended (epoch seconds) and its type, by the host's own record, on which the bill is
    based. None: the host does not report it, or not yet. ``image`` is the version that it was launched from;
    ``last_words``: why the host ended it, in its own words; empty where nobody but the machine and its owner did."""

    began_at: float | None = None
    ended_at: float | None = None
    instance_type: str | None = None
    image: str | None = None
    last_words: str = ""


class MachineHost(ABC):
    """Launches and ends machines and reports which exist. A machine is gone when the host reports so."""

    @abstractmethod
    async def launch(self, spec: LaunchSpec) -> str:
        """Start a machine and return its handle at once, long before it is ready. Launching one machine id
        twice gives one machine.

        Raises MachineError (codes ``no_capacity``, ``no_quota``, ``machine_failed``). If a machine ran nevertheless,
        the error's details have its ``handle``; if there was no time to ask for capacity everywhere, they have what
        is ``left``, and the next launch goes on there."""

    @abstractmethod
    async def alive(self, handle: str) -> bool | None:
        """Whether any part of the machine still exists. None: the host does not know it, which a cloud also reports
        for some time after a launch.

        Raises MachineError where the host does not answer; the machine may or may not exist then."""

    @abstractmethod
    async def lifetime(self, handle: str) -> Lifetime | None:
        """The host's own record of the machine's time; None where it keeps none. Raises MachineError."""

    @abstractmethod
    async def terminate(self, handle: str, *, force: bool) -> None:
        """Ask the machine to end and return at once; ``force`` ends it without asking. A handle that is gone is
        no error. Raises MachineError where the host did not accept the request; repeat it."""

    @abstractmethod
    async def find_all(self) -> list[ObservedMachine]:
        """Every machine with our mark, with or without a record. Raises MachineError."""
