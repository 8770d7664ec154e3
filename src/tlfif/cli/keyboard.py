"""The keyboard of a terminal while an answer comes."""

import contextlib
import os
import sys
from collections.abc import Callable

PASTE_MARKED, PASTE_PLAIN = "\x1b[?2004h", "\x1b[?2004l"
"""Make a terminal say, or no longer say, where a pasted text begins and ends."""


def hold_keys(*, paste_marked: bool = False) -> Callable[[], None]:
    """Keep what is typed from now on, unseen, for whoever reads next; it would land in the middle of the answer.
    Ctrl-C still interrupts. ``paste_marked``: who reads next knows the marks around a pasted text.

    Returns what ends it. Does nothing on Windows, which shows no letter before it is read, and where the answer goes
    to a file or a program or this command works in the background: a terminal belongs to the command in front.
    """
    if sys.platform == "win32":
        return lambda: None
    import termios

    try:
        terminal = sys.stdout.fileno()
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return lambda: None
        before = termios.tcgetattr(terminal)
        held = [*before]
        held[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(terminal, termios.TCSANOW, held)
        if paste_marked:
            os.write(terminal, PASTE_MARKED.encode())
    except (OSError, ValueError, termios.error):  # no terminal
        return lambda: None

    def release() -> None:
        with contextlib.suppress(OSError, termios.error):
            if os.tcgetpgrp(terminal) == os.getpgrp():
                termios.tcsetattr(terminal, termios.TCSANOW, before)
                if paste_marked:
                    os.write(terminal, PASTE_PLAIN.encode())

    return release
