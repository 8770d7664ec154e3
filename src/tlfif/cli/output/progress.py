"""What a long command is doing, and a question before it begins."""

import signal
import sys
from collections.abc import Callable

from tlfif.cli.output.console import Console
from tlfif.kernel.errors import InvalidInputError


class Progress:
    """Says steps as lines, what passes as one line that is rewritten; without a terminal each passing thing once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def __call__(self, text: str, *, passing: bool = False) -> None:
        """Say it."""
        if not passing:
            self._console.note(text)
        elif self._console.is_interactive:
            self._console.status(text)
        elif (what := text.partition("(")[0]) != self._last:
            self._last = what
            self._console.note(text)


def agreed(console: Console, question: str, *, yes: bool, read: Callable[[], str] | None = None) -> bool:
    """Whether the owner wants it: ``yes`` was typed with the command, or now.

    Raises InvalidInputError (code ``not_confirmed``) where nobody can be asked.
    """
    if yes:
        return True
    if read is None and not sys.stdin.isatty():
        raise InvalidInputError(
            "There is nobody to ask. Add --yes to do this without a question. Nothing was changed.",
            code="not_confirmed",
        )
    console.note(f"{question} Type yes to go on, anything else to leave.")
    return (read or _typed)().strip().lower() in {"y", "yes"}


def _typed() -> str:
    """Ctrl-C leaves at once, whatever a waiting task has made of it: nothing was begun yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
