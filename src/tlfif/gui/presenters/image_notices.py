"""What an owner hears of images in any tab: one waits for approval, an approved one for promotion, one failed, one was
taken back by itself."""

from tlfif.gui.model.state import Press, Problem, WindowState
from tlfif.gui.presenters.problems import own_message, plain
from tlfif.gui.presenters.step import with_notice, without_notices
from tlfif.wire.images import ImageList, ImageView
from tlfif.wording.images import change_text, failure_text, figures_text, price_text

BY_ITSELF = "rolled back by itself"


def with_image_notices(state: WindowState, before: ImageList | None, at: float) -> WindowState:
    """The state with what has happened since the report ``before``; at the first report, with what waits."""
    report = state.images.report
    if report is None:
        return state
    offered = [image for image in report["images"] if image["state"] == "offered"]
    if not offered:
        state = without_notices(state, "image_offered")
    elif offered[0]["version"] not in _versions(before, "offered"):
        state = with_notice(state, offer(offered[0]), at, good=True)
    version = promotable(report)
    if not version:
        state = without_notices(state, "image_approved")
    if before is None:
        return state
    if version in _versions(before, "offered"):
        approved = next(image for image in report["images"] if image["version"] == version)
        state = with_notice(state, approval(approved), at, good=True)
    for image in reversed(report["images"]):
        known = image["version"] in _versions(before, "under_way", "waiting")
        if known and image["failure"] is not None:
            state = with_notice(state, refusal(image), at)
    return _taken_back(state, before, report, at)


def offer(image: ImageView) -> Problem:
    """It passed its tests and waits."""
    figures = f"{figures_text(image['figures'])}. " if image["figures"] is not None else ""
    return own_message(
        "image_offered",
        f"Image {image['version']} passed its tests",
        f"{change_text(image)}. {figures}Keeping it: {price_text([image])}.",
        advice="Machines start from it only after you approve and promote it.",
        presses=(Press.APPROVE_IMAGE, Press.OPEN_IMAGES),
    )


def approval(image: ImageView) -> Problem:
    """The owner has said yes to it, and nothing has changed yet."""
    return own_message(
        "image_approved",
        f"Image {image['version']} is approved",
        f"{change_text(image)}.",
        advice="Machines start from it once you promote it.",
        presses=(Press.PROMOTE_IMAGE, Press.OPEN_IMAGES),
    )


def promotable(report: ImageList) -> str:
    """The version that was approved last and is not in use; empty where there is none."""
    found = [image for image in report["images"] if image["state"] == "approved" and not image["in_use"]]
    return max(found, key=lambda image: image["decided_at"] or 0.0)["version"] if found else ""


def refusal(image: ImageView) -> Problem:
    """It was not good enough, and nothing is left of it."""
    return own_message(
        "image_refused",
        f"Image {image['version']} was refused",
        f"{change_text(image)}. {plain(failure_text(image))}",
        advice="The one in use stays.",
        presses=(Press.OPEN_IMAGES,),
    )


def _taken_back(state: WindowState, before: ImageList, report: ImageList, at: float) -> WindowState:
    known = {pointer["profile"]: pointer["version"] for pointer in before["pointers"]}
    for pointer in report["pointers"]:
        moved = known.get(pointer["profile"]) != pointer["version"]
        if moved and pointer["note"].startswith(BY_ITSELF):
            told = own_message(
                "image_taken_back",
                f"Machines start from {pointer['version'] or 'what is installed'} again",
                f"{pointer['note'][0].upper()}{pointer['note'][1:]}.",
                presses=(Press.OPEN_IMAGES,),
            )
            state = with_notice(state, told, at)
    return state


def _versions(report: ImageList | None, *states: str) -> set[str]:
    images = report["images"] if report is not None else []
    return {image["version"] for image in images if image["state"] in states}
