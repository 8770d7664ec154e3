"""Cursors of job lists: opaque to callers, a job's acceptance number inside."""

import re
from collections.abc import Sequence

from tlfif.jobs.job_record import JobRecord
from tlfif.kernel.errors import InvalidInputError

_SHAPE = re.compile(r"before-([1-9][0-9]{0,17})")


def next_cursor(found: Sequence[JobRecord], limit: int) -> str | None:
    """The cursor of the page after the first ``limit`` jobs of ``found``; None if there are no more."""
    return f"before-{found[limit - 1].position}" if len(found) > limit else None


def list_position(cursor: str) -> int:
    """The number inside ``cursor``. Raises InvalidInputError (code ``cursor_invalid``)."""
    match = _SHAPE.fullmatch(cursor)
    if match is None:
        raise InvalidInputError(
            "This page mark was not made by the job list. Leave it out to start with the newest job.",
            code="cursor_invalid",
        )
    return int(match.group(1))
