"""A card over the window that keeps the keyboard to itself."""

import itertools
import tkinter
from collections.abc import Callable

import ttkbootstrap as ttk

from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import focused

_NUMBERS = itertools.count(1)


class Over:
    """Drawn inside the main window, so that no window manager can hide it or lose its focus.

    Nothing in it hears the window's own bindings, and the window hears none of its keys: in the chain of each widget's
    bindings the window's place is taken by the card's. Tab stays inside, Escape calls ``leave``. What had the keyboard
    before has it again afterwards.
    """

    def __init__(self, root: tkinter.Misc, context: ViewContext, *, leave: Callable[[], None]) -> None:
        self._root = root
        self._context = context
        self._tag = f"TlfifOver{next(_NUMBERS)}"
        self._before: tkinter.Misc | None = None
        self.cover: tkinter.Frame | None = None
        root.bind_class(self._tag, "<Escape>", lambda _: leave())
        root.bind_class(self._tag, "<Tab>", lambda _: self._step(1))
        for sequence in ("<Shift-Tab>", "<ISO_Left_Tab>"):
            try:
                root.bind_class(self._tag, sequence, lambda _: self._step(-1))
            except tkinter.TclError:  # the second name exists on X11 only
                continue

    def bind(self, sequence: str, action: Callable[[], object]) -> None:
        """A key that counts wherever in the card one is."""
        self._root.bind_class(self._tag, sequence, lambda _: action())

    def begin(self, *, padding: int) -> ttk.Frame:
        """The card to be filled; :meth:`show` it then."""
        self._before = focused(self._root)
        palette, px = self._context.look.palette, self._context.look.px
        self.cover = tkinter.Frame(self._root, background=palette.edge)
        card = ttk.Frame(self.cover, style="Panel.TFrame", padding=padding)
        card.pack(fill="both", expand=True, padx=px(1), pady=px(1))
        return card

    def show(self, first: tkinter.Misc, *, width: int | None = None) -> None:
        """Put it in the middle, with the keyboard at ``first``."""
        if self.cover is None:
            return
        self.cover.place(relx=0.5, rely=0.46, anchor="center")
        if width is not None:
            self.cover.place_configure(width=width)
        self.cover.lift()
        self.isolate()
        first.focus_set()
        self.cover.after_idle(self._grab)

    def isolate(self) -> None:
        """The same for what has come into the card since."""
        if self.cover is not None:
            _isolate(self.cover, str(self._root.winfo_toplevel()), self._tag)

    def close(self) -> None:
        """Take it away."""
        cover, self.cover = self.cover, None
        if cover is not None:
            cover.grab_release()
            cover.destroy()
            if self._before is not None and self._before.winfo_exists():
                self._before.focus_set()

    def _grab(self) -> None:
        if self.cover is not None and self.cover.winfo_viewable():
            self.cover.grab_set()

    def _step(self, step: int) -> str:
        """To the next or previous widget of the card, round and round."""
        if self.cover is not None:
            able = [one for one in _inside(self.cover) if _takes_focus(one)]
            keyboard = focused(self.cover)
            at = able.index(keyboard) if keyboard in able else -1
            if able:
                able[(at + step) % len(able)].focus_set()
        return "break"


def _isolate(widget: tkinter.Misc, window: str, tag: str) -> None:
    tags = widget.bindtags()
    if window in tags:
        widget.bindtags(tuple(tag if one == window else one for one in tags))
    for child in widget.winfo_children():
        _isolate(child, window, tag)


def _inside(widget: tkinter.Misc) -> list[tkinter.Misc]:
    """It and all that is in it, in the order in which they were made."""
    return [widget, *(one for child in widget.winfo_children() for one in _inside(child))]


def _takes_focus(widget: tkinter.Misc) -> bool:
    """What Tab stops at, as the toolkit decides it."""
    return bool(widget.winfo_viewable()) and str(widget.tk.call("tk::FocusOK", widget)) == "1"
