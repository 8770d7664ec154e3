"""A tooltip. What it says can also be read elsewhere or under F1."""

import tkinter

from tlfif.gui.look.theme import SMALL
from tlfif.gui.views.context import ViewContext

DELAY_MS = 500


class Hint:
    """The tooltip of a widget. ``text`` may change; an empty text shows nothing."""

    def __init__(self, widget: tkinter.Widget, context: ViewContext, text: str) -> None:
        self.text = text
        self._widget = widget
        self._context = context
        self._timer: str | None = None
        self._shown: tkinter.Label | None = None
        widget.bind("<Enter>", self._soon, add="+")
        for sequence in ("<Leave>", "<ButtonPress>", "<FocusOut>", "<Destroy>"):
            widget.bind(sequence, self._hide, add="+")

    def _soon(self, _event: object) -> None:
        self._hide(_event)
        self._timer = self._widget.after(DELAY_MS, self._show)

    def _show(self) -> None:
        self._timer = None
        if not self.text or not self._widget.winfo_ismapped():
            return
        look = self._context.look
        top = self._widget.winfo_toplevel()
        label = tkinter.Label(
            top,
            text=self.text,
            font=SMALL,
            background=look.palette.text,
            foreground=look.palette.panel,
            padx=look.px(7),
            pady=look.px(4),
            justify="left",
            wraplength=look.px(340),
        )
        left = self._widget.winfo_rootx() - top.winfo_rootx()
        below = self._widget.winfo_rooty() - top.winfo_rooty() + self._widget.winfo_height() + look.px(4)
        left = max(0, min(left, top.winfo_width() - label.winfo_reqwidth() - look.px(6)))
        if below + label.winfo_reqheight() > top.winfo_height():
            below -= self._widget.winfo_height() + label.winfo_reqheight() + look.px(8)
        label.place(x=left, y=below)
        label.lift()
        self._shown = label

    def _hide(self, _event: object) -> None:
        if self._timer is not None:
            self._widget.after_cancel(self._timer)
            self._timer = None
        if self._shown is not None:
            self._shown.destroy()
            self._shown = None
