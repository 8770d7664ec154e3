"""What stands in place of a conversation before its first prompt."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.first_page import welcome
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.widgets import WrappingLabel


class Welcome(ttk.Frame):
    """A title and a few sentences in the middle of ``parent``; without the title where that would be cut."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, *, over: tkinter.Widget) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._over = over
        self._title = ttk.Label(self, style="Panel.TLabel", anchor="center")
        self._text = WrappingLabel(self, style="Muted.Panel.TLabel")
        self._title.pack(fill="x")
        self._text.pack(fill="x")
        for part in (over, self):
            part.bind("<Configure>", lambda _: self._fit(), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        self._title.configure(font="TlfifTitle")
        self._text.configure(justify="center", anchor="center")
        self._text.pack_configure(pady=self._context.look.px(8))

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if not new.conversation.exchanges and (old is None or _told_of(old) != _told_of(new)):
            title, words = welcome(new, command=self._context.command_name)
            self._title.configure(text=title)
            self._text.show(words)

    def show(self, shown: bool) -> None:
        """Show or hide it."""
        if shown and not self.winfo_manager():
            self.place(relx=0.5, rely=0.45, anchor="center", relwidth=0.7)
        elif not shown:
            self.place_forget()

    def _fit(self) -> None:
        titled, space = bool(self._title.winfo_manager()), self._over.winfo_height()
        needed = self._title.winfo_reqheight() + self._text.winfo_reqheight() + self._context.look.px(24)
        if titled and needed > space > 1:
            self._title.pack_forget()
        elif not titled and needed <= space:
            self._title.pack(fill="x", before=self._text)


def _told_of(state: WindowState) -> tuple[object, ...]:
    """What the words before the first prompt depend on."""
    values = state.settings.values
    return state.home.view, values.begun, values.enter_sends, state.cost.real and state.cost.real.usd_per_hour
