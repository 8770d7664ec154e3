"""When a process started, to tell it from a later one with the same number."""

import sys

import psutil

SAME_START_SECONDS = 0.5


def process_start(process: psutil.Process) -> float:
    """Seconds, the same at every look and in every process, also when the wall clock was set meanwhile: Linux counts
    from its own start, and psutil adds the moment of that, which moves with the clock. Raises psutil.Error."""
    return process.create_time() - (psutil.boot_time() if sys.platform == "linux" else 0.0)
