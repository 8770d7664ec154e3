"""The port of destroying: what it needs of the cloud."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.deployment.deployment import Found


class Sweeper(ABC):
    """Finds and removes what one home has in one account and region, and nothing else.

    A resource is ours if it carries the tag ``tlfif:home`` with the home's name, or has exactly a name from the home's
    template. One that only looks similar is shown with ``ours`` False and never touched. Every method can be repeated;
    what does not exist any more is no error. Raises TlfifError as ``deployment/installation.py`` says.
    """

    @abstractmethod
    async def disable_ingress(self) -> None:
        """Accept no prompt, launch no machine, and stop what writes into the buckets by itself."""

    @abstractmethod
    async def machines(self) -> tuple[str, ...]:
        """Machines of this home whose end the cloud has not confirmed."""

    @abstractmethod
    async def end_machines(self, names: Sequence[str]) -> None:
        """Request the termination of these."""

    @abstractmethod
    async def empty_buckets(self) -> int:
        """Delete every object of the home's buckets with all versions; returns their number."""

    @abstractmethod
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Every kind that is looked for, in the order of removal, and how it is looked for."""

    @abstractmethod
    async def find(self, kind: str) -> tuple[Found, ...]:
        """Everything of that kind."""

    @abstractmethod
    async def remove(self, kind: str, name: str) -> None:
        """Remove one that :meth:`find` reported as ours."""
