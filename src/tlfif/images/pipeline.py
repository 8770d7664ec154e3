"""What comes next for an image; pure. ``run_pipeline`` carries it out and stores what became of it."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from tlfif.images.image import STAGES, Failure, Image, ImageState, Stage
from tlfif.images.image_builder import Progress
from tlfif.images.smoke_report import SmokeReport, why_not_offered

APPROVAL_SECONDS = 7 * 86400.0
"""An image that nobody decided on by then is rejected: storing it costs money, and nothing changes."""


class Step(StrEnum):
    """What to do with an image now."""

    NONE = "none"
    BEGIN = "begin"
    """Begin the work of its stage."""
    POLL = "poll"
    """Ask how far the work is."""
    LAPSE = "lapse"
    """The time to decide is over."""
    CLEAN = "clean"
    """It is offered or has ended: what worked on it is ended, and of one that has ended nothing is kept."""
    APPROVE = "approve"
    """The owner wants images that pass their tests to be promoted without asking."""


def next_image(unfinished: Sequence[Image]) -> Image | None:
    """The image whose turn it is: the one that is under way, or else the oldest that waits and that nobody's work is in
    the way of. Images that are offered or to be cleaned are nobody's turn; they are looked at in any case."""
    under_way = [one for one in unfinished if one.state is ImageState.UNDER_WAY]
    waiting = [one for one in unfinished if one.state is ImageState.WAITING]
    return next(iter(under_way or waiting), None)


def next_step(image: Image, *, automatic: bool, now: float) -> Step:
    """What to do with an image whose turn it is, or that is offered or has ended. ``automatic``: it is promoted without
    asking."""
    if image.state in (ImageState.WAITING, ImageState.UNDER_WAY):
        return Step.POLL if image.begun else Step.BEGIN
    if not image.cleaned:
        return Step.CLEAN
    if image.state is not ImageState.OFFERED:
        return Step.NONE
    if automatic:
        return Step.APPROVE
    return Step.LAPSE if _stage_age(image, now) > APPROVAL_SECONDS else Step.NONE


def anything_to_do(unfinished: Sequence[Image], *, automatic: bool, now: float) -> bool:
    """Whether a tick would do anything now. An image that is offered only waits, until its time is over."""
    return any(next_step(image, automatic=automatic, now=now) is not Step.NONE for image in unfinished)


def begun(image: Image, *, handle: str | None, now: float) -> Image:
    """The image after the work of its stage has begun."""
    goes_on = image.state is ImageState.UNDER_WAY and image.stage_started_at and not image.waits_for
    return replace(
        image,
        state=ImageState.UNDER_WAY,
        begun=True,
        waits_for="",
        handle=handle or image.handle,
        stage_started_at=image.stage_started_at if goes_on else now,
    )


def advanced(
    image: Image, progress: Progress, *, promoted: SmokeReport | None, limit_seconds: float, now: float
) -> Image:
    """The image after its builder was asked: as it was, one stage on, offered, or failed.

    ``promoted``: the report of the image in use. ``limit_seconds``: of the present stage.
    """
    image = replace(
        image,
        log_cursor=progress.log_cursor or image.log_cursor,
        cost_micros=max(image.cost_micros, progress.cost_micros),
        digest=progress.digest or image.digest,
        manifest=progress.manifest or image.manifest,
        artifact=progress.artifact or image.artifact,
        report=progress.report or image.report,
    )
    if progress.failure is not None:
        return failed(image, progress.failure, now=now)
    if not progress.done:
        return within_limit(image, limit_seconds=limit_seconds, now=now)
    if image.stage is Stage.SMOKE_TEST:
        why = why_not_offered(image.report or SmokeReport(), promoted=promoted)
        if why:
            return failed(image, Failure(stage=image.stage, code="image_test_failed", message=why), now=now)
    return _next_stage(image, now)


def failed(image: Image, failure: Failure, *, now: float) -> Image:
    """The image after the work of a stage has failed; what is left of it is cleaned next."""
    return replace(image, state=ImageState.FAILED, failure=failure, ended_at=now)


def superseded(image: Image, *, now: float) -> Image:
    """The image after a newer commit came before its turn."""
    return replace(image, state=ImageState.SUPERSEDED, ended_at=now)


def approved(image: Image, *, by: str, now: float) -> Image:
    """The image after somebody said yes; it may be promoted from now on."""
    return replace(image, state=ImageState.APPROVED, decided_by=by, decided_at=now)


def rejected(image: Image, *, by: str, now: float) -> Image:
    """The image after somebody said no, or nobody said yes in time."""
    return replace(image, state=ImageState.REJECTED, decided_by=by, decided_at=now, ended_at=now, cleaned=False)


def retired(image: Image, *, now: float) -> Image:
    """The image after it was given up; its artifact is deleted next."""
    return replace(image, state=ImageState.RETIRED, ended_at=now, cleaned=False)


def within_limit(image: Image, *, limit_seconds: float, now: float) -> Image:
    """The image, failed where its stage has taken longer than ``limit_seconds``."""
    if _stage_age(image, now) <= limit_seconds:
        return image
    stage = image.stage.replace("_", " ")
    return failed(
        image,
        Failure(
            stage=image.stage,
            code="image_stage_timeout",
            message=f"The stage “{stage}” was not done within {limit_seconds:.0f} s. What it started was ended. Its "
            "log says how far it came; mend the cause, or build again.",
        ),
        now=now,
    )


def _next_stage(image: Image, now: float) -> Image:
    took = {**image.stage_seconds, image.stage.value: round(_stage_age(image, now), 3)}
    following = STAGES[STAGES.index(image.stage) + 1]
    offered = following is Stage.APPROVAL
    return replace(
        image,
        stage=following,
        stage_started_at=now,
        stage_seconds=took,
        begun=offered,
        state=ImageState.OFFERED if offered else ImageState.UNDER_WAY,
    )


def _stage_age(image: Image, now: float) -> float:
    return max(0.0, now - image.stage_started_at) if image.stage_started_at is not None else 0.0
