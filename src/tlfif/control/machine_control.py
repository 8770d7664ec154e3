"""Starting and stopping the machine, from wherever that is allowed."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StopResult:
    """The ids of the jobs that were cancelled or put back. ``was_running`` False: there was no machine to stop."""

    was_running: bool
    cancelled: tuple[str, ...] = ()
    requeued: tuple[str, ...] = ()


class MachineControl(ABC):
    """Commands from a person or a waiting prompt. On AWS the API may end machines but not launch them; to launch one it
    calls the router."""

    @abstractmethod
    async def start(self, model: str | None) -> bool:
        """Launch a machine now, without a prompt. False where one exists already.

        Raises InvalidInputError ``unknown_model``, ModelError, MachineError, BudgetLockedError, ConflictError
        ``machine_busy_other_model``; UnavailableError where the router cannot be reached, or does not answer and may
        have started one."""

    @abstractmethod
    async def stop(self, *, requeue: bool) -> StopResult:
        """End the machine now, whatever runs. It is finished when the host confirms it gone.

        Raises UnavailableError where the router cannot be reached."""

    @abstractmethod
    async def nudge(self) -> None:
        """A prompt waits: run a tick soon. Never fails: the router also runs by itself, only later."""
