"""What every test needs."""

import contextlib
import gc
import os
import signal

import pytest

DEAREST = ("aws", "misbehaving", "functional", "gui", "contract", "infra")
"""Folders whose files take long, the longest first."""


def pytest_configure() -> None:
    """Programs that tests interrupt must hear it: a shell that starts pytest in the background has it and its
    children ignore Ctrl-C, which they would inherit."""
    with contextlib.suppress(ValueError):  # not in the main thread
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # while modules are loaded and tests collected there is nothing to collect
    os.umask(os.umask(0o022) | 0o022)  # homes that tests make are not for a person's group, whose they would be refused


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first and what takes shortest comes last, so that at the end none of pytest's workers
    waits for another one."""
    order = {folder: place for place, folder in enumerate(DEAREST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end; the garbage collector need not look through it each time,
    which would be a twentieth of all the work. What a test forgets to close is still found, a little later."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
