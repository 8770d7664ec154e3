"""The list of past conversations: search, open, new, export, delete."""

import tkinter
from collections.abc import Callable
from datetime import datetime

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.state import WindowState
from tlfif.gui.views.context import ViewContext, is_short
from tlfif.gui.views.table_columns import fitting
from tlfif.gui.views.widgets import FocusRing, Hint, WrappingLabel
from tlfif.history.history import ConversationSummary
from tlfif.wording.figures import how_many


class HistoryList(ttk.Frame):
    """A click or Return opens a conversation, Delete asks whether to delete it."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, *, leave: Callable[[], None] = lambda: None) -> None:
        super().__init__(parent)
        self._context = context
        self._top = ttk.Frame(self)
        self.new = ttk.Button(
            self._top,
            text="New conversation",
            bootstyle="primary",
            command=lambda: context.press(intents.NewConversation()),
        )
        self.back = ttk.Button(self._top, text="Back", bootstyle="default", command=leave)
        self.new.grid(row=0, column=0, sticky="ew")
        self.back.grid(row=0, column=1)
        self.back.grid_remove()
        self._top.columnconfigure(0, weight=1)
        self._label = ttk.Label(self, text="Search past conversations", style="Muted.Ground.TLabel")
        self.search = ttk.Entry(self, width=10)
        self._ring = FocusRing(self, context)
        self.tree = ttk.Treeview(self._ring, show="tree", selectmode="browse", style="History.Treeview")
        self._bar = ttk.Scrollbar(self, orient="vertical", command=self.tree.yview, bootstyle="secondary round")
        self._ring.hold(self.tree)
        self.tree.configure(yscrollcommand=self._scrolled)
        self.note = WrappingLabel(self, style="Muted.Ground.TLabel")
        row = ttk.Frame(self)
        self.export = ttk.Button(row, text="Export…", bootstyle="default", command=self.export_chosen)
        self.delete = ttk.Button(row, text="Delete…", bootstyle="default", command=self._delete)
        self.export.grid(row=0, column=0, sticky="ew")
        self.delete.grid(row=0, column=1, sticky="ew")
        row.columnconfigure((0, 1), weight=1, uniform="half")
        self._row = row
        self._top.grid(row=0, column=0, columnspan=2, sticky="ew")
        self._label.grid(row=1, column=0, columnspan=2, sticky="ew")
        self.search.grid(row=2, column=0, columnspan=2, sticky="ew")
        self._ring.grid(row=3, column=0, sticky="nsew")
        self._bar.grid(row=3, column=1, sticky="ns")
        self.note.grid(row=4, column=0, columnspan=2, sticky="ew")
        row.grid(row=5, column=0, columnspan=2, sticky="ew")
        self.rowconfigure(3, weight=1)
        self.columnconfigure(0, weight=1)
        self._query = ""
        self._shown: tuple[ConversationSummary, ...] = ()
        self._lines: dict[str, tuple[str, str]] = {}
        self._current = ""
        self._bind(context.command_name)
        self.restyle()

    def _bind(self, key: str) -> None:
        context = self._context
        self.search.bind("<KeyRelease>", self._searched)
        self.search.bind("<Escape>", self._search_all)
        self.search.bind("<Down>", lambda _: self.tree.focus_set())
        self.tree.bind("<ButtonRelease-1>", self._open)
        self.tree.bind("<Return>", self._open)
        self.tree.bind("<Delete>", lambda _: self._delete())
        self.tree.bind("<FocusIn>", lambda _: self._begin(), add="+")
        self.tree.bind("<<TreeviewSelect>>", lambda _: self._able())
        self.tree.bind("<Configure>", lambda _: self._refit(), add="+")
        Hint(self.new, context, f"{key}+N")
        Hint(self.back, context, f"To the conversation  ({key}+H)")
        Hint(self.search, context, f"{key}+F")
        Hint(self.export, context, f"Write the chosen conversation to a file, Markdown or JSON  ({key}+E)")
        Hint(self.delete, context, "Delete the chosen conversation for good  (Delete)")

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        self._label.configure(font=SMALL)
        self.note.configure(font=SMALL)
        self.search.configure(font="TlfifBody")
        self._label.grid_configure(pady=(px(10), px(2)))
        self._ring.restyle()
        self._ring.grid_configure(pady=(px(8), px(6)))
        self._row.grid_configure(pady=(px(6), 0))
        self.delete.grid_configure(padx=(px(6), 0))
        self.tree.column("#0", width=px(205), stretch=True)
        self._refit()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is None or old.history is not new.history or old.home is not new.home:
            history = new.history
            if history.found != self._shown:
                self._fill(history.found)
                self._mark()
            if not history.available:
                self.note.show("Conversations cannot be kept at the moment.", "Bad.Ground.TLabel")
            elif history.exported_to:
                self.note.show(f"Written to {history.exported_to}", "Good.Ground.TLabel")
            else:
                nothing = history.query.strip() and not history.found
                usual = "" if is_short(self._context.look) else usual_words(new.home.view)
                self.note.show("Nothing found." if nothing else usual, "Muted.Ground.TLabel")
        if new.conversation.id != self._current:
            self._current = new.conversation.id
            self._mark()
        self._able()

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        (self._bar.grid if float(first) > 0 or float(last) < 1 else self._bar.grid_remove)()

    def offer_back(self, offered: bool) -> None:
        """Show or hide the Back button, for a list that covers the conversation."""
        if offered:
            self.back.grid(padx=(self._context.look.px(6), 0))
        else:
            self.back.grid_remove()

    def export_chosen(self) -> None:
        """Export the selected conversation, or else the open one."""
        chosen = self._chosen() or self._current
        if not chosen:
            return
        title = next((one.title for one in self._shown if one.id == chosen), "Conversation")
        path = self._context.ask_path(title)
        if path is not None:
            self._context.press(intents.ExportConversation(chosen, path))

    def _fill(self, found: tuple[ConversationSummary, ...]) -> None:
        """Change the rows that differ: measuring the text of one takes longer than drawing it."""
        self._shown = found
        lines = {one.id: (one.title, _second_line(one)) for one in found}
        self.tree.delete(*(name for name in self._lines if name not in lines))
        order = [name for name in self._lines if name in lines]
        for place, (name, shown) in enumerate(lines.items()):
            if name not in self._lines:
                self.tree.insert("", place, iid=name, text=self._text(shown))
                order.insert(place, name)
                continue
            if order[place] != name:
                self.tree.move(name, "", place)
                order.remove(name)
                order.insert(place, name)
            if shown != self._lines[name]:
                self.tree.item(name, text=self._text(shown))
        self._lines = lines

    def _text(self, lines: tuple[str, str]) -> str:
        space = max(self.tree.winfo_width(), self._context.look.px(205)) - self._context.look.px(26)
        return "\n".join(fitting(line, space, self._context.look) for line in lines)

    def _refit(self) -> None:
        for name, shown in self._lines.items():
            self.tree.item(name, text=self._text(shown))

    def _mark(self) -> None:
        """Select the open conversation, unless the list has the focus."""
        if self.tree.focus_get() is self.tree:
            return
        wanted = (self._current,) if self._current and self.tree.exists(self._current) else ()
        if tuple(self.tree.selection()) != wanted:
            self.tree.selection_set(wanted)
            if wanted:
                self.tree.focus(wanted[0])

    def _begin(self) -> None:
        """Select a row for the arrow keys: the open conversation may not be among those found."""
        rows = self.tree.get_children()
        if rows and not self.tree.focus():
            self.tree.focus(rows[0])
            self.tree.selection_set(rows[0])

    def _able(self) -> None:
        able = bool(self._chosen() or (self._current and self._context))
        for button in (self.export, self.delete):
            if button.instate(["disabled"]) == able:
                button.state(["!disabled" if able else "disabled"])

    def _chosen(self) -> str:
        chosen = self.tree.selection()
        return str(chosen[0]) if chosen else ""

    def _open(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        by_pointer = getattr(event, "num", None) == 1
        chosen = self.tree.identify_row(event.y) if by_pointer else self._chosen()
        if chosen and chosen != self._current:
            self._context.press(intents.OpenConversation(chosen))

    def _delete(self) -> None:
        chosen = self._chosen() or self._current
        if chosen:
            self._context.press(intents.DeleteConversation(chosen))

    def _searched(self, _event: object) -> None:
        query = self.search.get()
        if query != self._query:
            self._query = query
            self._context.press(intents.SearchHistory(query))

    def _search_all(self, event: object) -> str:
        self.search.delete(0, "end")
        self._searched(event)
        return "break"


def usual_words(view: HomeView) -> str:
    """Where they are kept."""
    return "Kept on this computer, and by AWS for 30 days." if view.on_aws else "Kept on this computer only."


def _second_line(one: ConversationSummary) -> str:
    """Where the search found it, or else when it was and how long it is."""
    if one.snippet:
        return one.snippet.replace("\n", " ")
    when = datetime.fromtimestamp(one.updated_at)
    day = f"{when:%H:%M}" if when.date() == datetime.now().date() else f"{when:%d %b %Y}"
    return f"{day}  ·  {how_many(one.exchanges, 'answer')}"
