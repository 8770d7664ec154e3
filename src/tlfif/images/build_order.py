"""An image that another program asks for and follows: AWS's CodePipeline, or a workflow at GitHub."""

import re
from dataclasses import replace
from enum import StrEnum

from tlfif.images.image import Failure, Image, ImageState, Profile, Source
from tlfif.images.image_registry import ImageRegistry
from tlfif.images.image_store import ImageStore
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ImageError, NotFoundError

PUSH = "a push"
MONTHLY = "the monthly rebuild"
COMMIT = re.compile(r"[0-9a-f]{40}")
"""A commit's whole name."""
_OPEN = frozenset({ImageState.WAITING, ImageState.UNDER_WAY})
_BAD = frozenset({ImageState.FAILED, ImageState.SUPERSEDED})


class Outcome(StrEnum):
    """What whoever follows an image is told."""

    GOING_ON = "going_on"
    GOOD = "good"
    """It passed its tests; a person decides, and nobody waits for that here."""
    BAD = "bad"


def outcome_of(image: Image) -> Outcome:
    """How far the image is, for whoever follows it."""
    if image.state in _OPEN:
        return Outcome.GOING_ON
    return Outcome.BAD if image.state in _BAD else Outcome.GOOD


def sentence_of(image: Image) -> str:
    """The same in one sentence; for a bad outcome with its stable code in front."""
    match image.state:
        case ImageState.WAITING:
            return f"{image.version} waits for its turn."
        case ImageState.UNDER_WAY:
            return f"{image.version} is at the stage {image.stage.replace('_', ' ')}."
        case ImageState.OFFERED:
            return f"{image.version} passed its tests. To use it: ./tlfif image approve {image.version}"
    failure = _failure_of(image)
    return f"{image.version} is {image.state}." if failure is None else f"[{failure.code}] {failure.message}"


def _failure_of(image: Image) -> Failure | None:
    if image.state is not ImageState.SUPERSEDED:
        return image.failure
    message = f"A newer commit came before it was the turn of {image.version}."
    return Failure(stage=image.stage, code="image_superseded", message=message)


async def ordered_image(source: Source, profile: Profile, *, store: ImageStore, clock: Clock) -> Image:
    """The image that is made of ``source``. An order that comes twice, because its answer was lost, makes one image."""
    for image in await store.unfinished():
        if image.state in _OPEN and (image.profile, image.source.commit) == (profile, source.commit):
            return image
    return await store.create(profile=profile, source=source, now=clock.now())


async def rebuild_images(*, store: ImageStore, registry: ImageRegistry, clock: Clock) -> list[Image]:
    """Ask for each image in use once more, from the same commit: it comes out with the system's updates of today."""
    made = []
    for profile in Profile:
        try:
            version = (await registry.pointer(profile)).version
            if version is None:
                continue
            source = (await store.get(version)).source
        except (ImageError, NotFoundError):  # altered by hand, or of no record: the others are built nevertheless
            continue
        again = replace(source, asked_by=MONTHLY, keep_minutes=0)
        made.append(await ordered_image(again, profile, store=store, clock=clock))
    return made
