"""Where tkinter does something else than one expects."""

import tkinter
from typing import Any


def focused(widget: tkinter.Misc) -> tkinter.Misc | None:
    """The widget that has the keyboard. None: nothing here has it; a dialog of Tk's own, which has no object, is told
    by a KeyError."""
    try:
        return widget.focus_get()
    except KeyError:
        return None


def regrid(widget: tkinter.Widget, **options: Any) -> None:
    """Change how a widget lies in its grid; one that is hidden stays hidden, where Tk would show it again."""
    hidden = not widget.winfo_manager()
    widget.grid_configure(**options)
    if hidden:
        widget.grid_remove()
