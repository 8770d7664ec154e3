"""The right of way for everything else on this computer, which an engine would otherwise keep busy on every core."""

import os

NICENESS = 5
"""Of niceness: beside the engine's threads, which always want a core, a server that wakes up for a moment has one at
once. Enough for that; with 15, a program that is busy for long would leave the engine next to nothing."""


def lower_priority() -> None:
    """This process stands back behind the others. Not on Windows, where standing back means waiting for their end."""
    if os.name == "posix":
        os.nice(NICENESS)
