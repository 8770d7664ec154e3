"""Notices that stay until they are dismissed: what happened, what to do, what to press."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.state import Notice, WindowState
from tlfif.gui.views.context import ViewContext, is_compact, is_narrow
from tlfif.gui.views.widgets import PressRow, WrappingLabel

AT_ONCE = 2
"""Notices shown at once, so that they leave space for the conversation; the others follow."""


class NoticeBar(ttk.Frame):
    """The newest notices. Without one it has no height."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self._cards: list[ttk.Frame] = []
        self._notices: tuple[Notice, ...] = ()
        self._narrow = False
        self.columnconfigure(0, weight=1)
        context.look.root.bind("<Configure>", lambda _: self._resized(), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        self._draw(self._notices)

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is None or old.notices is not new.notices:
            self._notices = new.notices
            self._draw(new.notices)

    def _draw(self, notices: tuple[Notice, ...]) -> None:
        self._narrow = is_narrow(self._context.look)
        for card in self._cards:
            card.destroy()
        at_once = 1 if is_compact(self._context.look) else AT_ONCE
        self._cards = [self._card(notice, row) for row, notice in enumerate(notices[-at_once:])]
        if not notices:
            self.configure(height=1)

    def _resized(self) -> None:
        if is_narrow(self._context.look) != self._narrow:
            self._draw(self._notices)

    def _card(self, notice: Notice, row: int) -> ttk.Frame:
        context, px, problem = self._context, self._context.look.px, notice.problem
        card = ttk.Frame(self, style="Panel.TFrame", padding=(px(12), px(6)))
        edge = tkinter.Frame(
            card, background=getattr(context.look.palette, "good" if notice.good else "bad"), width=px(4)
        )
        edge.grid(row=0, column=0, rowspan=2, sticky="ns", padx=(0, px(10)))
        compact = is_compact(context.look)
        below = compact or self._narrow  # the sentences need the whole width, below the buttons
        title = WrappingLabel(
            card, style="Good.Panel.TLabel" if notice.good else "Bad.Panel.TLabel", text=problem.title
        )
        title.configure(font="TlfifStrong")
        title.grid(row=0, column=1, sticky="ew")
        text = WrappingLabel(card, style="Panel.TLabel", text=f"{problem.message} {problem.advice}".strip())
        text.configure(font=SMALL if compact else BODY)
        text.grid(row=1, column=1, columnspan=3 if below else 1, sticky="ew")
        buttons = PressRow(
            card,
            style="Panel.TFrame",
            press=lambda press: context.press(intents.PressButton(press, notice=problem.code)),
        )
        buttons.show(problem.presses)
        buttons.grid(row=0, column=2, rowspan=1 if below else 2, padx=px(8))
        ttk.Button(
            card,
            text="Dismiss",
            bootstyle="default",
            command=lambda: context.press(intents.DismissNotice(problem.code)),
        ).grid(row=0, column=3, rowspan=1 if below else 2)
        card.columnconfigure(1, weight=1)
        card.grid(row=row, column=0, sticky="ew", pady=(0, px(4)))
        return card
