"""The owner's letters about images: one is offered, one was not built, one was taken back by itself.

No letter holds a link that decides: whoever can read a mailbox, and every program that opens the links in letters to
look for viruses, would promote an image without signing in. A letter says what to type or press.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from tlfif.images.image import Image, ImageState, Pointer
from tlfif.images.pipeline import APPROVAL_SECONDS
from tlfif.kernel.plain_text import one_line
from tlfif.money.amounts import usd_of
from tlfif.money.money import MicroUsd
from tlfif.wording.figures import seconds, size

SUBJECT_OF_COMMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """``subject`` is one short line in ASCII."""

    subject: str
    text: str


def letter_about(image: Image, *, storage_micros: MicroUsd) -> Letter | None:
    """The letter that this state of an image calls for; None for most states, and once what worked on it is cleaned, so
    that each letter is written once. ``storage_micros``: what storing it costs a month, in micro-dollars."""
    if image.cleaned:
        return None
    if image.state is ImageState.OFFERED:
        return Letter(
            subject=f"TL-FIF: image {image.version} waits for your approval", text=_offered(image, storage_micros)
        )
    if image.state is ImageState.FAILED:
        return Letter(subject=f"TL-FIF: image {image.version} was not built", text=_failed(image))
    return None


def letter_about_rollback(pointer: Pointer) -> Letter:
    """An image was taken back because the first machine from it did not start. ``pointer``: as it stands now."""
    lines = (
        f"Machines start from image {pointer.version} again ({pointer.profile}).",
        f"Why: {one_line(pointer.note)}.",
        "Your prompts are kept; the next start is from the image that worked before. Nothing else changed.",
        "",
        "The log of the image that failed: ./tlfif image list, then ./tlfif image logs VERSION",
        "The log of the machine: ./tlfif machine logs",
    )
    return Letter(subject=f"TL-FIF: back to image {pointer.version} by itself", text="\n".join(lines))


def _offered(image: Image, storage_micros: MicroUsd) -> str:
    until = datetime.fromtimestamp((image.stage_started_at or image.created_at) + APPROVAL_SECONDS, UTC)
    lines = [
        f"Image {image.version} ({image.profile}) was built, booted and tested. Nothing uses it yet.",
        "",
        *_origin(image),
        *_figures(image),
        f"Cost so far: {usd_of(image.cost_micros)} without VAT. Storing it: {usd_of(storage_micros)} a month.",
        "",
        f"To use it:   ./tlfif image approve {image.version}",
        f"             ./tlfif image promote {image.version}",
        "             or both in the window, tab Images. A machine that runs goes on as it is.",
        f"To refuse:   ./tlfif image reject {image.version}",
        f"To look:     ./tlfif image show {image.version}",
        "",
        f"If you do nothing until {until:%d %B %Y, %H:%M} UTC it is deleted, and everything stays as it is.",
    ]
    return "\n".join(lines)


def _failed(image: Image) -> str:
    failure = image.failure
    why = "" if failure is None else f"{failure.message} [{failure.code}]"
    stage = image.stage.replace("_", " ")
    lines = (
        f"Image {image.version} ({image.profile}) ended at the stage {stage}: {one_line(why)}",
        "",
        *_origin(image),
        f"Cost: {usd_of(image.cost_micros)} without VAT. What it started is ended and deleted.",
        "The image in use stays in use.",
        "",
        f"Its log: ./tlfif image logs {image.version}",
    )
    return "\n".join(lines)


def _origin(image: Image) -> list[str]:
    source = image.source
    commit = f"{source.commit[:10]} {one_line(source.subject)[:SUBJECT_OF_COMMIT]}".strip()
    return [f"From: {one_line(source.repository)} {commit}, asked for by {one_line(source.asked_by)}"]


def _figures(image: Image) -> list[str]:
    report = image.report
    took = ", ".join(f"{stage.replace('_', ' ')} {seconds(value)}" for stage, value in image.stage_seconds.items())
    lines = [] if not took else [f"It took: {took}"]
    if report is not None:
        lines.append(
            f"Tests: {report.passed} of {len(report.prompts)} prompts, {report.tokens_per_second:.0f} tokens a second, "
            f"first word after {seconds(report.first_token_seconds)}"
        )
    if image.artifact is not None:
        lines.append(f"Size: {size(image.artifact.size_bytes)}")
    return lines
