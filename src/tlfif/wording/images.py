"""Machine images in words: their stages and states, what they cost, and what follows from what a person decides."""

from collections.abc import Iterable

from tlfif.kernel.plain_text import one_line
from tlfif.money.amounts import usd
from tlfif.wire.images import EstimateView, FiguresView, ImageList, ImageView, PointerView, WatchView
from tlfif.wording.figures import countdown, how_many, size

STAGES = {
    "source": "Source",
    "build": "Build",
    "boot": "Boot",
    "smoke_test": "Smoke test",
    "approval": "Approval",
}
"""What a person reads of each stage, in their order."""
DOING = {
    "source": "reading the source",
    "build": "building",
    "boot": "booting the candidate",
    "smoke_test": "testing the candidate",
    "approval": "waiting for approval",
}
OPEN = frozenset({"waiting", "under_way"})
"""States in which something is still to be done to an image before a person decides."""
_STATES = {
    "waiting": "waits for its turn",
    "offered": "waits for your approval",
    "approved": "approved",
    "superseded": "superseded by a newer commit",
    "retired": "retired",
}
NO_WAIT = "A machine that runs goes on as it is; the next start follows."


def is_version(image: str | None) -> bool:
    """Whether this is the name of an image that was built; a machine that starts without one names the program."""
    return image is not None and image[:1] == "v" and image[1:].isdigit()


def short(commit: str) -> str:
    """A commit's name as people write it."""
    return commit[:7]


def change_text(image: ImageView) -> str:
    """What an image was built from: ``a1b2c3d Faster start``. Whoever pushed wrote it, so it is made harmless."""
    return one_line(f"{short(image['commit'])} {image['subject']}").strip()


def state_text(image: ImageView) -> str:
    """Its state in a few words."""
    if image["in_use"]:
        return "in use"
    match image["state"]:
        case "under_way" if image["waits_for"]:
            return "waits to go on"
        case "under_way":
            return DOING.get(image["stage"], image["stage"])
        case "failed":
            return f"failed: {STAGES.get(image['stage'], image['stage']).lower()}"
        case "rejected":
            return f"rejected by {image['decided_by']}"
        case state:
            return _STATES.get(state, state.replace("_", " "))


def doing_text(image: ImageView) -> str:
    """What is being done to an image, and for how long; or what it waits for."""
    if image["waits_for"]:
        return f"{image['version']}: {waiting_for(image)}"
    age = image["in_stage_seconds"]
    return f"{image['version']}: {state_text(image)}" + ("" if age is None else f", {countdown(age)} so far")


def waiting_for(image: ImageView) -> str:
    """Why its stage cannot begin yet: ``waits to go on: the machine answers``; empty where it can."""
    return f"{state_text(image)}: {image['waits_for'].rstrip('.')}" if image["waits_for"] else ""


def failure_text(image: ImageView) -> str:
    """Why it was not offered, as one sentence; it may end in the words of a program that nobody here has written."""
    said = one_line(image["failure"]["message"]).strip() if image["failure"] is not None else ""
    return said if not said or said[-1] in ".!?" else f"{said}."


def figures_text(figures: FiguresView) -> str:
    """What the smoke test measured: ``10 of 10 prompts, 71 tokens a second``."""
    rate = figures["tokens_per_second"]
    busy = " while the computer was busy" if figures["busy"] else ""
    return f"{figures['passed']} of {figures['prompts']} prompts" + (
        f", {rate:.0f} tokens a second{busy}" if rate else ""
    )


def cost_text(amount: float) -> str:
    """What an image has cost so far."""
    return usd(amount) if amount else "nothing"


def estimate_text(estimate: EstimateView | None) -> str:
    """What a build takes and costs, for who is asked before it starts."""
    if estimate is None:
        return ""
    return f"A build takes about {countdown(estimate['seconds'])} and costs {_about(estimate['cost_usd'])}."


def keeping_broken_text(estimate: EstimateView, minutes: int) -> str:
    """What it costs to keep the machine on which a build fails."""
    hourly = estimate["kept_usd_per_hour"]
    return (
        f"Where it fails, its machine is kept {minutes} min at {usd(hourly)} an hour at most: about "
        f"{usd(estimate['cost_usd'] + hourly * minutes / 60)} in all."
    )


def kept_broken_text(image: ImageView, until: str) -> str:
    """Until when the machine on which it failed is kept, what that costs, and how to end it."""
    return (
        f"its machine, until {until}, at {usd(image['kept_usd_per_hour'])} an hour at most. To end it at once: "
        f"./tlfif image reject {image['version']}"
    )


def _about(amount: float) -> str:
    return f"about {usd(amount)}" if amount else "nothing"


def estimate_of(found: ImageList, profile: str | None) -> EstimateView | None:
    """The estimate for the profile, or for the home's usual one."""
    wanted = [one for one in found["builds"] if profile is None or one["profile"] == profile]
    return wanted[0] if wanted else None


def kept(found: ImageList) -> list[ImageView]:
    """The images that are stored, the newest first."""
    return [image for image in found["images"] if image["size_bytes"] is not None]


def kept_beside(image: ImageView, found: ImageList) -> list[ImageView]:
    """What is still stored once ``image`` is gone."""
    return [one for one in kept(found) if one["version"] != image["version"]]


def keeping_text(images: Iterable[ImageView]) -> str:
    """What storing these takes and costs: ``3 images are kept: 3.3 GB at $0.15 a month``."""
    stored = list(images)
    if not stored:
        return "No image is kept."
    verb = "is" if len(stored) == 1 else "are"
    return f"{how_many(len(stored), 'image')} {verb} kept: {price_text(stored)}."


def price_text(images: Iterable[ImageView]) -> str:
    """Size and monthly price: ``1.1 GB at $0.05 a month``; on this computer ``1.1 GB at no cost``."""
    stored = list(images)
    monthly = sum(image["usd_per_month"] for image in stored)
    price = f"{usd(monthly)} a month" if monthly else "no cost"
    return f"{size(sum(image['size_bytes'] or 0 for image in stored))} at {price}"


def pointer_text(pointer: PointerView, images: Iterable[ImageView], *, here: bool) -> str:
    """Which image machines start from, why, and whether it has proven itself. ``here``: on this computer."""
    if pointer["problem"]:
        return pointer["problem"]
    version = pointer["version"]
    if version is None and here and pointer["note"]:
        return f"Machines start from the TL-FIF that is installed here, {pointer['note']}."
    if version is None:
        return (
            "No image is promoted yet: machines start from the TL-FIF that is installed here."
            if here
            else "No image is promoted yet: no machine can start until one is."
        )
    image = next((one for one in images if one["version"] == version), None)
    change = f" ({change_text(image)})" if image is not None else ""
    back = f"; if the first one fails, it goes back to {pointer['before'][-1]}" if pointer["before"] else ""
    proven = "" if pointer["proven"] else f" No machine has started from it yet{back}."
    note = f", {pointer['note']}" if pointer["note"] else ""
    return f"Machines start from {version}{change}{note}.{proven}"


def still_running_text(pointer: PointerView, running: str | None) -> str:
    """What answers now where that is another image than the one in use. ``running``: what the machine that runs now was
    started from, None where none runs."""
    if pointer["version"] is None or running is None or running == pointer["version"]:
        return ""
    old = running if is_version(running) else "the TL-FIF that is installed"
    return f"The machine that runs now started from {old} and goes on; the next one starts from {pointer['version']}."


def watch_text(watch: WatchView) -> str:
    """What is followed, and what becomes of an image that passes its tests."""
    return f"{watch['repository']} is followed, branch {watch['branch']}, {_how_often(watch)}"


def watch_brief(watch: WatchView) -> str:
    """The same where repository and branch stand beside it."""
    return f"Followed, {_how_often(watch)}"


def _how_often(watch: WatchView) -> str:
    then = "is promoted without asking" if watch["promotes"] else "waits for your approval"
    return f"looked at every {countdown(watch['every_seconds'])}. What passes its tests {then}."


def promotion_text(version: str, pointer: PointerView | None) -> str:
    """What promoting does."""
    old = pointer["version"] if pointer is not None else None
    instead = f" instead of {old}" if old is not None and old != version else ""
    return f"Machines start from {version}{instead} from now on. {NO_WAIT}"


def rejection_text(image: ImageView) -> str:
    """What rejecting does."""
    return (
        f"{image['version']} is deleted ({price_text([image])}). Its record and its log stay; what it has cost so far, "
        f"{cost_text(image['cost_usd'])}, does not come back."
    )


def retirement_text(image: ImageView) -> str:
    """What retiring does."""
    return (
        f"{image['version']} ({change_text(image)}) is deleted for good: {price_text([image])}. Its record and its log "
        "stay; rolling back to it is no longer possible."
    )
