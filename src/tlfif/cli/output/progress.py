"""The progress of a long command, and the question before it begins."""

import signal
import sys
from collections.abc import Callable

from tlfif.cli.output.console import Console
from tlfif.kernel.errors import InvalidInputError


class Progress:
    """Prints steps as lines and passing states as one rewritten line; without a terminal each passing state once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def __call__(self, text: str, *, passing: bool = False) -> None:
        """Print it."""
        if not passing:
            self._console.note(text)
        elif self._console.is_interactive:
            self._console.status(text)
        elif (what := text.partition("(")[0]) != self._last:
            self._last = what
            self._console.note(text)


def agreed(console: Console, question: str, *, yes: bool, read: Callable[[], str] | None = None) -> bool:
    """Whether the owner agrees: with ``yes`` on the command line, or by answering now.

    Raises InvalidInputError (code ``not_confirmed``) where nobody can be asked.
    """
    if yes:
        return True
    if read is None and not sys.stdin.isatty():
        raise InvalidInputError(
            "There is nobody to ask. Add --yes to do this without a question. Nothing was changed.",
            code="not_confirmed",
        )
    console.note(f"{question} Type yes to go on, anything else to stop.")
    return (read or _typed)().strip().lower() in {"y", "yes"}


def _typed() -> str:
    """Read a line. Ctrl-C ends the command at once, whatever handler a task has set: nothing has begun yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
