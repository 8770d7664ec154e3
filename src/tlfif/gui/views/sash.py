"""The edge of the sidebar: dragged, or moved with the arrow keys."""

import tkinter
from collections.abc import Callable

from tlfif.gui.views.context import ViewContext

WIDE = 5
STEP = 20
"""Pixels at 100 %."""


class Sash(tkinter.Frame):
    """``drag`` gets the new right edge's place on the screen in pixels, ``step`` pixels at 100 %; ``done`` once it
    stays."""

    def __init__(
        self,
        parent: tkinter.Misc,
        context: ViewContext,
        *,
        drag: Callable[[int], None],
        step: Callable[[int], None],
        done: Callable[[], None],
    ) -> None:
        super().__init__(parent, cursor="sb_h_double_arrow", takefocus=True, borderwidth=0, highlightthickness=0)
        self._context = context
        self._lit = False
        self.bind("<B1-Motion>", lambda event: drag(event.x_root))
        self.bind("<ButtonRelease-1>", lambda _: done())
        for key, steps in (("<Left>", -STEP), ("<Right>", STEP)):
            self.bind(key, lambda _, steps=steps: step(steps))  # type: ignore[misc]  # lambda's defaults
        self.bind("<KeyRelease>", lambda _: done())
        for sequence, lit in (("<Enter>", True), ("<Leave>", False), ("<FocusIn>", True), ("<FocusOut>", False)):
            self.bind(sequence, lambda _, lit=lit: self._light(lit))  # type: ignore[misc]  # as above
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        self.configure(width=self._context.look.px(WIDE))
        self._light(self._lit)

    def _light(self, lit: bool) -> None:
        self._lit = lit
        palette = self._context.look.palette
        self.configure(background=palette.focus if lit else palette.ground)
