"""A screen without glass, fingers for its keyboard and eyes for its pixels: the window is timed from outside.

The pixels are read from the file in which Xvfb keeps its picture, so that looking takes none of its time.
"""

import ctypes
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "1280x800x24"
FINGERS = ("libX11.so.6", "libXtst.so.6")
"""Libraries that press keys on an X server: the first comes with Tk, the second with xdotool (Debian: libxtst6)."""
BACKSPACE = 0xFF08
LETTER = ord("m")


class Screen:
    """One display. Keys go to whatever window lies under the pointer, which rests in the middle."""

    def __init__(self, name: str, picture: mmap.mmap) -> None:
        self.name = name
        self._picture = picture
        header = struct.unpack(">25I", picture[:100])
        self._row, colours = header[12], header[19]
        self._pixel = header[11] // 8
        self._first = header[0] + colours * 12
        self._x11, self._xtest = (ctypes.CDLL(library) for library in FINGERS)
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._x11.XKeysymToKeycode.argtypes = [ctypes.c_void_p, ctypes.c_ulong]
        self._x11.XFlush.argtypes = self._x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        self._xtest.XTestFakeKeyEvent.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_ulong]
        self._display = self._x11.XOpenDisplay(name.encode())
        if not self._display:
            raise OSError(f"the display {name} cannot be opened")

    def press(self, keysym: int) -> None:
        """A key, down and up, as a keyboard would send it."""
        code = self._x11.XKeysymToKeycode(self._display, keysym)
        for down in (1, 0):
            self._xtest.XTestFakeKeyEvent(self._display, code, down, 0)
        self._x11.XFlush(self._display)

    def look(self, cell: tuple[int, int, int, int]) -> bytes:
        """The pixels of a cell: x, y, width, height."""
        x, y, width, height = cell
        starts = (self._first + line * self._row + x * self._pixel for line in range(y, y + height))
        return b"".join(self._picture[start : start + width * self._pixel] for start in starts)

    def shows(self, picture: bytes, cell: tuple[int, int, int, int], slack: int = 0) -> bool:
        """Whether a cell looks like this, or another one up to ``slack`` pixels above or below it does."""
        x, y, width, height = cell
        strip = self.look((x, y - slack, width, height + 2 * slack))
        found = strip.find(picture)
        return found >= 0 and found % (width * self._pixel) == 0

    def close(self) -> None:
        """Let go of the display."""
        self._x11.XCloseDisplay(self._display)


def why_no_screen() -> str:
    """What is missing for one, as a sentence; empty where nothing is."""
    if shutil.which("Xvfb") is None:
        return "The window's part is left out: it needs Xvfb (Debian: apt-get install xvfb)."
    try:
        for library in FINGERS:
            ctypes.CDLL(library)
    except OSError as error:
        return f"The window's part is left out: no key can be pressed here ({error}; Debian: apt-get install libxtst6)."
    return ""


@contextmanager
def open_screen() -> Iterator[Screen]:
    """A display that nobody else uses; never the one that somebody may be sitting at."""
    with tempfile.TemporaryDirectory(prefix="tlfif-bench-screen-") as folder:
        reader, writer = os.pipe()
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", SIZE, "-dpi", "96", "-nolisten", "tcp"]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen([*command, "-fbdir", folder], pass_fds=[writer], stdout=quiet, stderr=quiet)
        os.close(writer)
        try:
            with os.fdopen(reader) as told:
                number = told.readline().strip()
            with (
                (Path(folder) / "Xvfb_screen0").open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as picture,
            ):
                screen = Screen(f":{number}", picture)
                try:
                    yield screen
                finally:
                    screen.close()
        finally:
            process.terminate()
            process.wait(10)
