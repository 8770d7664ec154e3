"""Images as the API sends them, with everything filled in."""

from typing import Any

from tlfif.wire.images import ImageList, ImageView

STAGES_DONE = {"source": 0.4, "build": 8.1, "boot": 3.2, "smoke_test": 6.0}


def figures(**changes: Any) -> Any:
    """A good smoke test."""
    return {
        "prompts": 10,
        "passed": 10,
        "tokens_per_second": 71.3,
        "first_token_seconds": 0.2,
        "busy": False,
        **changes,
    }


def image_view(number: int = 1, state: str = "offered", **changes: Any) -> ImageView:
    """An image in that state; one that is offered or approved is stored."""
    stored = state in {"offered", "approved"}
    base = {
        "version": f"v{number}", "profile": "bundle", "state": state,
        "stage": "approval" if stored else "source", "stage_seconds": STAGES_DONE if stored else {},
        "in_stage_seconds": None, "waits_for": "", "repository": "/src/tl-fif", "commit": f"{number}" * 40,
        "subject": f"Change {number}", "asked_by": "a push", "created_at": 1000.0 + number,
        "figures": figures() if stored else None, "size_bytes": 120_000_000 if stored else None,
        "usd_per_month": 0.0, "cost_usd": 0.0, "failure": None, "decided_by": "", "decided_at": None,
        "ended_at": None, "in_use": False, "kept_until": None, "kept_usd_per_hour": 0.0,
    }  # fmt: skip
    return {**base, **changes}


def failed(number: int = 1, **changes: Any) -> ImageView:
    """One whose candidate did not boot."""
    failure = {"stage": "boot", "code": "image_boot_failed", "message": "The unit tlfif-worker is broken."}
    return image_view(number, "failed", stage="boot", stage_seconds={"source": 0.4, "build": 8.1}, failure=failure,
                      **changes)  # fmt: skip


def pointer_view(**changes: Any) -> Any:
    """A pointer to v1."""
    base = {
        "profile": "bundle", "version": "v1", "before": [], "proven": True, "note": "promoted by the owner",
        "moved_at": 1000.0, "problem": "",
    }  # fmt: skip
    return {**base, **changes}


def watch_view(**changes: Any) -> Any:
    """A folder that is followed."""
    base = {
        "repository": "/src/tl-fif", "branch": "main", "profile": "bundle", "paths": ["src/"], "promotes": False,
        "seen": None, "looked_at": None, "problem": "", "every_seconds": 10.0,
    }  # fmt: skip
    return {**base, **changes}


def image_list(*images: ImageView, **changes: Any) -> ImageList:
    """The newest first."""
    base = {
        "images": list(images), "pointers": [pointer_view(version=None, note="", proven=False, moved_at=None)],
        "watch": None, "follows": True,
        "builds": [{"profile": "bundle", "seconds": 45.0, "cost_usd": 0.0, "kept_usd_per_hour": 0.0}],
        "kept_bytes": sum(one["size_bytes"] or 0 for one in images), "kept_usd_per_month": 0.0,
    }  # fmt: skip
    return {**base, **changes}


def log_lines(*texts: str, ended: bool = True, after: int = 0) -> Any:
    """A page of a log."""
    lines = [
        {"number": after + place, "at": 1000.0, "stage": "build", "text": text} for place, text in enumerate(texts, 1)
    ]
    return {"lines": lines, "last": after + len(lines), "state": "offered", "stage": "approval", "ended": ended}
