"""A Git repository that is followed."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePath

from tlfif.images.refusals import repository_invalid

MOST_LETTERS = 500
_ADDRESS = re.compile(
    r"(https|ssh)://([^/@\s]+@)?[^/@\s-][^/@\s]*(/\S*)?|[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9._-]*:\S+"
)
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}")


def checked_repository(repository: str, *, branch: str) -> str:
    """``repository`` where it can be one: a folder by its whole path, an https or ssh address, or ``user@host:path``.

    Raises InvalidInputError ``repository_invalid``: also for what ``git`` would take for an option or for the name of a
    program to run, for an address with a password, which would be stored and shown, and for a branch that is none.
    """
    name = repository.strip()
    if not name or len(name) > MOST_LETTERS or not name.isprintable() or name.startswith("-") or "::" in name:
        raise repository_invalid(repository[:MOST_LETTERS])
    if not PurePath(name).is_absolute():
        found = _ADDRESS.fullmatch(name)
        if found is None or ":" in (found[2] or ""):
            raise repository_invalid(_without_password(name))
    if not is_branch(branch):
        raise repository_invalid(f"{_without_password(name)} {branch[:MOST_LETTERS]}")
    return name


def is_branch(name: str) -> bool:
    """Whether a branch may have that name; ``git`` would take none of them for an option."""
    odd = ".." in name or "//" in name or name.endswith((".lock", "/", "."))
    return _BRANCH.fullmatch(name) is not None and not odd


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


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

    @abstractmethod
    async def keep_only(self, repositories: Collection[str]) -> None:
        """Remove what was kept of all others. One that is read again is fetched again."""
