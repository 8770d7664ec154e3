"""What commands say about machine images: pure functions from the API's answers to text."""

from collections.abc import Sequence

from tlfif.cli.output.tables import moment, paragraph, table
from tlfif.wire.images import ImageDetails, ImageList, ImageLogLine, ImageView
from tlfif.wording.figures import seconds, size
from tlfif.wording.images import (
    OPEN,
    STAGES,
    change_text,
    cost_text,
    estimate_text,
    failure_text,
    figures_text,
    keeping_text,
    kept,
    kept_beside,
    kept_broken_text,
    pointer_text,
    price_text,
    retirement_text,
    short,
    state_text,
    waiting_for,
    watch_text,
)

WIDTH = 80
_SHOWN_ABOVE = frozenset({"format", "commit", "digest", "sbom"})
"""Of a manifest."""


def list_text(found: ImageList, *, now: float, here: bool) -> str:
    """All images as a table, 80 columns wide; below it what is in use, what is followed, what it costs."""
    parts = [_table(found["images"], now=now)] if found["images"] else ["There is no image yet."]
    notes = []
    for pointer in found["pointers"]:
        kind = f"{pointer['profile']}: " if len(found["pointers"]) > 1 else ""
        notes.append(kind + pointer_text(pointer, found["images"], here=here))
    watch = found["watch"]
    if watch is not None:
        notes.append(watch_text(watch) + (f" It cannot be read now: {watch['problem']}" if watch["problem"] else ""))
    elif found["follows"]:
        notes.append("No repository is followed. To follow one: ./tlfif image watch PATH")
    notes.append(keeping_text(kept(found)))
    notes += [_build(found, place) for place in range(len(found["builds"]))]
    waiting = [image["version"] for image in found["images"] if image["state"] == "offered"]
    notes += [f"{version} waits for you: ./tlfif image approve {version}" for version in waiting]
    parts.append("\n".join(paragraph(note, indent="  ", width=WIDTH) for note in notes))
    return "\n\n".join(parts)


def _build(found: ImageList, place: int) -> str:
    estimate = found["builds"][place]
    kind = f"{estimate['profile']}: " if len(found["builds"]) > 1 else ""
    return kind + estimate_text(estimate)


def _table(images: Sequence[ImageView], *, now: float) -> str:
    rows = [
        (
            image["version"],
            moment(image["created_at"], now=now),
            _brief(image),
            "-" if image["figures"] is None else f"{image['figures']['tokens_per_second']:.0f}",
            "-" if image["size_bytes"] is None else size(image["size_bytes"]),
            cost_text(image["cost_usd"]) if image["cost_usd"] else "$0",
            change_text(image),
        )
        for image in images
    ]
    return table(("IMAGE", "ASKED", "STATE", "TOK/S", "SIZE", "COST", "CHANGE"), rows, width=WIDTH)


def _brief(image: ImageView) -> str:
    """One word where there is one: the table has no space for more."""
    if image["in_use"]:
        return "in use"
    return STAGES[image["stage"]].lower() if image["state"] == "under_way" else image["state"]


def image_text(found: ImageDetails, *, now: float) -> str:
    """One image with all that is known of it."""
    image = found["image"]
    lines = [
        f"image     {image['version']}, {image['profile']}: {state_text(image)}",
        paragraph(change_text(image), first="change    ", indent=" " * 10, width=WIDTH),
        f"from      {image['repository']}",
        f"commit    {image['commit']}",
        f"asked     {moment(image['created_at'], now=now)}, by {image['asked_by']}",
        f"costs     {cost_text(image['cost_usd'])} to build"
        + (f"; kept: {price_text([image])}" if image["size_bytes"] is not None else ""),
    ]
    lines += [f"          {STAGES[name]:11} {seconds(took)}" for name, took in image["stage_seconds"].items()]
    if image["waits_for"]:
        lines.append(paragraph(image["waits_for"], first="waits     ", indent=" " * 10, width=WIDTH))
    if image["figures"] is not None:
        lines.append(f"tests     {figures_text(image['figures'])}")
        lines += [_prompt(one["name"], one["answer"], passed=one["passed"]) for one in found["prompts"]]
    if image["failure"] is not None:
        why = image["failure"]
        lines.append(
            paragraph(f"{failure_text(image)} [{why['code']}]", first="failed    ", indent=" " * 10, width=WIDTH)
        )
    if image["kept_until"] is not None:
        lines.append(
            paragraph(
                kept_broken_text(image, moment(image["kept_until"], now=now)),
                first="kept      ",
                indent=" " * 10,
                width=WIDTH,
            )
        )
    if found["versions"]:
        known = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        lines.append(paragraph(known, first="runs      ", indent=" " * 10, width=WIDTH))
    if found["digest"] is not None:
        lines.append(f"inputs    sha256 {found['digest']}")
        lines += _inputs(found["manifest"])
    if found["software"]:
        lines.append(paragraph(", ".join(found["software"]), first="contains  ", indent=" " * 10, width=WIDTH))
    lines.append(f"log       ./tlfif image logs {image['version']}")
    return "\n".join(lines)


def _prompt(name: str, answer: str, *, passed: bool) -> str:
    said = " ".join(answer.split())
    return f"          {'passed' if passed else 'FAILED'}  {name}: {said}"[:WIDTH]


def _inputs(manifest: dict[str, object]) -> list[str]:
    """Each input on a line; what is nested deeper is left to --json."""
    lines = []
    for name, value in manifest.items():
        if name in _SHOWN_ABOVE:
            continue
        inner = value if isinstance(value, dict) else {"": value}
        lines += [
            f"          {' '.join(part for part in (name, key) if part)}: {found}"
            for key, found in inner.items()
            if isinstance(found, str | int | float)
        ]
    return lines


def retirement_report(image: ImageView, found: ImageList) -> str:
    """What retiring deletes, and what is kept and costs afterwards."""
    others = kept_beside(image, found)
    lines = [paragraph(retirement_text(image), width=WIDTH)]
    if others:
        lines.append("What is kept:")
        lines += [f"  {one['version']:6} {_brief(one):9} {price_text([one])}" for one in others]
    lines.append(keeping_text(others))
    return "\n".join(lines)


def log_line(line: ImageLogLine) -> str:
    """One line of an image's log."""
    return f"{STAGES.get(line['stage'], line['stage']).lower():10}  {line['text']}"


def asked_line(image: ImageView) -> str:
    """An image that has just been asked for."""
    return f"{image['version']}  {change_text(image)}: asked for by {image['asked_by']}"


def progress_lines(old: ImageView | None, new: ImageView) -> list[str]:
    """What became of an image between two looks, one line for each stage that is done, and one for its end."""
    version = new["version"]
    done = {} if old is None else old["stage_seconds"]
    lines = [] if old is not None else [asked_line(new)]
    lines += [
        f"{version}  {STAGES[name]:11} {seconds(took)}"
        for name, took in new["stage_seconds"].items()
        if name not in done
    ]
    if new["waits_for"] and (old is None or old["waits_for"] != new["waits_for"]):
        lines.append(f"{version}  {waiting_for(new)}")
    if new["state"] in OPEN or (old is not None and (old["state"], old["in_use"]) == (new["state"], new["in_use"])):
        return lines
    replaced = old is not None and old["in_use"] and new["state"] == "approved"
    return [*lines, f"{version}  {'is kept; no machine starts from it any more.' if replaced else end_text(new)}"]


def end_text(image: ImageView) -> str:
    """How the work on an image ended, and what to do now."""
    cost = f"It has cost {cost_text(image['cost_usd'])}."
    version, failure = image["version"], image["failure"]
    match image["state"]:
        case "offered":
            tested = f" ({figures_text(image['figures'])})" if image["figures"] else ""
            return f"passed its tests{tested}. {cost} Approve it: ./tlfif image approve {version}"
        case "failed" if failure is not None:
            return f"failed: {failure_text(image)} [{failure['code']}] {cost} Its log: ./tlfif image logs {version}"
        case "approved" if image["in_use"]:
            return "is in use: the next machine starts from it."
        case "approved":
            return f"is approved. Nothing starts from it until it is promoted: ./tlfif image promote {version}"
        case _:
            return f"{state_text(image)} ({short(image['commit'])})."
