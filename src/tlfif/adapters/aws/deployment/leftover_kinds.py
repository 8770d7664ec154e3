"""One kind of thing that a home may leave, and how to tell which are ours."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tlfif.deployment.deployment import Found

HOME_TAG = "tlfif:home"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftoverKind:
    """``name`` and ``looked_for`` are for people, ``service`` is its name in rights. ``find`` and ``remove`` raise
    AWS's errors; to remove what is gone raises one that says so."""

    name: str
    looked_for: str
    service: str
    find: Callable[[], Iterable[Found]]
    remove: Callable[[str], object]


def tags_of(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """AWS's lists of ``Key`` and ``Value`` as a mapping."""
    return {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in found}


def is_tagged(tags: Mapping[str, str], home: str) -> bool:
    """Whether it carries the home's mark."""
    return tags.get(HOME_TAG) == home
