"""What every test needs."""

import contextlib
import signal


def pytest_configure() -> None:
    """Programs that tests interrupt must hear it: a shell that starts pytest in the background has it and its
    children ignore Ctrl-C, which they would inherit."""
    with contextlib.suppress(ValueError):  # not in the main thread
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
