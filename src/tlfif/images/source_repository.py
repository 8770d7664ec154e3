"""A Git repository that is followed."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """The newest commit of a branch, as seen from an earlier one. ``relevant``: a file that counts has changed.
    ``rewritten``: the earlier commit is none of its ancestors (a forced push)."""

    commit: str
    subject: str
    relevant: bool
    rewritten: bool


class SourceRepository(ABC):
    """Reads with the ``git`` program; nothing in the repository is run here."""

    @abstractmethod
    async def newest(self, repository: str, *, branch: str, since: str | None, paths: tuple[str, ...]) -> Push:
        """The newest commit of ``branch``. ``since`` None: no commit was seen before, and this one is relevant.

        Raises ImageError ``repository_unreachable``."""
