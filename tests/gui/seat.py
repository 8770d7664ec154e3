"""Somebody who sits before the window: types, clicks, looks, waits."""

import os
import tkinter
from _tkinter import DONT_WAIT
from collections.abc import Callable
from pathlib import Path
from tkinter import ttk

from PIL import ImageGrab

from tests.waiting import PATIENCE
from tlfif.gui.window import MainWindow

PICTURES = "TLFIF_TEST_PICTURES"
SETTLED = 20
"""Rounds at most: a window that polls is never quite at rest."""


class Seat:
    """Acts through the toolkit's own events, so that bindings, focus and disabled buttons count."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.root = window.root

    def settle(self) -> None:
        """Until nothing is left to draw, and nothing on its way: a busy screen tells a window later how large it is."""
        self.root.update()
        for _ in range(SETTLED):
            self.root.winfo_pointerxy()  # asked and answered: what the screen sent before has come
            if not self.root.tk.dooneevent(DONT_WAIT):
                return
            self.root.update()

    def wait(self, condition: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
        """Let the window run until the condition holds."""
        late: list[bool] = []
        timer = self.root.after(round(timeout * 1000), lambda: late.append(True))
        while not condition():
            assert not late, f"not within {timeout} s: {what}; {self._now()}"
            self.root.tk.dooneevent(0)
        self.root.after_cancel(timer)
        self.settle()

    def _now(self) -> str:
        state = self.window.core.state
        return f"the window says {state.status_line}, {state.connection}, cost {state.cost.simulated}"

    def picture(self, name: str) -> None:
        """The window as it looks now, for whoever wants to see it: into the folder that PICTURES names."""
        folder = os.environ.get(PICTURES)
        if folder:
            self.settle()
            ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).save(Path(folder) / f"{name}.png")

    def click(self, widget: tkinter.Misc) -> None:
        """The left button, in the middle of it, and all that follows at once."""
        self.press(widget)
        self.settle()

    def press(self, widget: tkinter.Misc) -> None:
        """The left button alone."""
        self.settle()
        x, y = widget.winfo_width() // 2, widget.winfo_height() // 2
        assert widget.winfo_viewable(), f"{widget} cannot be seen"
        widget.event_generate("<Enter>", x=x, y=y)
        widget.event_generate("<Button-1>", x=x, y=y)
        widget.event_generate("<ButtonRelease-1>", x=x, y=y)

    def focus(self, widget: tkinter.Misc) -> None:
        """Give it the keyboard, without a window manager that would."""
        widget.focus_force()
        self.settle()

    def type(self, text: str) -> None:
        """Letter by letter, into whatever has the focus; a line's end as the prompt's box takes it."""
        for letter in text:
            if letter == "\n":
                self.key("<Shift-Return>")
                continue
            keysym = {" ": "space", ".": "period", "?": "question", ",": "comma"}.get(letter, letter)
            self.key(f"<Key-{keysym}>" if len(keysym) > 1 else f"<Key-{letter}>")

    def key(self, sequence: str) -> None:
        """One key, into whatever has the focus."""
        target = self.root.focus_get() or self.root
        target.event_generate(sequence)
        self.settle()

    def is_closed(self) -> bool:
        """Whether the window is gone."""
        try:
            return not self.root.winfo_exists()
        except tkinter.TclError:
            return True

    def texts(self, parent: tkinter.Misc | None = None) -> str:
        """Everything that can be read now."""
        found = []
        for child in (parent or self.root).winfo_children():
            if not child.winfo_ismapped():
                continue
            if isinstance(child, ttk.Label | ttk.Button | ttk.Checkbutton | ttk.Radiobutton | tkinter.Label):
                found.append(str(child.cget("text")))
            if isinstance(child, tkinter.Text):
                found.append(child.get("1.0", "end"))
            found.append(self.texts(child))
        return "\n".join(text for text in found if text)
