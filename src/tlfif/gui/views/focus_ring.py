"""A frame that shows when the list inside has the keyboard focus, because the toolkit's lists do not."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.views.context import ViewContext


class FocusRing(tkinter.Frame):
    """Create the list with this frame as its parent, then :meth:`hold` it."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, borderwidth=0)
        self._context = context

    def hold(self, held: ttk.Treeview) -> None:
        """Fill the frame with the list and show its focus."""
        held.pack(fill="both", expand=True)
        held.bind("<FocusIn>", lambda _: self._show(True), add="+")
        held.bind("<FocusOut>", lambda _: self._show(False), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        self.configure(highlightthickness=self._context.look.px(2), background=self._context.look.palette.panel)
        self._show(False)

    def _show(self, focused: bool) -> None:
        palette = self._context.look.palette
        colour = palette.focus if focused else palette.panel
        self.configure(highlightbackground=colour, highlightcolor=colour)
