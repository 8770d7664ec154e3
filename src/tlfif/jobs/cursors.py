"""Cursors of job lists: opaque to callers, a job's acceptance number inside."""

import re

from tlfif.kernel.errors import InvalidInputError

_SHAPE = re.compile(r"before-([1-9][0-9]{0,17})")


def list_cursor(position: int) -> str:
    """The cursor of the page that follows the job accepted as number ``position``."""
    return f"before-{position}"


def list_position(cursor: str) -> int:
    """The number inside ``cursor``. Raises InvalidInputError (code ``cursor_invalid``)."""
    match = _SHAPE.fullmatch(cursor)
    if match is None:
        raise InvalidInputError(
            "This page mark was not made by the job list. Leave it out to start with the newest job.",
            code="cursor_invalid",
        )
    return int(match.group(1))
