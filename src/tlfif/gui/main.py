"""Opens the window, or says why it cannot open. Loads the toolkit only after checking that it is there."""

import gc
import logging
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tlfif.gui.look.screen import why_no_screen
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.log_lines import begin_log

if TYPE_CHECKING:
    from tlfif.gui.core import WindowCore
    from tlfif.gui.window import MainWindow

NO_TOOLKIT = """The window needs Tk, and this Python ({version}) came without it. Everything else works: ./tlfif --help

  Debian, Ubuntu    sudo apt install python3-tk
  Fedora            sudo dnf install python3-tkinter
  macOS, Homebrew   brew install python-tk
  macOS, Windows    or take the installer from python.org, which brings Tk; on Windows keep "tcl/tk" ticked

Then delete the folder .venv and start again."""
OLD_TOOLKIT = """This Python came with Tk {version}, the old one of macOS, which shows empty windows.
Take Python from python.org or from Homebrew (brew install python-tk), delete the folder .venv and start again."""
NO_DISPLAY = """There is no screen here that a window could open on ({reason}).

Over SSH, try "ssh -X". Without a screen everything works from the command line:

  ./tlfif ask "What is a cloud computer?"     one question, one answer
  ./tlfif chat                                a conversation"""
NO_SCREEN = 5
"""Exit status, as of every command that is not let in."""
LOADED_MS = 4000
"""Milliseconds after which the bridge's libraries are loaded, too."""


def why_not() -> str:
    """Why no window can be opened here, as a text for its owner; empty where nothing is known to be in the way."""
    try:
        import tkinter
    except ImportError:
        return NO_TOOLKIT.format(version=sys.version.split()[0])
    if tkinter.TkVersion < 8.6:
        return OLD_TOOLKIT.format(version=tkinter.TkVersion)
    if find_spec("ttkbootstrap") is None:
        return "The window needs the package ttkbootstrap. With ./tlfif it is installed; else: pip install ttkbootstrap"
    reason = why_no_screen()
    return NO_DISPLAY.format(reason=reason) if reason else ""


def open_window(data_folder: DataFolder) -> int:
    """Open the window and stay until it is closed; for where :func:`why_not` found nothing. Returns 0, or 5 where no
    window could open all the same, which is said on standard error."""
    gc.disable()  # while modules are loaded and widgets made there is nothing to collect: a tenth of the start
    from tlfif.gui.bridge.opening import open_core

    begin_log("tlfif: %(message)s", level=logging.WARNING)
    return show(open_core(data_folder))


def show(core: "WindowCore", *, shown: "Callable[[MainWindow], None]" = lambda _: None) -> int:
    """The window of a core, until it is closed; ``shown`` is called once it can be used. Returns as
    :func:`open_window`."""
    import tkinter

    from tlfif.gui.look.theme import open_look, palette_for, system_is_dark
    from tlfif.gui.window import MainWindow

    try:
        values = core.state.settings.values
        dark = system_is_dark()
        palette = palette_for(values.appearance, system_dark=dark)
        try:
            look = open_look(points=values.font_size, palette=palette)
        except tkinter.TclError as error:
            sys.stderr.write(f"{NO_DISPLAY.format(reason=error)}\n")
            return NO_SCREEN
        window = MainWindow(look.root, core, look, system_dark=dark)
        window.open()
        _keep_what_is_loaded()
        look.root.after(LOADED_MS, _keep_what_is_loaded)
        shown(window)
        look.root.mainloop()
    finally:
        core.close()
    return 0


def _keep_what_is_loaded() -> None:
    """Keep modules and widgets out of garbage collection, which would stop the window each time it checks them."""
    gc.freeze()
    gc.enable()
