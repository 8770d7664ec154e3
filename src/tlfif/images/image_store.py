"""The store of image records and their logs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.images.image import Image, Profile, Source
from tlfif.images.smoke_report import SmokeReport

MOST_LOG_LINES = 2000
"""Of each image; the newest are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """``number`` counts up from 1 within an image. ``at`` is epoch seconds."""

    number: int
    at: float
    stage: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The repository that is followed; each push that touches ``paths`` builds an image. ``seen`` is the newest commit
    that was looked at. ``problem`` says why the repository cannot be followed now; empty where it can. ``approves``:
    images that pass their tests are promoted without asking."""

    repository: str
    branch: str
    paths: tuple[str, ...]
    profile: Profile
    seen: str | None = None
    looked_at: float | None = None
    problem: str = ""
    approves: bool = False


class ImageStore(ABC):
    """Tested by ``tests/contract/test_image_store.py``. Every method raises StorageError when the medium fails; those
    that name a version raise NotFoundError (``image_not_found``) for an unknown one."""

    @abstractmethod
    async def create(self, *, profile: Profile, source: Source, now: float) -> Image:
        """Store a new image that waits for its turn, with the next number. Images of the same profile that still wait
        become superseded."""

    @abstractmethod
    async def get(self, version: str) -> Image:
        """One image."""

    @abstractmethod
    async def newest(self, *, limit: int) -> list[Image]:
        """Images, newest first."""

    @abstractmethod
    async def unfinished(self) -> list[Image]:
        """Images that wait, are under way, are offered, or have ended and are not cleaned; oldest first."""

    @abstractmethod
    async def replace(self, image: Image) -> bool:
        """Store ``image`` where the stored one has its ``revision``, and count the revision up. False: somebody else
        has written meanwhile; nothing was changed."""

    @abstractmethod
    async def log(self, version: str, *, stage: str, lines: Sequence[str], now: float) -> None:
        """Add lines to the image's log."""

    @abstractmethod
    async def log_lines(self, version: str, *, after: int, limit: int) -> list[LogLine]:
        """Lines behind number ``after``, oldest first."""

    @abstractmethod
    async def report(self, version: str, report: SmokeReport) -> None:
        """Keep what the candidate found; the pipeline reads it with :meth:`reported`. The last one counts."""

    @abstractmethod
    async def reported(self, version: str) -> SmokeReport | None:
        """What the candidate has reported."""

    @abstractmethod
    async def watch(self) -> Watch | None:
        """The repository that is followed, if any."""

    @abstractmethod
    async def set_watch(self, watch: Watch | None) -> None:
        """Follow this repository from now on, or none."""

    @abstractmethod
    async def close(self) -> None:
        """Close files and connections."""


def new_image(number: int, *, profile: Profile, source: Source, now: float) -> Image:
    """An image that was just asked for."""
    return Image(number=number, profile=profile, source=source, created_at=now)
