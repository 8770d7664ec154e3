"""The Chat tab: past conversations beside the open one, the prompt's box and the controls below it."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.model.state import WindowState
from tlfif.gui.views.composer_view import ComposerView
from tlfif.gui.views.context import ViewContext, is_short, is_wide
from tlfif.gui.views.controls_bar import ControlsBar
from tlfif.gui.views.conversation_view import ConversationView
from tlfif.gui.views.history_list import HistoryList
from tlfif.gui.views.toolkit import regrid

COMMANDS = 0x4 | 0x8 | 0x40
"""Ctrl, Alt or Cmd, and the system's key, in the state of a key's event."""


class ChatTab(ttk.Frame):
    """Conversation, prompt, controls, and the list of past conversations beside or over them."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self._wanted: bool | None = None
        self._short: bool | None = None
        self._place = ""
        self.history = HistoryList(self, context, leave=lambda: self.show_history(False))
        self.conversation = ConversationView(self, context)
        self.composer = ComposerView(self, context, toggle_history=self.show_history)
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
        self.conversation.text.bind("<Key>", self._typed, add="+")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        self._short = is_short(self._context.look)
        self._place = ""
        px = self._context.look.px
        gap = px(2 if self._short else 8)
        self.configure(padding=(px(10), gap))
        self.columnconfigure(0, minsize=0)
        regrid(self.composer, pady=(gap, 0))
        regrid(self._line, pady=gap)
        for view in (self.history, self.conversation, self.composer, self.controls):
            view.restyle()
        self._arrange()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        for view in (self.conversation, self.composer, self.controls, self.history):
            view.render(old, new)
        if old is None or old.history.matches is not new.history.matches:
            self.conversation.show_matches(new.history.matches)
        if old is not None and old.conversation.id != new.conversation.id and not _deleted(old, new):
            self.uncover()

    def show_history(self, shown: bool | None = None) -> None:
        """Show the list of conversations, hide it, or (None) toggle it."""
        self._wanted = not self.history.winfo_ismapped() if shown is None else shown
        if not self._wanted and self._place == "over":
            self._wanted = None  # with space for both, the list is beside the conversation again
        self._arrange()

    def uncover(self) -> None:
        """Hide the list where it covers the conversation."""
        if self._place == "over":
            self.show_history(False)

    def _typed(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        """What is typed while the conversation has the keyboard goes into the prompt."""
        if event.char.isprintable() and event.char.strip() and not int(event.state) & COMMANDS:
            self.composer.text.focus_set()
            self.composer.text.insert("insert", event.char)

    def _arrange(self) -> None:
        look = self._context.look
        short = is_short(look)
        if short != self._short:
            self._short = short
            self.restyle()
            return
        self.composer.use_height(self.winfo_height())
        wide = is_wide(look, self.winfo_width())
        self.composer.offer_history(not wide)
        shown = wide if self._wanted is None else self._wanted
        self._lay_out("hidden" if not shown else "beside" if wide else "over")

    def _lay_out(self, place: str) -> None:
        """The list of conversations: beside the open one, over it where there is no space for both, or hidden."""
        if place == self._place:
            return
        self._place = place
        beside = (self.conversation, self.composer, self._line, self.controls)
        for part in beside:
            (part.grid_remove if place == "over" else part.grid)()
        over = place == "over"
        self.history.offer_back(over)
        if place == "hidden":
            self.history.grid_remove()
        else:
            right = 0 if over else self._context.look.px(10)
            self.history.grid(row=0, column=0, rowspan=4 if over else 2, columnspan=2 if over else 1, padx=(0, right))


def _deleted(old: WindowState, new: WindowState) -> bool:
    """Whether the open conversation was deleted just now: the list has the button that brings it back."""
    return len(new.history.deleted) > len(old.history.deleted)
