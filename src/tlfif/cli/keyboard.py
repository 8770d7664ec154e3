"""The keyboard of a terminal while an answer comes."""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Self

PASTES_MARKED, PASTES_PLAIN = b"\x1b[?2004h", b"\x1b[?2004l"
"""Make a terminal say, or no longer say, where a pasted text begins and ends."""


class HeldKeys:
    """A context in which what is typed is kept, unseen, for whoever reads next: it would land in the middle of an
    answer. Ctrl-C still interrupts.

    Does nothing on Windows, which shows no letter before it is read, and where the answer goes to a file or a program
    or this command works in the background: a terminal belongs to the command in front.
    """

    def __init__(self) -> None:
        self._undo: Callable[[], None] | None = None
        self._marked = False

    def __enter__(self) -> Self:
        """Hold them."""
        if sys.platform == "win32":
            return self
        import termios

        with contextlib.suppress(OSError, ValueError, termios.error):  # no terminal
            if _is_ours(terminal := sys.stdout.fileno()):
                before = termios.tcgetattr(terminal)
                held = [*before]
                held[3] &= ~(termios.ECHO | termios.ICANON)
                termios.tcsetattr(terminal, termios.TCSANOW, held)
                self._undo = lambda: termios.tcsetattr(terminal, termios.TCSANOW, before)
        return self

    def mark_pastes(self) -> None:
        """Have the terminal mark a pasted text, which the next prompt then takes as a whole."""
        if self._undo is not None:
            self._marked = True
            os.write(sys.stdout.fileno(), PASTES_MARKED)

    def release(self) -> None:
        """Give the keyboard back, once."""
        undo, self._undo = self._undo, None
        with contextlib.suppress(OSError, ValueError):
            if undo is not None and _is_ours(sys.stdout.fileno()):
                undo()
                if self._marked:
                    os.write(sys.stdout.fileno(), PASTES_PLAIN)

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.release()


def _is_ours(terminal: int) -> bool:
    """Raises OSError where it is no terminal."""
    return sys.platform != "win32" and os.tcgetpgrp(terminal) == os.getpgrp()
