"""The menu of the right button in everything that holds text: undo, cut, copy, paste, mark all."""

import tkinter
from collections.abc import Callable
from tkinter import ttk

from tlfif.gui.views.context import ViewContext

CLASSES = ("Text", "TEntry", "Entry")
_Field = tkinter.Text | tkinter.Entry
_MARKED, _CHANGES = frozenset({"Cut", "Copy"}), frozenset({"Undo", "Cut", "Paste"})


class EditMenus:
    """One for the whole window; a field that has a menu of its own keeps it. The keyboard asks with the Menu key or
    Shift+F10."""

    def __init__(self, root: tkinter.Misc, context: ViewContext) -> None:
        self._context = context
        self.menu: tkinter.Menu | None = None
        mac = ("<Button-2>", "<Control-Button-1>") if context.command_key == "Command" else ()
        for name in CLASSES:
            for sequence in ("<Button-3>", "<Shift-F10>", *mac):
                root.bind_class(name, sequence, self._open, add="+")
            try:
                root.bind_class(name, "<Menu>", self._open, add="+")
            except tkinter.TclError:  # a key that not every system has
                continue

    def _open(self, event: "tkinter.Event[tkinter.Misc]") -> str:
        widget = event.widget
        if not isinstance(widget, tkinter.Text | tkinter.Entry):
            return ""
        widget.focus_set()
        if self.menu is not None:
            self.menu.destroy()
        self.menu = self._made(widget)
        x, y = (event.x_root, event.y_root) if event.num in {1, 2, 3} else _at_cursor(widget)
        self.menu.tk_popup(x, y)
        return "break"

    def _made(self, widget: _Field) -> tkinter.Menu:
        palette = self._context.look.palette
        menu = tkinter.Menu(
            widget,
            tearoff=False,
            font="TlfifBody",
            background=palette.panel,
            foreground=palette.text,
            activebackground=palette.select,
            activeforeground=palette.text,
            disabledforeground=palette.edge,
            borderwidth=1,
            activeborderwidth=0,
            relief="solid",
        )
        marked, writable = _is_marked(widget), _is_writable(widget)
        for label, letter in (("Undo", "Z"), ("Cut", "X"), ("Copy", "C"), ("Paste", "V"), ("Mark all", "A")):
            if (label in _CHANGES and not writable) or (label == "Undo" and not isinstance(widget, tkinter.Text)):
                continue
            able = marked or label not in _MARKED
            menu.add_command(
                label=label,
                accelerator=f"{self._context.command_name}+{letter}",
                command=_telling(widget, "SelectAll" if label == "Mark all" else label),
                state="normal" if able else "disabled",
            )
        return menu


def _telling(widget: _Field, event: str) -> Callable[[], None]:
    return lambda: widget.event_generate(f"<<{event}>>")


def _is_writable(widget: _Field) -> bool:
    if isinstance(widget, ttk.Entry):
        return not widget.instate(["disabled"]) and not widget.instate(["readonly"])
    return str(widget.cget("state")) == "normal"


def _is_marked(widget: _Field) -> bool:
    return bool(widget.tag_ranges("sel") if isinstance(widget, tkinter.Text) else widget.selection_present())


def _at_cursor(widget: _Field) -> tuple[int, int]:
    box = widget.bbox("insert") if isinstance(widget, tkinter.Text) else None
    x, y, high = (box[0], box[1], box[3]) if box is not None else (0, 0, widget.winfo_height())
    return widget.winfo_rootx() + x, widget.winfo_rooty() + y + high
