"""Where images lie, and the pointers that say which ones machines are launched from."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass

from tlfif.images.image import Artifact, Pointer, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An artifact that exists with our mark. ``version`` None: its mark names no image."""

    version: str | None
    artifact: Artifact


class ImageRegistry(ABC):
    """Tested by ``tests/contract/test_image_registry.py``. Every method raises ImageError where the medium fails."""

    @abstractmethod
    async def pointer(self, profile: Profile) -> Pointer:
        """The profile's pointer; one with ``version`` None where nothing was promoted.

        Raises ImageError ``image_pointer_invalid`` for a pointer that was altered by hand into something that is none
        of our images; nothing is launched from it."""

    @abstractmethod
    async def move(self, pointer: Pointer) -> bool:
        """Store ``pointer`` where the stored one has its ``revision`` (UNREADABLE: where the stored one cannot be
        read), count the revision up, and read it back. False: somebody else has moved it meanwhile; nothing was
        changed. Raises ImageError ``image_gone`` where its ``ref`` does not exist."""

    @abstractmethod
    async def stored(self) -> list[StoredImage]:
        """Every artifact with our mark, with or without a record."""

    @abstractmethod
    async def referenced(self) -> Collection[str]:
        """Refs that something needs beside pointers and records: running or stopped machines, launch templates."""

    @abstractmethod
    async def delete(self, artifact: Artifact) -> None:
        """Delete the artifact and its snapshots, and look again that they are gone. One that is gone is no error."""
