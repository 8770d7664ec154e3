"""Machine images on the wire. Times are epoch seconds, durations seconds, amounts US dollars without VAT."""

from typing import Literal

from tlfif.wire.typed_dict import TypedDict

ImageAct = Literal["approve", "reject", "retire"]
"""What a person decides about one image, beside promoting it."""


class FailureView(TypedDict):
    """Why an image was not offered: the stage, a stable code, and a sentence that says what happened."""

    stage: str
    code: str
    message: str


class FiguresView(TypedDict):
    """What the smoke test measured. ``passed`` of ``prompts`` golden prompts were answered as they must be. ``busy``:
    other programs kept the computer busy meanwhile, so that the speed says little."""

    prompts: int
    passed: int
    tokens_per_second: float
    first_token_seconds: float
    busy: bool


class ImageView(TypedDict):
    """One image. ``state`` is waiting, under_way, offered, approved, rejected, failed, superseded or retired; ``stage``
    source, build, boot, smoke_test or approval: the one that is worked on, or the last that was. ``stage_seconds`` has
    the stages that are done, ``in_stage_seconds`` how long the present one takes already. ``waits_for``: why the
    present one cannot begin yet, empty where it can. ``figures`` null: not tested yet. ``size_bytes`` null: nothing is
    stored. ``in_use``: machines are launched from it. ``kept_until``: until when the machine on which it failed is
    kept, at ``kept_usd_per_hour`` at most; null and 0: none is."""

    version: str
    profile: str
    state: str
    stage: str
    stage_seconds: dict[str, float]
    in_stage_seconds: float | None
    waits_for: str
    repository: str
    commit: str
    subject: str
    asked_by: str
    created_at: float
    figures: FiguresView | None
    size_bytes: int | None
    usd_per_month: float
    cost_usd: float
    failure: FailureView | None
    decided_by: str
    decided_at: float | None
    ended_at: float | None
    in_use: bool
    kept_until: float | None
    kept_usd_per_hour: float


class PromptView(TypedDict):
    """One golden prompt: its name, whether the answer passed, and how the answer began."""

    name: str
    passed: bool
    answer: str


class ImageDetails(TypedDict):
    """An image with all that is known of it. ``digest`` is the sha256 over its inputs, which ``manifest`` names one by
    one; ``software`` are the names and versions of what is in it, from its SBOM."""

    image: ImageView
    digest: str | None
    manifest: dict[str, object]
    software: list[str]
    prompts: list[PromptView]
    phase_seconds: dict[str, float]
    versions: dict[str, str]


class PointerView(TypedDict):
    """Which image of a profile machines are launched from; ``version`` null: none was promoted. ``before`` are those
    that were promoted earlier, the latest last. ``proven``: a machine from it was ready once; until then a start that
    fails rolls back by itself. ``note`` says why it last moved; ``problem`` why it cannot be read, empty where it can.
    """

    profile: str
    version: str | None
    before: list[str]
    proven: bool
    note: str
    moved_at: float | None
    problem: str


class WatchView(TypedDict):
    """The repository that is followed. ``seen`` is its newest commit at the last look. ``problem`` says why it cannot
    be followed now. ``promotes``: images that pass their tests are promoted without asking."""

    repository: str
    branch: str
    profile: str
    paths: list[str]
    promotes: bool
    seen: str | None
    looked_at: float | None
    problem: str
    every_seconds: float


class WatchEnded(TypedDict):
    """``repository`` was followed until now; null: none was."""

    repository: str | None


class EstimateView(TypedDict):
    """What an image of a profile takes and costs before it is begun. ``kept_usd_per_hour``: what a machine on
    which it fails costs an hour at most while it is kept; 0: none can be kept here."""

    profile: str
    seconds: float
    cost_usd: float
    kept_usd_per_hour: float


class ImageList(TypedDict):
    """Images, newest first. ``builds`` has each profile that this home can build, its usual one first.
    ``kept_usd_per_month``: what storing all images costs. ``follows``: whether this home can follow a repository by
    itself, ``watch`` the one that it follows."""

    images: list[ImageView]
    pointers: list[PointerView]
    watch: WatchView | None
    follows: bool
    builds: list[EstimateView]
    kept_bytes: int
    kept_usd_per_month: float


class ImageLogLine(TypedDict):
    """``number`` counts up from 1 within an image."""

    number: int
    at: float
    stage: str
    text: str


class ImageLog(TypedDict):
    """Lines of an image's log, the oldest first. ``last`` is the number to read after. ``ended``: nothing works on the
    image any more, so no line follows."""

    lines: list[ImageLogLine]
    last: int
    state: str
    stage: str
    ended: bool
