"""An image from the commit that asks for it to its end, and the pointer to the one that machines are launched from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tlfif.images.smoke_report import SmokeReport
from tlfif.machines.machine_types import ImageProfile

Profile = ImageProfile
"""What kind of image it is. Each has a pointer of its own."""


class Stage(StrEnum):
    """The work on an image, in this order."""

    SOURCE = "source"
    """The commit is fetched and its inputs are read."""
    BUILD = "build"
    """The parts are installed, and the image is made."""
    BOOT = "boot"
    """A machine is launched from it, and becomes ready."""
    SMOKE_TEST = "smoke_test"
    """That machine answers the golden prompts and ends by itself."""
    APPROVAL = "approval"
    """It is offered, and a person decides; nothing runs."""


STAGES = tuple(Stage)


class ImageState(StrEnum):
    """``waiting → under_way → offered → approved``, and the ways in which it ends otherwise."""

    WAITING = "waiting"
    """Another image is worked on first."""
    UNDER_WAY = "under_way"
    OFFERED = "offered"
    """It passed its tests; it may be approved."""
    APPROVED = "approved"
    """It may be promoted, now or later."""
    REJECTED = "rejected"
    """A person said no, or nobody said yes in time."""
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer commit came before its turn."""
    RETIRED = "retired"
    """It was deleted, with its snapshots."""


ENDED = frozenset({ImageState.REJECTED, ImageState.FAILED, ImageState.SUPERSEDED, ImageState.RETIRED})
"""Nothing of such an image may be left but its record and its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an image comes from. ``commit`` is the full hash, ``subject`` its first line; ``asked_by`` says what asked
    for the image: a push, a person, the monthly rebuild. ``keep_minutes``: whoever asked wants a machine on which the
    work fails to stay that long, to look at it; 0: it is ended at once."""

    repository: str
    commit: str
    subject: str
    asked_by: str
    keep_minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an image was not offered: a stable code, and a sentence that says what happened and what to do."""

    stage: Stage
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What was built. ``ref`` is the registry's name for it: the bundle's folder, the AMI's id. ``snapshots`` go with
    it. ``size_bytes`` is what it occupies, and so what storing it costs."""

    ref: str
    size_bytes: int
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image. Times are epoch seconds, money is in millionths of a US dollar.

    ``version`` is "v" and the number, which counts up from 1 in each home. ``stage`` is the stage that is worked on, or
    the last one that was. ``begun``: the work of the stage was begun; until then it may be begun (again).
    ``waits_for`` says what it waits for until it can begin. ``handle`` is the builder's name for what works on it.
    ``digest`` is the sha256 over all inputs, from the end of the source stage. ``manifest`` names every input with its
    sha256. ``stage_seconds`` has the stages that are done. ``log_cursor`` is the builder's: up to where its log was
    read. ``decided_by`` approved or rejected it. ``cleaned``: it is offered or has ended, and nothing works on it any
    more; of one that has ended nothing is left. ``revision`` counts writes.
    """

    number: int
    profile: Profile
    source: Source
    created_at: float
    state: ImageState = ImageState.WAITING
    stage: Stage = Stage.SOURCE
    stage_started_at: float | None = None
    begun: bool = False
    waits_for: str = ""
    handle: str | None = None
    digest: str | None = None
    manifest: Mapping[str, object] = field(default_factory=dict)
    artifact: Artifact | None = None
    report: SmokeReport | None = None
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    log_cursor: str = ""
    cost_micros: int = 0
    failure: Failure | None = None
    decided_by: str = ""
    decided_at: float | None = None
    ended_at: float | None = None
    cleaned: bool = False
    revision: int = 0

    @property
    def version(self) -> str:
        """Its name."""
        return f"v{self.number}"

    @property
    def kept_until(self) -> float | None:
        """Until when the machine on which it failed is kept (epoch seconds); None where none is."""
        if self.state is not ImageState.FAILED or self.cleaned or not self.source.keep_minutes or self.ended_at is None:
            return None
        return self.ended_at + self.source.keep_minutes * 60.0

    @property
    def gone(self) -> bool:
        """Whether nothing of it may be left but its record and its log."""
        return self.state in ENDED and self.cleaned


UNREADABLE = -1
"""The revision of a pointer that takes the place of one which cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which image of a profile machines are launched from.

    ``version`` None: none was promoted yet. ``ref`` is its artifact's, as the registry keeps it. ``before`` are the
    versions that were promoted earlier, the latest last; rolling back goes to the last one. ``proven``: a machine
    launched from it was ready at least once; until then a start that fails rolls back by itself. ``note`` says why it
    last moved. ``revision`` counts its moves. ``disk_gb`` and ``model`` are the image's, as the registry
    finds it, and not stored with the pointer: its disk's size, and what it holds; 0 and empty: it does not say.
    """

    profile: Profile
    version: str | None = None
    ref: str | None = None
    before: tuple[str, ...] = ()
    proven: bool = False
    note: str = ""
    moved_at: float | None = None
    revision: int = 0
    disk_gb: int = 0
    model: str = ""
