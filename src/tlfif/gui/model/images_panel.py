"""What the Images tab shows."""

from dataclasses import dataclass
from enum import StrEnum

from tlfif.wire.images import ImageList, ImageLogLine, ImageView


class ImageDecision(StrEnum):
    """What a person decides about images; the value is the button's name."""

    APPROVE = "approve"
    REJECT = "reject"
    PROMOTE = "promote"
    RETIRE = "retire"
    ROLL_BACK = "roll_back"


class Mark(StrEnum):
    """How a stage of an image stands."""

    DONE = "done"
    NOW = "now"
    FAILED = "failed"
    TO_COME = "to_come"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMark:
    """One stage: its title, and how long it took or takes already."""

    title: str
    mark: Mark
    took: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One version as a row of the table."""

    version: str
    state: str
    change: str
    tests: str
    size: str
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownImage:
    """The version that is looked at. ``outcome`` says how it ended, or what it waits for; ``failed``: badly."""

    image: ImageView
    title: str
    stages: tuple[StageMark, ...]
    outcome: str
    failed: bool = False
    decisions: frozenset[ImageDecision] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryEntry:
    """The fields of the repository that is followed or built from. ``branch`` is a commit where this home cannot look
    into repositories. ``problem`` says why it cannot be."""

    address: str = ""
    branch: str = ""
    promotes: bool = False
    problem: str = ""
    editing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesPanel:
    """Images by the last report. ``missing`` says why this home has none to show. ``chosen`` is the version that a
    person picked; empty: the newest. ``busy`` names what was asked for and is not confirmed.

    ``log`` are the lines of ``log_of``, up to number ``log_last``; ``log_ended``: no more will come.
    """

    report: ImageList | None = None
    updated_at: float = 0.0
    missing: str = ""
    chosen: str = ""
    rows: tuple[ImageRow, ...] = ()
    shown: ShownImage | None = None
    in_use: str = ""
    can_roll_back: bool = False
    keeping: str = ""
    estimate: str = ""
    watch: str = ""
    watch_problem: str = ""
    follows: bool = True
    entry: RepositoryEntry = RepositoryEntry()
    busy: str = ""
    not_yours: str = ""
    """Why this person may not decide; empty where they may."""
    log: tuple[ImageLogLine, ...] = ()
    log_of: str = ""
    log_last: int = 0
    log_ended: bool = False
