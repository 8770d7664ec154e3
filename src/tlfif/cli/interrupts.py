"""Ctrl-C and the signals by which other programs end a command."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from tlfif.cli.exit_codes import INTERRUPTED

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
Handler = Callable[[int, FrameType | None], Any] | int | None


class Interrupts:
    """A context in which the first signal cancels the task that entered it, and the second one ends the program.

    Plain signal handlers, because Windows' event loop has none of its own. The main thread only. ``at_end`` is called
    before the program ends so.
    """

    def __init__(self, at_end: Callable[[], None] = lambda: None) -> None:
        self._at_end = at_end
        self._before: dict[int, Handler] = {}
        self._came = False

    def __enter__(self) -> Self:
        """Take over the signals."""
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            if self._came:
                self._at_end()
                os._exit(INTERRUPTED)
            self._came = True
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)

        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                self._before[number] = signal.signal(number, on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


def swallow_cancellation() -> None:
    """The signal has been answered: the task goes on."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
