"""A conversation's branches: each exchange names the one that it goes on from."""

from collections.abc import Mapping


def path_to(follows: Mapping[str, str | None], tip: str) -> list[str]:
    """The exchanges that lead to ``tip``, the oldest first. ``follows``: for each the one that it goes on from."""
    found: dict[str, None] = {}
    at: str | None = tip
    while at is not None and at in follows and at not in found:
        found[at] = None
        at = follows[at]
    return list(reversed(found))
