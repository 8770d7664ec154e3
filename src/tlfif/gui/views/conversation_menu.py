"""What can be done with a conversation or a folder in the list: its menu."""

import tkinter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tlfif.gui.look.theme import BODY
from tlfif.gui.views.context import ViewContext
from tlfif.history.listing import ConversationSummary, Folder

NEW_FOLDER = "New folder…"
Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a menu: its name, the key that does the same, what it does; or the menu that it opens. ``ticked`` None:
    it is nothing that can be on. A name that is empty divides."""

    name: str = ""
    act: Act | None = None
    keys: str = ""
    ticked: bool | None = None
    inside: "tuple[Entry, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """What the menus do."""

    open: Act
    rename: Act
    pin: Callable[[bool], None]
    move: Callable[[str], None]
    new_folder: Act
    put_away: Callable[[bool], None]
    export: Act
    delete: Act
    remove_folder: Act


def conversation_entries(
    one: ConversationSummary, folders: Sequence[Folder], acts: Acts, *, command_name: str
) -> tuple[Entry, ...]:
    """The menu of a conversation."""
    places = tuple(
        Entry(folder.name, lambda folder=folder: acts.move(folder.id), ticked=one.folder == folder.id)  # type: ignore[misc]  # lambda's defaults
        for folder in folders
    )
    none = (Entry("No folder", lambda: acts.move(""), ticked=not one.folder), Entry()) if folders else ()
    return (
        Entry("Open", acts.open, "Enter"),
        Entry("Rename", acts.rename, "F2"),
        Entry("Unpin" if one.pinned else "Pin", lambda: acts.pin(not one.pinned)),
        Entry(
            "Move to folder",
            inside=(*none, *places, *((Entry(),) if places else ()), Entry(NEW_FOLDER, acts.new_folder)),
        ),
        Entry("Bring back from the archive" if one.archived else "Archive", lambda: acts.put_away(not one.archived)),
        Entry("Export…", acts.export, f"{command_name}+E"),
        Entry(),
        Entry("Delete", acts.delete, "Del"),
    )


def folder_entries(acts: Acts) -> tuple[Entry, ...]:
    """The menu of a folder."""
    return (
        Entry("Rename folder", acts.rename, "F2"),
        Entry("Remove folder, keep its conversations", acts.remove_folder, "Del"),
        Entry(NEW_FOLDER, acts.new_folder),
    )


class ListMenu:
    """Shows entries at a place on the screen. One at a time."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        self._parent = parent
        self._context = context
        self.menu: tkinter.Menu | None = None

    def show(self, entries: Sequence[Entry], x: int, y: int) -> None:
        """Post it; the arrow keys, Return and Escape go to it."""
        if self.menu is not None:
            self.menu.destroy()
        self.menu = self._menu(self._parent, entries)
        try:
            self.menu.tk_popup(x, y)
        finally:
            self.menu.grab_release()

    def _menu(self, parent: tkinter.Misc, entries: Sequence[Entry]) -> tkinter.Menu:
        palette = self._context.look.palette
        menu = tkinter.Menu(
            parent, tearoff=False, font=BODY, relief="solid", borderwidth=1, activeborderwidth=0,
            background=palette.panel, foreground=palette.text, activebackground=palette.select,
            activeforeground=palette.text, selectcolor=palette.text,
        )  # fmt: skip
        for entry, letter in zip(entries, underlined([one.name for one in entries]), strict=True):
            if not entry.name:
                menu.add_separator()
            elif entry.inside:
                menu.add_cascade(label=entry.name, underline=letter, menu=self._menu(menu, entry.inside))
            else:
                self._add(menu, entry, letter)
        return menu

    def _add(self, menu: tkinter.Menu, entry: Entry, letter: int) -> None:
        label = f"{entry.name}  ✓" if entry.ticked else entry.name
        menu.add_command(label=label, accelerator=entry.keys, underline=letter, command=entry.act or (lambda: None))


def underlined(names: Sequence[str]) -> list[int]:
    """The place of the letter that chooses each line of a menu, a different one for each: a word's first where one is
    left; -1 where none is."""
    taken: set[str] = set()
    found = []
    for name in names:
        low = name.lower()
        places = sorted((at for at, sign in enumerate(low) if sign.isalnum()), key=lambda at: _inside(low, at))
        place = next((at for at in places if low[at] not in taken), -1)
        taken |= {low[place]} if place >= 0 else set()
        found.append(place)
    return found


def _inside(name: str, at: int) -> bool:
    return at > 0 and name[at - 1].isalnum()
