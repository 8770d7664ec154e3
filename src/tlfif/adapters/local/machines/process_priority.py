"""Lowers the priority of an engine's process, which otherwise uses every core of this computer."""

import os

NICENESS = 5
"""Steps of niceness: enough that a server which wakes up for a moment gets a core at once, although the engine's
threads always want one. With 15, a program that is busy for long would leave the engine next to nothing."""


def lower_priority() -> None:
    """Lower this process's priority. Not on Windows, where a process of low priority gets no time while others run."""
    if os.name == "posix":
        os.nice(NICENESS)
