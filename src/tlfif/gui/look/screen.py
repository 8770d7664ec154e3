"""What this computer's screen is like, found out once. Imports nothing that may be missing."""

import sys
from functools import lru_cache

from tlfif.kernel.data_folder import display_name


def density() -> float:
    """Pixels per point of the screen, before any choice of the person's.

    Raises TclError where no window can open, ImportError where this Python has no Tk.
    """
    return _density(display_name())


@lru_cache(maxsize=4)
def _density(_display: str) -> float:
    """Opens a hidden window, the only way to find out. It takes a tenth of the start, so the result is cached."""
    import tkinter

    if sys.platform == "win32":
        from ttkbootstrap.utils.scaling import enable_high_dpi_awareness

        enable_high_dpi_awareness()  # before the first window, or the answer is the one for old programs
    probe = tkinter.Tk()
    try:
        return float(probe.winfo_fpixels("1i")) / 72
    finally:
        probe.destroy()
