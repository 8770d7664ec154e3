"""The rows of the list of conversations, drawn on a canvas: only those that can be seen, however many there are."""

import re
import tkinter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ttkbootstrap as ttk

from tlfif.gui.look.palette import SELECT_BAR
from tlfif.gui.look.theme import BODY, SMALL, SMALL_STRONG
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.row_drag import RowDrag
from tlfif.gui.views.table_columns import fitting
from tlfif.gui.views.toolkit import focused
from tlfif.history.groups import Group, when
from tlfif.history.listing import ConversationSummary
from tlfif.wording.figures import how_many

MORE = "⋯"
WHEEL_ROWS = 1.5
NUMBER = re.compile(r" \(\d+\)$")


@dataclass(frozen=True, slots=True)
class Row:
    """A group's name, or a conversation in it. ``top`` and ``bottom`` in pixels of the whole list."""

    group: Group
    conversation: ConversationSummary | None
    top: int
    bottom: int

    @property
    def key(self) -> str:
        """Its name among the rows."""
        return self.conversation.id if self.conversation is not None else f"group {self.group.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Does:
    """What rows do when they are used. A menu is asked for with the place on the screen."""

    open: Callable[[str], None]
    fold: Callable[[str], None]
    menu: Callable[[Row, int, int], None]
    rename: Callable[[Row, str], None]
    delete: Callable[[Row], None]
    move: Callable[[str, str], None]
    undo: Callable[[], None]


class ConversationRows(ttk.Frame):
    """Arrow keys move a frame from row to row; Return opens, F2 renames, Delete deletes, Menu or Shift+F10 shows the
    menu, Left and Right fold a group."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, does: Does) -> None:
        super().__init__(parent)
        self._context = context
        self._does = does
        self.rows: tuple[Row, ...] = ()
        self._groups: Sequence[Group] = ()
        self._running: Mapping[str, str] = {}
        self._current = self.cursor = self._hovered = self._edited = ""
        self._empty = ""
        self._today = date.min
        self._texts: dict[tuple[str, int, str], str] = {}
        self.canvas = tkinter.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=True, width=1, height=1)
        self._bar = ttk.Scrollbar(self, orient="vertical", command=self._scroll, bootstyle="secondary round")
        self.canvas.configure(yscrollcommand=self._scrolled)
        self.entry: tkinter.Entry | None = None
        self.canvas.grid(row=0, column=0, sticky="nsew")
        self._bar.grid(row=0, column=1, sticky="ns")
        self._bar.grid_remove()
        self.rowconfigure(0, weight=1)
        self.columnconfigure(0, weight=1)
        self._drag = RowDrag(self.canvas, context, group_at=self._group_at, move=does.move, draw=self._draw)
        self._bind()

    def _bind(self) -> None:
        bind = self.canvas.bind
        for key, step in (("Up", -1), ("Down", 1), ("Prior", -8), ("Next", 8), ("Home", -(10**6)), ("End", 10**6)):
            bind(f"<{key}>", lambda _, step=step: self._move(step))  # type: ignore[misc]  # lambda's defaults
        for key in ("Return", "KP_Enter", "space"):
            bind(f"<{key}>", lambda _: self._on_cursor(self._use))
        bind("<F2>", lambda _: self._on_cursor(self.edit))
        bind("<Delete>", lambda _: self._on_cursor(self._does.delete))
        bind("<Left>", lambda _: self._fold(True))
        bind("<Right>", lambda _: self._fold(False))
        for key in ("<Menu>", "<App>", "<Shift-F10>"):
            try:
                bind(key, lambda _: self._on_cursor(self._menu_below))
            except tkinter.TclError:  # not every system has this key
                continue
        bind(f"<{self._context.command_key}-z>", lambda _: self._undo())
        bind("<Button-1>", self._clicked)
        for button in ("<Button-2>", "<Button-3>") if self._context.command_key == "Command" else ("<Button-3>",):
            bind(button, self._menu_at)
        bind("<Motion>", lambda event: self._hover(self._row_at(event.y)))
        bind("<Leave>", lambda _: self._hover(None))
        for sequence, rows in (("<Button-4>", -WHEEL_ROWS), ("<Button-5>", WHEEL_ROWS)):
            bind(sequence, lambda _, rows=rows: self._wheel(rows))  # type: ignore[misc]  # lambda's defaults
        bind("<MouseWheel>", lambda event: self._wheel(-WHEEL_ROWS if event.delta > 0 else WHEEL_ROWS))
        bind("<FocusIn>", lambda _: self._begin())
        bind("<FocusOut>", lambda _: self._draw())
        bind("<Configure>", lambda _: self._lay_out())

    def restyle(self) -> None:
        """Apply the look."""
        look = self._context.look
        self.canvas.configure(background=look.palette.ground)
        self.columnconfigure(1, minsize=look.px(9))
        self._texts.clear()
        self._lay_out()

    def show(
        self, groups: Sequence[Group], *, running: Mapping[str, str], current: str, today: date, empty: str
    ) -> None:
        """Draw these. ``running``: what conversations are at; ``current``: the open one; ``empty``: what to say where
        there is no row."""
        self._groups, self._running, self._current, self._empty = groups, running, current, empty
        self._today = today
        self._lay_out()

    def row(self, key: str) -> Row | None:
        """The row of that name."""
        return next((one for one in self.rows if one.key == key), None)

    def edit(self, row: Row) -> None:
        """Put an entry into its place, for its name. Return takes it, Escape leaves it as it was."""
        if row.conversation is None and not row.group.folder_id:
            return
        self._end_edit()
        self._show_row(row)
        look = self._context.look
        px, palette = look.px, look.palette
        name = row.conversation.title if row.conversation is not None else row.group.name
        entry = self.entry = tkinter.Entry(
            self.canvas, font=BODY, relief="flat", borderwidth=0, highlightthickness=px(2), background=palette.field,
            foreground=palette.text, insertbackground=palette.text, selectbackground=palette.marked,
            selectforeground=palette.text, highlightcolor=palette.focus, highlightbackground=palette.focus,
        )  # fmt: skip
        entry.insert(0, name)
        entry.selection_range(0, "end")
        entry.icursor("end")
        self._edited = row.key
        self._draw()
        self.canvas.create_window(
            px(7), self._entry_at(row), window=entry, anchor="w", width=self._width() - px(13), tags="edit"
        )
        entry.bind("<Return>", lambda _: self._take(row, name))
        entry.bind("<KP_Enter>", lambda _: self._take(row, name))
        entry.bind("<Escape>", lambda _: self._take(row, name, typed=False))
        entry.bind("<FocusOut>", lambda _: self._take(row, name))
        entry.focus_set()

    def _take(self, row: Row, before: str, *, typed: bool = True) -> str:
        entry = self.entry
        if entry is not None:  # else it is gone already: losing the keys was the end of it
            name = entry.get() if typed else before
            self._end_edit()
            if name != before or row.conversation is None:  # a new folder is waiting for its name
                self._does.rename(row, name)
        return "break"

    def _keep_entry(self) -> None:
        """The entry stays at its row, which may be elsewhere now, or gone."""
        row = self.row(self._edited) if self._edited else None
        if row is not None:
            self.canvas.coords("edit", self._context.look.px(7), self._entry_at(row))
        elif self.entry is not None:
            self._end_edit()

    def _entry_at(self, row: Row) -> int:
        """The middle of the line with its name."""
        look = self._context.look
        if row.conversation is not None:
            return self._title_at(row)
        return row.bottom - look.px(5) - look.line(SMALL_STRONG) // 2

    def _end_edit(self) -> str:
        entry, self.entry, self._edited = self.entry, None, ""
        if entry is not None:
            had_keys = focused(self) is entry
            self.canvas.delete("edit")
            entry.destroy()
            self._draw()
            if had_keys:
                self.canvas.focus_set()
        return "break"

    # Keys and pointer

    def _begin(self) -> None:
        """The frame is somewhere once the list has the keys: at the open conversation, else at the first row."""
        if self.row(self.cursor) is None:
            first = next((one.key for one in self.rows if one.conversation is not None), "")
            self.cursor = self._current if self.row(self._current) is not None else first
        self._draw()

    def _on_cursor(self, act: Callable[[Row], None]) -> str:
        row = self.row(self.cursor)
        if row is not None:
            act(row)
        return "break"

    def _move(self, step: int) -> str:
        if self.rows:
            keys = [one.key for one in self.rows]
            at = keys.index(self.cursor) if self.cursor in keys else -1
            row = self.rows[max(0, min(len(keys) - 1, at + step))]
            self.cursor = row.key
            self._show_row(row)
            self._draw()
        return "break"

    def _use(self, row: Row) -> None:
        if row.conversation is not None:
            self._does.open(row.conversation.id)
        elif row.group.folds:
            self._does.fold(row.group.key)

    def _fold(self, closed: bool) -> str:
        row = self.row(self.cursor)
        if row is not None and row.group.folds and row.group.closed is not closed:
            self.cursor = f"group {row.group.key}"
            self._does.fold(row.group.key)
        return "break"

    def _undo(self) -> str:
        self._does.undo()
        return "break"

    def _menu_below(self, row: Row) -> None:
        self._show_row(row)
        y = self.canvas.winfo_rooty() + row.bottom - round(self.canvas.canvasy(0))
        self._does.menu(row, self.canvas.winfo_rootx() + self._context.look.px(24), y)

    def _clicked(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        self.canvas.focus_set()
        row = self._row_at(event.y)
        if row is None:
            return
        self.cursor = row.key
        self._draw()
        if self._has_menu(row) and event.x > self._width() - self._context.look.px(30):
            self._does.menu(row, event.x_root, event.y_root)
            return
        if row.conversation is not None:
            self._drag.begin(row.key, row.group, event.y)
        self._use(row)

    def _menu_at(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        row = self._row_at(event.y)
        if row is not None and self._has_menu(row):
            self.canvas.focus_set()
            self.cursor = row.key
            self._draw()
            self._does.menu(row, event.x_root, event.y_root)

    @staticmethod
    def _has_menu(row: Row) -> bool:
        return row.conversation is not None or bool(row.group.folder_id)

    def _row_at(self, y: int) -> Row | None:
        place = self.canvas.canvasy(y)
        return next((one for one in self.rows if one.top <= place < one.bottom), None)

    def _group_at(self, y: int) -> Group | None:
        row = self._row_at(y)
        return None if row is None else row.group

    def _hover(self, row: Row | None) -> None:
        key = row.key if row is not None else ""
        if key != self._hovered:
            self._hovered = key
            self._draw()

    # Scrolling

    def _height(self) -> int:
        return self.rows[-1].bottom if self.rows else 0

    def _width(self) -> int:
        return self.canvas.winfo_width()

    def _wheel(self, rows: float) -> None:
        self._to(round(self.canvas.canvasy(0) + rows * self._row_height()))

    def _scroll(self, *arguments: str) -> None:
        self.canvas.yview(*arguments)
        self._draw()

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        (self._bar.grid if float(first) > 0 or float(last) < 1 else self._bar.grid_remove)()

    def _to(self, top: int) -> None:
        height = max(1, self._height(), self.canvas.winfo_height())
        self.canvas.yview_moveto(max(0, top) / height)
        self._draw()

    def _show_row(self, row: Row) -> None:
        top, space = round(self.canvas.canvasy(0)), self.canvas.winfo_height()
        if row.top < top:
            self._to(0 if row is self.rows[0] else row.top)
        elif row.bottom > top + space:
            self._to(row.bottom - space)

    # Drawing

    def _row_height(self) -> int:
        look = self._context.look
        return look.line(BODY) + look.line(SMALL) + look.px(14)

    def _lay_out(self) -> None:
        """Give each row its place, then draw those that can be seen."""
        look = self._context.look
        high, name_high = self._row_height(), look.line(SMALL_STRONG) + look.px(14)
        rows, top = [], 0
        for group in self._groups:
            rows.append(Row(group, None, top, top + name_high))
            top += name_high
            for one in () if group.closed else group.conversations:
                rows.append(Row(group, one, top, top + high))
                top += high
        self.rows = tuple(rows)
        self._keep_entry()
        self.canvas.configure(scrollregion=(0, 0, self._width(), max(top, self.canvas.winfo_height())))
        self._draw()

    def _draw(self) -> None:
        canvas, look = self.canvas, self._context.look
        canvas.delete("row")
        top, space = canvas.canvasy(0), canvas.winfo_height()
        for row in self.rows:
            if row.bottom > top and row.top < top + space:
                if row.key == self._edited:
                    self._ground(row)
                elif row.conversation is None:
                    self._draw_group(row)
                else:
                    self._draw_conversation(row, row.conversation)
        if not self.rows and self._empty:
            canvas.create_text(
                self._width() // 2, look.px(40), text=self._empty, font=SMALL, fill=look.palette.muted, anchor="n",
                width=self._width() - look.px(32), justify="center", tags="row",
            )  # fmt: skip
        canvas.tag_raise("edit")

    def _draw_group(self, row: Row) -> None:
        look, group = self._context.look, row.group
        px, palette = look.px, look.palette
        sign = f"{'▸' if group.closed else '▾'} " if group.folds else ""
        name = f"{sign}{group.name}" + (f"  {len(group.conversations)}" if group.closed else "")
        self._ground(row)
        if self._drag.aims_at(group):
            self.canvas.create_rectangle(
                0, row.top + px(4), self._width() - 1, row.bottom - 1, fill=palette.select, width=0, tags="row"
            )
        space = self._width() - px(44)
        self.canvas.create_text(
            px(12), row.bottom - px(5), text=self._cut(name, space, SMALL_STRONG), font=SMALL_STRONG,
            fill=palette.muted, anchor="sw", tags="row",
        )  # fmt: skip
        if group.folder_id and self._is_looked_at(row):
            self._more(row.bottom - px(5) - look.line(SMALL_STRONG) // 2)

    def _draw_conversation(self, row: Row, one: ConversationSummary) -> None:
        look = self._context.look
        px, palette = look.px, look.palette
        self._ground(row)
        if one.id == self._current:
            self.canvas.create_rectangle(
                0, row.top, px(SELECT_BAR), row.bottom, fill=palette.select_bar, width=0, tags="row"
            )
        at_work = self._running.get(one.id, "Answering…" if one.running else "")
        more = self._is_looked_at(row)
        space = self._width() - px(36 if more else 18)
        middle = self._title_at(row) + look.line(BODY) // 2
        self.canvas.create_text(
            px(12),
            middle,
            text=self._title(one.title, space),
            font=BODY,
            fill=palette.text,
            anchor="sw",
            tags="row",
        )
        ink = palette.link if at_work else palette.muted
        line = self._cut(at_work or second_line(one, self._today), space, SMALL)
        self.canvas.create_text(px(12), middle + px(1), text=line, font=SMALL, fill=ink, anchor="nw", tags="row")
        if more:
            self._more(self._title_at(row))

    def _ground(self, row: Row) -> None:
        """What lies behind a row: selected, under the pointer; and the frame where the keys are."""
        palette, px = self._context.look.palette, self._context.look.px
        chosen = row.conversation is not None and row.conversation.id == self._current
        colour = palette.select if chosen else palette.active if row.key == self._hovered else ""
        here = row.key == self.cursor and focused(self.canvas) is self.canvas
        if colour or here:
            edge = px(2) if here else 0
            self.canvas.create_rectangle(
                edge // 2, row.top + edge // 2, self._width() - 1 - edge // 2, row.bottom - 1 - edge // 2, fill=colour,
                outline=palette.focus if here else "", width=edge, tags="row",
            )  # fmt: skip

    def _title_at(self, row: Row) -> int:
        """The middle of its title's line."""
        return row.top + self._context.look.px(6) + self._context.look.line(BODY) // 2

    def _more(self, y: int) -> None:
        """What opens the menu for the pointer."""
        look = self._context.look
        x = self._width() - look.px(16)
        self.canvas.create_text(x, y, text=MORE, font=BODY, fill=look.palette.muted, anchor="center", tags="row")

    def _is_looked_at(self, row: Row) -> bool:
        mine = row.key == self.cursor and focused(self.canvas) is self.canvas
        return mine or row.key in {self._hovered, self._current}

    def _title(self, title: str, space: int) -> str:
        """Shortened before the number that tells it from another one."""
        number = NUMBER.search(title)
        if number is None:
            return self._cut(title, space, BODY)
        left = space - self._context.look.width(number[0], BODY)
        return self._cut(title[: number.start()], left, BODY) + number[0]

    def _cut(self, line: str, space: int, font: str) -> str:
        known = (line, space, font)
        if known not in self._texts:
            if len(self._texts) > 2000:
                self._texts.clear()
            self._texts[known] = fitting(line, space, self._context.look, font)
        return self._texts[known]


def second_line(one: ConversationSummary, today: date) -> str:
    """Where the search found it, or else when it was, and what it was asked with or how long it is."""
    if one.snippet:
        return one.snippet.replace("\n", " ")
    return f"{when(one.updated_at, today)}  ·  {one.origin or how_many(one.exchanges, 'answer')}"
