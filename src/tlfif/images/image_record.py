"""Images, pointers, reports and watches as JSON, as every store and registry keeps them."""

import json
from dataclasses import asdict
from typing import Any

from tlfif.images.image import Artifact, Failure, Image, ImageState, Pointer, Profile, Source, Stage
from tlfif.images.image_store import Watch
from tlfif.images.smoke_report import PromptResult, SmokeReport

MOST_LETTERS = 500
"""Of each text in a report."""


def image_text(image: Image) -> str:
    """The image as JSON."""
    return json.dumps(asdict(image), ensure_ascii=False)


def image_from(text: str, *, revision: int) -> Image:
    """The image that :func:`image_text` wrote, with the ``revision`` that the store counts.

    Raises ValueError, LookupError or TypeError for anything else."""
    body: dict[str, Any] = json.loads(text)
    artifact, failure, report = body["artifact"], body["failure"], body["report"]
    return Image(
        **{
            **body,
            "profile": Profile(body["profile"]),
            "state": ImageState(body["state"]),
            "stage": Stage(body["stage"]),
            "source": Source(**body["source"]),
            "artifact": None
            if artifact is None
            else Artifact(**{**artifact, "snapshots": tuple(artifact["snapshots"])}),
            "failure": None if failure is None else Failure(**{**failure, "stage": Stage(failure["stage"])}),
            "report": None if report is None else _report(report),
            "revision": revision,
        }
    )


def report_text(report: SmokeReport) -> str:
    """The report as JSON."""
    return json.dumps(asdict(report), ensure_ascii=False)


def report_from(text: str) -> SmokeReport:
    """The report that :func:`report_text` wrote. Raises ValueError, LookupError, TypeError or
    AttributeError for anything else."""
    return _report(json.loads(text))


def pointer_text(pointer: Pointer) -> str:
    """The pointer as JSON."""
    body = asdict(pointer)
    for found_by_registry in ("disk_gb", "model"):
        del body[found_by_registry]
    return json.dumps(body, ensure_ascii=False)


def pointer_from(text: str) -> Pointer:
    """The pointer that :func:`pointer_text` wrote. Raises ValueError, LookupError or TypeError for anything else."""
    body: dict[str, Any] = json.loads(text)
    pointer = Pointer(**{**body, "profile": Profile(body["profile"]), "before": tuple(body["before"])})
    names: list[Any] = [name for name in (body["version"], body["ref"], *pointer.before) if name is not None]
    if type(body["revision"]) is not int or not all(isinstance(name, str) for name in names):
        raise TypeError("a version is text, a revision a number")
    return pointer


def watch_text(watch: Watch) -> str:
    """The watch as JSON."""
    return json.dumps(asdict(watch), ensure_ascii=False)


def watch_from(text: str) -> Watch:
    """The watch that :func:`watch_text` wrote. Raises ValueError, LookupError or TypeError for anything else."""
    body: dict[str, Any] = json.loads(text)
    return Watch(**{**body, "profile": Profile(body["profile"]), "paths": tuple(body["paths"])})


def _report(body: dict[str, Any]) -> SmokeReport:
    # A candidate wrote it, which was not tested yet.
    return SmokeReport(
        prompts=tuple(
            PromptResult(name=str(one["name"]), passed=one["passed"] is True, answer=str(one["answer"])[:MOST_LETTERS])
            for one in body["prompts"]
        ),
        tokens_per_second=float(body["tokens_per_second"]),
        first_token_seconds=float(body["first_token_seconds"]),
        phase_seconds={str(phase): float(seconds) for phase, seconds in body["phase_seconds"].items()},
        versions={str(name): str(version)[:MOST_LETTERS] for name, version in body["versions"].items()},
        idle_end=body["idle_end"] is True,
        others_share=float(body.get("others_share", 0.0)),  # reports of earlier programs have none
        error=str(body["error"])[:MOST_LETTERS],
    )
