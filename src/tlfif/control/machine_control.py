"""Orders to the machine, wherever the hands are that carry them out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StopResult:
    """What became of the jobs. ``was_running`` False: there was no machine to stop."""

    was_running: bool
    cancelled: tuple[str, ...] = ()
    requeued: tuple[str, ...] = ()


class MachineControl(ABC):
    """What a person, or a prompt that waits, orders. On AWS the API may end machines but not launch them: for that it
    asks the router."""

    @abstractmethod
    async def start(self, model: str | None) -> bool:
        """Launch a machine now, without a prompt. False where one exists already.

        Raises InvalidInputError ``unknown_model``, ModelError, MachineError, BudgetLockedError, ConflictError
        ``machine_busy_other_model``; UnavailableError where the order does not arrive."""

    @abstractmethod
    async def stop(self, *, requeue: bool) -> StopResult:
        """End the machine now, whatever runs. It is finished when the host confirms it gone.

        Raises UnavailableError where the order does not arrive."""

    @abstractmethod
    async def nudge(self) -> None:
        """A prompt waits: look soon. Never fails: the router looks by itself as well, only later."""
