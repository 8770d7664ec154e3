"""A report on images as the texts of its tab."""

from dataclasses import replace

from tlfif.gui.model.images_panel import (
    ImageDecision,
    ImageRow,
    ImagesPanel,
    Mark,
    RepositoryEntry,
    ShownImage,
    StageMark,
)
from tlfif.gui.presenters.image_questions import pointer_of
from tlfif.gui.presenters.problems import plain
from tlfif.wire.images import ImageList, ImageView
from tlfif.wording.figures import countdown, seconds, size
from tlfif.wording.images import (
    STAGES,
    change_text,
    cost_text,
    estimate_of,
    estimate_text,
    failure_text,
    figures_text,
    keeping_text,
    kept,
    pointer_text,
    price_text,
    state_text,
    still_running_text,
    waiting_for,
    watch_brief,
    watch_text,
)


def reported(panel: ImagesPanel, report: ImageList, *, now: float, here: bool, running: str | None) -> ImagesPanel:
    """The panel after a report of the server; ``here``: this computer's. ``running``: the image of the machine that
    runs, None where none does."""
    versions = {image["version"] for image in report["images"]}
    chosen = panel.chosen if panel.chosen in versions else ""
    panel = replace(panel, report=report, updated_at=now, chosen=chosen, follows=report["follows"])
    panel = replace(panel, rows=tuple(row_of(image) for image in report["images"]), shown=shown_image(panel))
    watch, pointer = report["watch"], pointer_of(panel)
    return replace(
        panel,
        in_use="\n".join(
            f"{plain(pointer_text(one, report['images'], here=here))} {still_running_text(one, running)}".strip()
            for one in report["pointers"]
            if one["version"] is not None or one["problem"] or one is pointer
        ),
        can_roll_back=pointer is not None and bool(pointer["before"]) and not pointer["problem"],
        keeping=keeping_text(kept(report)),
        estimate=estimate_text(estimate_of(report, None)),
        watch="" if watch is None else (watch_text if panel.entry.editing else watch_brief)(watch),
        watch_problem=""
        if watch is None or not watch["problem"]
        else f"It cannot be read now: {plain(watch['problem'])}",
        entry=_entry(panel.entry, report),
    )


def _entry(entry: RepositoryEntry, report: ImageList) -> RepositoryEntry:
    """What is followed stands in the fields, until somebody types something else."""
    watch = report["watch"]
    if entry.editing or watch is None:
        return entry
    return replace(entry, address=watch["repository"], branch=watch["branch"], promotes=watch["promotes"])


def row_of(image: ImageView) -> ImageRow:
    """A version as a row."""
    figures, stored = image["figures"], image["size_bytes"]
    return ImageRow(
        version=image["version"],
        state=state_text(image),
        change=change_text(image),
        tests="" if figures is None else f"{figures['tokens_per_second']:.0f} tok/s",
        size="" if stored is None else size(stored),
        cost=cost_text(image["cost_usd"]),
    )


def shown_image(panel: ImagesPanel) -> ShownImage | None:
    """The version that is looked at, in full."""
    images = panel.report["images"] if panel.report is not None else []
    image = next((one for one in images if one["version"] == panel.chosen), images[0] if images else None)
    if image is None:
        return None
    return ShownImage(
        image=image,
        title=f"{image['version']}: {change_text(image)}",
        stages=tuple(_stage(image, name, title) for name, title in STAGES.items()),
        outcome=outcome_text(image),
        failed=image["failure"] is not None,
        decisions=decisions_of(image),
    )


def decisions_of(image: ImageView) -> frozenset[ImageDecision]:
    """What can be decided about it now."""
    if image["state"] == "offered":
        return frozenset({ImageDecision.APPROVE, ImageDecision.REJECT})
    if image["state"] == "approved" and not image["in_use"]:
        return frozenset({ImageDecision.PROMOTE, ImageDecision.RETIRE})
    return frozenset()


def _stage(image: ImageView, name: str, title: str) -> StageMark:
    took = image["stage_seconds"].get(name)
    if took is not None:
        return StageMark(title=title, mark=Mark.DONE, took=seconds(took))
    failure = image["failure"]
    if failure is not None and failure["stage"] == name:
        return StageMark(title=title, mark=Mark.FAILED, took="failed")
    age = image["in_stage_seconds"]
    if image["state"] == "under_way" and image["stage"] == name:
        so_far = "" if age is None else f"{countdown(age)} so far"
        return StageMark(title=title, mark=Mark.NOW, took="waits" if image["waits_for"] else so_far)
    if name == "approval":
        return _approval(image, title)
    return StageMark(title=title, mark=Mark.TO_COME, took="")


def _approval(image: ImageView, title: str) -> StageMark:
    match image["state"]:
        case "offered":
            return StageMark(title=title, mark=Mark.NOW, took="waits for you")
        case "approved":
            return StageMark(
                title=title, mark=Mark.DONE, took=f"by {image['decided_by']}" if image["decided_by"] else ""
            )
        case "rejected":
            return StageMark(title=title, mark=Mark.FAILED, took="rejected")
        case _:
            return StageMark(title=title, mark=Mark.TO_COME, took="")


def outcome_text(image: ImageView) -> str:
    """How it ended or what it waits for, its figures, and what it has cost."""
    figures = image["figures"]
    if image["failure"] is not None:
        return f"{plain(failure_text(image))} Nothing is left of it. It has cost {cost_text(image['cost_usd'])}."
    begin = waiting_for(image) or state_text(image)
    parts = [f"{begin[:1].upper()}{begin[1:]}."]
    if figures is not None:
        parts.append(f"{figures_text(figures)}.")
    if image["size_bytes"] is not None:
        parts.append(f"Keeping it: {price_text([image])}.")
    parts.append(f"Asked for by {image['asked_by']}; it has cost {cost_text(image['cost_usd'])}.")
    return " ".join(parts)
