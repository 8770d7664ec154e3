"""What destroying needs of the cloud."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.deployment.deployment import Found


class Sweeper(ABC):
    """Finds and removes what one home has left in one account and region, and nothing else.

    A thing is ours if it carries the tag ``tlfif:home`` with the home's name, or has exactly a name that the home's
    template gives. What only looks alike is shown with ``ours`` False and never touched. Every method may be repeated;
    what is gone already is no error. Raises TlfifError as ``deployment/installation.py`` says.
    """

    @abstractmethod
    async def disable_ingress(self) -> None:
        """No prompt is taken and no machine launched any more; nothing writes into the buckets on its own."""

    @abstractmethod
    async def machines(self) -> tuple[str, ...]:
        """Machines of this home that the cloud has not confirmed as ended."""

    @abstractmethod
    async def end_machines(self, names: Sequence[str]) -> None:
        """Ask for the end of these, for good."""

    @abstractmethod
    async def empty_buckets(self) -> int:
        """Delete every object of the home's buckets with all its versions; how many there were."""

    @abstractmethod
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Every kind that is looked for, in the order of removal, and by what it is looked for."""

    @abstractmethod
    async def find(self, kind: str) -> tuple[Found, ...]:
        """What there is of that kind."""

    @abstractmethod
    async def remove(self, kind: str, name: str) -> None:
        """Remove one that :meth:`find` called ours."""
