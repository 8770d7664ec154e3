"""Whether there is a screen here. Imports nothing that may be missing, and opens no window."""

import socket
import sys
from pathlib import Path

from tlfif.kernel.data_folder import display_name

SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108  # where every X server of this computer listens
SECONDS = 2.0


def why_no_screen(system: str = sys.platform, sockets: Path = SOCKETS) -> str:
    """Why no window can open, in a few words; empty where nothing is known to be in the way. What only an attempt shows
    is said by the attempt."""
    if system in {"darwin", "win32"}:
        return ""
    name = display_name()
    if not name:
        return "no display is named"
    number = name.removeprefix("unix").removeprefix(":").split(".")[0]
    if number == name or not number.isdigit() or not hasattr(socket, "AF_UNIX"):
        return ""  # on another computer
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS)
        for address in (f"\0{sockets}/X{number}", f"{sockets}/X{number}"):  # Linux has both
            try:
                line.connect(address)
            except OSError:
                continue
            return ""
    return f"nothing answers at the display {name}"
