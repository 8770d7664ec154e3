"""The file dialogs of the system. On macOS and Windows Tk's are those already; on Linux zenity or kdialog shows them,
where one is installed, and Tk's own are shown otherwise."""

import contextlib
import shutil
import subprocess
import sys
import tkinter
from collections.abc import Callable, Sequence
from pathlib import Path
from tkinter import filedialog

LOOK_MS = 40
"""How often is looked whether the dialog is closed; the window goes on meanwhile."""
CANCELLED = 1
"""Exit status of both programs where nothing was chosen."""
Which = Callable[[str], str | None]


def dialog_command(
    *, save: bool, title: str, start: Path, system: str = sys.platform, which: Which = shutil.which
) -> list[str]:
    """The command of the system's own dialog; empty where Tk's is to be used. ``start``: the folder, or the file that
    is offered to be written."""
    if system != "linux":
        return []
    if which("zenity"):
        kind = ["--save", "--confirm-overwrite"] if save else ["--multiple", "--separator=\n"]
        where = str(start) if save else f"{start}/"
        return ["zenity", "--file-selection", *kind, f"--title={title}", f"--filename={where}"]
    if which("kdialog"):
        kind = ["--getsavefilename", str(start)] if save else ["--multiple", "--separate-output"]
        return ["kdialog", "--title", title, *kind, *([] if save else ["--getopenfilename", str(start)])]
    return []


class FileDialogs:
    """One at a time. ``command`` gives the system's own."""

    def __init__(self, root: tkinter.Tk, command: Callable[..., list[str]] = dialog_command) -> None:
        self._root = root
        self._command = command
        self._open = False

    def to_write(self, *, title: str, start: Path, kinds: Sequence[tuple[str, str]]) -> Path | None:
        """Where to write a file; ``start`` is offered. None: it was cancelled."""
        found = self._own(save=True, title=title, start=start)
        if found is None:
            self._hide_hidden_files()
            ending = start.suffix
            name = filedialog.asksaveasfilename(
                parent=self._root,
                title=title,
                initialdir=start.parent,
                initialfile=start.name,
                defaultextension=ending,
                filetypes=list(kinds),
            )
            found = (Path(name),) if name else ()
        return found[0] if found else None

    def to_read(self, *, title: str, start: Path) -> tuple[Path, ...]:
        """Which files to read; empty: it was cancelled."""
        found = self._own(save=False, title=title, start=start)
        if found is None:
            self._hide_hidden_files()
            names = filedialog.askopenfilenames(parent=self._root, title=title, initialdir=start)
            found = tuple(Path(name) for name in names)
        return found

    def _hide_hidden_files(self) -> None:
        """In Tk's own dialog on Linux, which has a box for them then."""
        tk = self._root.tk
        with contextlib.suppress(tkinter.TclError):  # its script is loaded by a call that fails
            tk.call("tk_getOpenFile", "-foobar")
        if tk.call("info", "exists", "::tk::dialog::file::showHiddenVar"):
            tk.call("set", "::tk::dialog::file::showHiddenBtn", 1)
            tk.call("set", "::tk::dialog::file::showHiddenVar", 0)

    def _own(self, *, save: bool, title: str, start: Path) -> tuple[Path, ...] | None:
        """What was chosen in the system's own dialog; None where there is none, or it could not be shown."""
        command = self._command(save=save, title=title, start=start)
        if self._open:
            return ()
        if not command:
            return None
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        except OSError:
            return None
        self._open = True
        with process:
            try:
                self._wait(process)
                said = process.stdout.read() if process.stdout is not None else ""
            finally:
                self._open = False
        if process.returncode not in {0, CANCELLED}:
            return None
        return tuple(Path(line) for line in said.splitlines() if line) if process.returncode == 0 else ()

    def _wait(self, process: "subprocess.Popen[str]") -> None:
        """Until it has ended, while the window goes on; the dialog ends with the window."""
        done = tkinter.BooleanVar(self._root)

        def look() -> None:
            if process.poll() is None:
                self._root.after(LOOK_MS, look)
            else:
                done.set(True)

        look()
        try:
            self._root.wait_variable(done)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
