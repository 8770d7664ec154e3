"""What does the work of a stage: fetches, builds, launches the candidate, and leaves nothing behind."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tlfif.images.image import Artifact, Failure, Image, Profile, Stage
from tlfif.images.smoke_report import SmokeReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the work of a stage is. With ``done`` the facts that the stage finds are set: ``digest`` and ``manifest``
    by the source stage, ``artifact`` by the build, ``report`` by the smoke test. ``lines`` are those of the log behind
    the image's ``log_cursor``; ``log_cursor`` is the new one. ``cost_micros``: the whole cost so far, in millionths of
    a US dollar."""

    done: bool = False
    failure: Failure | None = None
    digest: str | None = None
    manifest: Mapping[str, object] = field(default_factory=dict)
    artifact: Artifact | None = None
    report: SmokeReport | None = None
    lines: tuple[str, ...] = ()
    log_cursor: str = ""
    cost_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an image of a profile takes before it is begun: seconds in all, and the cost, in millionths of a dollar.
    ``kept_hourly_micros``: what a machine on which it failed costs an hour at most while it is kept; 0: this builder
    keeps none."""

    seconds: float
    cost_micros: int
    kept_hourly_micros: int = 0


class ImageBuilder(ABC):
    """Tested by ``tests/contract/test_image_builder.py``.

    Everything it starts carries the home's mark and the image's version, so that a control plane which was killed finds
    it again, and so that it is swept where nothing knows it. Methods raise ImageError where the medium fails: the tick
    tries again, until the stage's limit."""

    @abstractmethod
    def estimate(self, profile: Profile) -> Estimate:
        """What a build takes and costs, for who is asked before it starts."""

    @abstractmethod
    def limit_seconds(self, profile: Profile, stage: Stage) -> float:
        """How long the stage may take; beyond, it has failed."""

    async def waits(self, image: Image) -> str:  # noqa: ARG002  # nothing comes first, unless a builder says so
        """Why the work of ``image.stage`` cannot begin yet, for the owner: something of his comes first. Empty: it can.
        The time that it waits does not count."""
        return ""

    @abstractmethod
    async def begin(self, image: Image) -> str | None:
        """Begin the work of ``image.stage`` and return at once, with a handle where there is one. Beginning twice
        begins once. Raises ImageError ``image_build_refused`` (budget, quota, no space): the image fails with it."""

    @abstractmethod
    async def poll(self, image: Image) -> Progress:
        """How far the work of ``image.stage`` is. Work that has vanished is a failure."""

    @abstractmethod
    async def clean(self, image: Image, *, keep_artifact: bool) -> bool:
        """End all that still works on ``image`` and remove what is left of it; True once nothing is. Safe to repeat.
        A machine that is kept until ``image.kept_until`` is left alone until then."""

    @abstractmethod
    async def sweep(self, known: Collection[str]) -> bool:
        """End and remove whatever belongs to none of the versions in ``known``, after a kill; True once nothing of it
        is left. Safe to repeat."""
