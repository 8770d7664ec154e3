"""The right of way for everything else on this computer, which an engine would otherwise keep busy on every core."""

import contextlib
import os
from pathlib import Path

STEPS = 5
"""Of niceness: while others want a core as well, about a third of what each of them gets. Alone, all of it."""
_GROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """This process and what it starts stand back behind the rest of the computer. On Windows its starter says so."""
    if os.name == "posix":
        os.nice(STEPS)


def give_way_as_group() -> None:
    """This process's whole session stands back. Linux shares the cores among sessions first, by a niceness that each
    has as a whole, and only then among a session's processes (man 7 sched, "The autogroup feature")."""
    with contextlib.suppress(OSError):  # another system, or a Linux that does not do this
        _GROUP.write_text(str(STEPS), encoding="ascii")
