"""The Chat tab: past conversations beside the open one, the prompt's box and the controls below it."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.state import WindowState
from tlfif.gui.views.composer_view import LINES, ComposerView
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.controls_bar import ControlsBar
from tlfif.gui.views.conversation_view import ConversationView
from tlfif.gui.views.history_list import HistoryList
from tlfif.gui.views.truth_bar import COMPACT

ROOMY = 800
"""Pixels at 100 %: narrower than this, the list of conversations hides until it is asked for."""

LOW = 250
"""Pixels at 100 %: lower than this, the prompt's box is one line high where letters are large."""


class ChatTab(ttk.Frame):
    """Where one spends the day."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self._wanted: bool | None = None
        self.history = HistoryList(self, context)
        self.conversation = ConversationView(self, context)
        self.composer = ComposerView(self, context)
        self.controls = ControlsBar(self, context)
        self._line = ttk.Frame(self, style="Line.TFrame", height=1)
        self.columnconfigure(1, weight=1)
        self.rowconfigure(0, weight=1)
        self.history.grid(row=0, column=0, rowspan=2, sticky="nsew")
        self.conversation.grid(row=0, column=1, sticky="nsew")
        self.composer.grid(row=1, column=1, sticky="ew")
        self._line.grid(row=2, column=0, columnspan=2, sticky="ew")
        self.controls.grid(row=3, column=0, columnspan=2, sticky="ew")
        self.bind("<Configure>", lambda _: self._arrange(), add="+")
        self.restyle()

    def restyle(self) -> None:
        """Take over the look."""
        px = self._context.look.px
        self.configure(padding=(px(10), px(8)))
        self.history.grid_configure(padx=(0, px(10)))
        self.columnconfigure(0, minsize=0)
        self.composer.grid_configure(pady=(px(8), 0))
        self._line.grid_configure(pady=px(8))
        for view in (self.history, self.conversation, self.composer, self.controls):
            view.restyle()
        self._arrange()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        for view in (self.conversation, self.composer, self.controls, self.history):
            view.render(old, new)

    def show_history(self, shown: bool | None = None) -> None:
        """Show the list of conversations, hide it, or the other of both."""
        self._wanted = not self.history.winfo_ismapped() if shown is None else shown
        self._arrange()

    def _arrange(self) -> None:
        large = self._context.look.scale > COMPACT
        low = self.winfo_height() < self._context.look.px(LOW)
        lines = LINES if not large else 1 if low else 2
        if int(str(self.composer.text.cget("height"))) != lines:
            self.composer.text.configure(height=lines)
            self.composer.show_keys(lines > 1)
        roomy = self.winfo_width() >= self._context.look.px(ROOMY)
        shown = roomy if self._wanted is None else self._wanted
        if shown != bool(self.history.winfo_manager()):
            if shown:
                self.history.grid()
            else:
                self.history.grid_remove()
