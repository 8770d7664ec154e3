"""What is asked before an act that costs money, deletes something, or changes what answers."""

from tlfif.gui.model.images_panel import ImagesPanel
from tlfif.gui.model.state import Choice, Dialog
from tlfif.wire.images import EstimateView, PointerView
from tlfif.wording.images import (
    NO_WAIT,
    estimate_of,
    estimate_text,
    keeping_text,
    kept_beside,
    promotion_text,
    rejection_text,
    retirement_text,
)

NAME = "images"
OWN_MACHINE = "It runs on a machine of its own, which shuts down by itself."
TRUST = "Whoever can push to this repository then decides, without you, what answers your prompts."


def question_of(panel: ImagesPanel, act: str) -> Dialog | None:
    """The question before ``act``; None where it costs nothing and can be taken back."""
    shown = panel.shown
    match act:
        case "build" | "follow":
            return _before_a_build(panel, act)
        case "promote" if shown is not None:
            version = shown.image["version"]
            text = promotion_text(version, pointer_of(panel))
            return _ask(act, f"Promote {version}?", text, "Promote")
        case "reject" if shown is not None:
            title, text = f"Reject {shown.image['version']}?", rejection_text(shown.image)
            return _ask(act, title, text, "Reject and delete", Choice.DELETE)
        case "retire" if shown is not None and panel.report is not None:
            left = keeping_text(kept_beside(shown.image, panel.report))
            title, text = f"Retire {shown.image['version']}?", f"{retirement_text(shown.image)} {left}"
            return _ask(act, title, text, "Retire and delete", Choice.DELETE)
        case "roll_back":
            pointer = pointer_of(panel)
            if pointer is None or not pointer["before"]:
                return None
            back = pointer["before"][-1]
            text = f"Machines start from {back} again instead of {pointer['version']}. {NO_WAIT}"
            return _ask(act, f"Roll back to {back}?", text, "Roll back")
        case _:
            return None


def pointer_of(panel: ImagesPanel) -> PointerView | None:
    """The pointer of the kind of image that is looked at, or of the home's usual one."""
    if panel.report is None:
        return None
    pointers = panel.report["pointers"]
    profile = panel.shown.image["profile"] if panel.shown is not None else None
    return next((one for one in pointers if one["profile"] == profile), pointers[0] if pointers else None)


def _before_a_build(panel: ImagesPanel, act: str) -> Dialog | None:
    estimate: EstimateView | None = estimate_of(panel.report, None) if panel.report is not None else None
    costs = estimate is not None and estimate["cost_usd"] > 0
    promotes = act == "follow" and panel.entry.promotes
    if not costs and not promotes:
        return None
    each = "Each push that changes what is in an image builds one, its newest commit first." if act == "follow" else ""
    parts = [each, estimate_text(estimate) if costs else "", OWN_MACHINE if costs else "", TRUST if promotes else ""]
    title = "Build an image now?" if act == "build" else "Follow this repository?"
    return _ask(act, title, " ".join(part for part in parts if part), "Build" if act == "build" else "Follow")


def _ask(act: str, title: str, text: str, label: str, choice: Choice = Choice.GO_ON) -> Dialog:
    choices = ((Choice.KEEP, "Change nothing"), (choice, label))
    return Dialog(name=NAME, title=title, text=text, choices=choices, subject=act)
