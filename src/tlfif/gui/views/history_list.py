"""The sidebar: new conversation, search and its places, the list of conversations, taking a deletion back."""

import tkinter
from collections.abc import Callable
from dataclasses import replace

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.history_panel import HistoryPanel
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.preferences import SIDEBAR_RANGE, Preferences
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.history import running_words
from tlfif.gui.views.context import ViewContext, is_short
from tlfif.gui.views.conversation_menu import Acts, ListMenu, conversation_entries, folder_entries
from tlfif.gui.views.conversation_rows import ConversationRows, Does, Row
from tlfif.gui.views.sash import Sash
from tlfif.gui.views.toolkit import focused, regrid
from tlfif.gui.views.widgets import Hint, WrappingLabel
from tlfif.history.arranging import MoveTo, NameFolder, Pin, PutAway, RemoveFolder, Rename
from tlfif.history.groups import FOLDER, grouped


class HistoryList(ttk.Frame):
    """As wide as its owner dragged it."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, *, leave: Callable[[], None] = lambda: None) -> None:
        super().__init__(parent)
        self._context = context
        self._values = Preferences()
        self._panel = HistoryPanel()
        self._current = ""
        self._running: dict[str, str] = {}
        self._top = ttk.Frame(self)
        self.new = ttk.Button(
            self._top,
            text="New conversation",
            bootstyle="default",
            command=lambda: context.press(intents.NewConversation()),
        )
        self.back = ttk.Button(self._top, text="Back", bootstyle="default", command=leave)
        self.new.grid(row=0, column=0, sticky="ew")
        self.back.grid(row=0, column=1)
        self.back.grid_remove()
        self._top.columnconfigure(0, weight=1)
        self.search = ttk.Entry(self, width=10)
        self._wanted = tkinter.Label(self.search, text="Search", borderwidth=0, cursor="xterm", takefocus=False)
        self.match_bar = self._match_bar()
        self.list = ConversationRows(
            self,
            context,
            Does(
                open=lambda name: context.press(intents.OpenConversation(name)),
                fold=lambda key: context.press(intents.FoldGroup(key)),
                menu=self._show_menu,
                rename=self._rename,
                delete=self._delete,
                move=lambda name, folder: context.press(intents.ArrangeHistory(MoveTo(name, folder))),
                undo=lambda: context.press(intents.UndoDelete()),
            ),
        )
        self.menu = ListMenu(self, context)
        self.undo_bar = self._undo_bar()
        self.note = WrappingLabel(self, style="Muted.Ground.TLabel")
        self._sash = Sash(self, context, drag=self._drag, step=self._step, done=self._keep_width)
        self._wide = self._values.sidebar
        self._top.grid(row=0, column=0, sticky="ew")
        self.search.grid(row=1, column=0, sticky="ew")
        self.match_bar.grid(row=2, column=0, sticky="ew")
        self.list.grid(row=3, column=0, sticky="nsew")
        self.undo_bar.grid(row=4, column=0, sticky="ew")
        self.note.grid(row=5, column=0, sticky="ew")
        self._sash.grid(row=0, column=1, rowspan=6, sticky="ns")
        for hidden in (self.match_bar, self.undo_bar):
            hidden.grid_remove()
        self.rowconfigure(3, weight=1)
        self.columnconfigure(0, weight=1)
        self.grid_propagate(False)
        self._bind(context.command_name)
        self.restyle()

    def _match_bar(self) -> ttk.Frame:
        """Where the search found the open conversation, and the way to the other places."""
        bar = ttk.Frame(self)
        self.match_words = ttk.Label(bar, style="Muted.Ground.TLabel")
        self.match_buttons = [
            ttk.Button(bar, text=sign, bootstyle="default", width=2, command=lambda step=step: self.go_to_match(step))
            for sign, step in (("↑", -1), ("↓", 1))
        ]
        self.match_words.grid(row=0, column=0, sticky="w")
        for column, button in enumerate(self.match_buttons, start=1):
            button.grid(row=0, column=column)
        bar.columnconfigure(0, weight=1)
        return bar

    def _undo_bar(self) -> ttk.Frame:
        bar = ttk.Frame(self, style="Panel.TFrame")
        self.undo_words = WrappingLabel(bar, style="Panel.TLabel")
        self.undo = ttk.Button(
            bar, text="Undo", bootstyle="default", command=lambda: self._context.press(intents.UndoDelete())
        )
        self.undo_words.grid(row=0, column=0, sticky="ew")
        self.undo.grid(row=0, column=1)
        bar.columnconfigure(0, weight=1)
        return bar

    def _bind(self, key: str) -> None:
        self.search.bind("<KeyRelease>", self._searched)
        self.search.bind("<Escape>", self._search_all)
        self.search.bind("<Down>", lambda _: self.list.canvas.focus_set())
        self.search.bind("<Return>", lambda _: self._open_found())
        self._wanted.bind("<Button-1>", lambda _: self.search.focus_set())
        Hint(self.new, self._context, f"{key}+N")
        Hint(self.back, self._context, f"To the conversation  ({key}+H)")
        Hint(self.search, self._context, f"Any part of any word in past conversations  ({key}+F)")
        for button, text in zip(
            self.match_buttons, ("The match before  (Shift+F3)", "The next match  (F3)"), strict=True
        ):
            Hint(button, self._context, text)
        Hint(self.undo, self._context, f"{key}+Z in the list")

    def restyle(self) -> None:
        """Apply the look."""
        look = self._context.look
        px, palette = look.px, look.palette
        for label in (self.note, self.match_words, self.undo_words):
            label.configure(font=SMALL)
        self.search.configure(font=BODY)
        self._wanted.configure(font=BODY, background=palette.field, foreground=palette.muted)
        regrid(self.search, pady=(px(8), px(2)))
        regrid(self.match_bar, pady=(px(2), px(2)))
        for button in self.match_buttons:
            regrid(button, padx=(px(4), 0))
        regrid(self.list, pady=(px(2), px(4)))
        self.undo_bar.configure(padding=(px(10), px(6)))
        regrid(self.undo_bar, pady=(0, px(4)))
        regrid(self.undo, padx=(px(8), 0))
        regrid(self.note, padx=(px(4), 0))
        self._sash.restyle()
        regrid(self._sash, padx=(px(3), 0))
        self.list.restyle()
        self.configure(width=px(self._wide))
        self._show_wanted()
        self._show_matches(self._panel)
        self._show_undo(self._panel)

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        history, values = new.history, new.settings.values
        if values is not self._values:
            self._values = values
            if values.sidebar != self._wide:
                self._set_width(values.sidebar)
        if old is None or old.history is not history or old.home is not new.home:
            self._note(history, new.home.view)
            self._show_matches(history)
            self._show_undo(history)
        running = running_words(new)
        shown = (running, new.conversation.id)
        if old is None or _rows(history) != _rows(self._panel) or shown != (self._running, self._current):
            self._running, self._current = shown
            self._fill(history)
        self._panel = history
        if history.naming and self.list.entry is None:
            row = self.list.row(f"group {FOLDER}{history.naming}")
            if row is not None:
                self.list.edit(row)

    def _fill(self, history: HistoryPanel) -> None:
        searched = bool(history.listed.strip())
        groups = grouped(
            history.found,
            history.folders,
            running=self._running,
            closed=history.closed,
            searched=searched,
            today=history.today,
        )
        empty = "Nothing found." if searched else "Nothing here yet. What you ask is kept in this list."
        self.list.show(groups, running=self._running, current=self._current, today=history.today, empty=empty)

    def _note(self, history: HistoryPanel, home: HomeView) -> None:
        if not history.available:
            self.note.show("Conversations cannot be kept at the moment.", "Bad.Ground.TLabel")
        elif history.exported_to:
            self.note.show(f"Written to {history.exported_to}", "Good.Ground.TLabel")
        else:
            self.note.show("" if is_short(self._context.look) else usual_words(home), "Muted.Ground.TLabel")

    def _show_matches(self, history: HistoryPanel) -> None:
        matches = history.matches
        if matches is None:
            self.match_bar.grid_remove()
            return
        self.match_words.configure(text=f"Place {matches.at + 1} of {len(matches.exchanges)}")
        for button in self.match_buttons:
            button.state(["disabled" if len(matches.exchanges) == 1 else "!disabled"])
        self.match_bar.grid()

    def _show_undo(self, history: HistoryPanel) -> None:
        if not history.deleted:
            self.undo_bar.grid_remove()
            return
        last = history.deleted[-1]
        self.undo_words.show("Deleted." if len(history.deleted) == 1 else f"{len(history.deleted)} deleted.")
        self.undo.configure(text=f"Undo ({last.left} s)")
        self.undo_bar.grid()

    def offer_back(self, offered: bool) -> None:
        """Show or hide the Back button, for a list that covers the conversation; then its edge is not to be moved."""
        if offered:
            self.back.grid(padx=(self._context.look.px(6), 0))
            self._sash.grid_remove()
        else:
            self.back.grid_remove()
            self._sash.grid()

    def export_chosen(self) -> None:
        """Export the row with the keys where the list has them, or else the open conversation."""
        row = self.list.row(self.list.cursor)
        in_list = row is not None and focused(self) is self.list.canvas
        chosen = row.conversation if row is not None and in_list else None
        self._export(chosen.id if chosen is not None else self._current)

    def go_to_match(self, step: int) -> None:
        """The next place where the search found the open conversation, or the one before."""
        self._context.press(intents.GoToMatch(step))

    def _open_found(self) -> None:
        """The newest conversation that was found; where a found one is open, its next match."""
        rows = [row.conversation.id for row in self.list.rows if row.conversation is not None]
        if self._panel.matches is not None:
            self.go_to_match(1)
        elif rows and self._panel.listed.strip():
            self._context.press(intents.OpenConversation(rows[0]))

    def _export(self, name: str) -> None:
        if name:
            title = next((one.title for one in self._panel.found if one.id == name), "Conversation")
            path = self._context.ask_path(title)
            if path is not None:
                self._context.press(intents.ExportConversation(name, path))

    def _show_menu(self, row: Row, x: int, y: int) -> None:
        one, acts = row.conversation, self._acts(row)
        if one is None:
            self.menu.show(folder_entries(acts), x, y)
        else:
            entries = conversation_entries(one, self._panel.folders, acts, command_name=self._context.command_name)
            self.menu.show(entries, x, y)

    def _acts(self, row: Row) -> Acts:
        press = self._context.press
        name = row.conversation.id if row.conversation is not None else ""
        return Acts(
            open=lambda: press(intents.OpenConversation(name)),
            rename=lambda: self._edit(row.key),
            pin=lambda pinned: press(intents.ArrangeHistory(Pin(name, pinned))),
            move=lambda folder: press(intents.ArrangeHistory(MoveTo(name, folder))),
            new_folder=lambda: press(intents.NewFolder(name)),
            put_away=lambda archived: press(intents.ArrangeHistory(PutAway(name, archived))),
            export=lambda: self._export(name),
            delete=lambda: press(intents.DeleteConversation(name)),
            remove_folder=lambda: press(intents.ArrangeHistory(RemoveFolder(row.group.folder_id))),
        )

    def _edit(self, key: str) -> None:
        """The rows may be others since the menu was opened."""
        row = self.list.row(key)
        if row is not None:
            self.list.edit(row)

    def _rename(self, row: Row, name: str) -> None:
        change = (
            Rename(row.conversation.id, name) if row.conversation is not None else NameFolder(row.group.folder_id, name)
        )
        self._context.press(intents.ArrangeHistory(change))

    def _delete(self, row: Row) -> None:
        """The frame goes on to the next row."""
        keys = [one.key for one in self.list.rows]
        at = keys.index(row.key)
        if row.conversation is not None:
            self.list.cursor = keys[at + 1] if at + 1 < len(keys) else keys[at - 1]
            self._context.press(intents.DeleteConversation(row.conversation.id))
        elif row.group.folder_id:
            self._context.press(intents.ArrangeHistory(RemoveFolder(row.group.folder_id)))

    def _searched(self, _event: object) -> None:
        query = self.search.get()
        self._show_wanted()
        if query != self._panel.query:
            self._context.press(intents.SearchHistory(query))

    def _search_all(self, event: object) -> str:
        self.search.delete(0, "end")
        self._searched(event)
        return "break"

    def _show_wanted(self) -> None:
        """What the empty field is for."""
        if self.search.get():
            self._wanted.place_forget()
        else:
            self._wanted.place(x=self._context.look.px(8), rely=0.5, anchor="w")

    # Width

    def _drag(self, x: int) -> None:
        self._set_width(round((x - self.winfo_rootx()) / self._context.look.scale))

    def _step(self, step: int) -> None:
        self._set_width(self._wide + step)

    def _set_width(self, wide: int) -> None:
        least, most = SIDEBAR_RANGE
        self._wide = max(least, min(most, wide))
        self.configure(width=self._context.look.px(self._wide))

    def _keep_width(self) -> None:
        if self._wide != self._values.sidebar:
            self._context.press(intents.ChangeSettings(replace(self._values, sidebar=self._wide)))


def _rows(panel: HistoryPanel) -> tuple[object, ...]:
    """What the rows are made of."""
    return panel.found, panel.folders, panel.closed, panel.listed, panel.today


def usual_words(view: HomeView) -> str:
    """Where they are kept."""
    return "Kept on this computer, and by AWS for 30 days." if view.on_aws else "Kept on this computer only."
