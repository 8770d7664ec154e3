"""The table of shortcuts, over the window. Any key closes it."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, HEADING, SMALL, SMALL_STRONG, STRONG
from tlfif.gui.views.context import ViewContext, is_compact


def key_table(command: str) -> list[tuple[str, str]]:
    """Keys and what they do. docs/howto/window.md has the same table; a test compares them."""
    return [
        (f"{command}+Enter", "Send the prompt"),
        ("Esc", "Cancel the answer under way"),
        (f"{command}+Shift+S", "Stop GPU, at once"),
        (f"{command}+L", "Go to the prompt"),
        (f"{command}+T", "Go to the idle time-out"),
        (f"{command}+N", "New conversation"),
        (f"{command}+F", "Search past conversations"),
        (f"{command}+H", "Show or hide past conversations"),
        (f"{command}+E", "Export the conversation"),
        (f"{command}+R", "Another answer, or try again"),
        (f"{command}+Shift+C", "Copy the newest answer"),
        (f"{command}+1 to {command}+5", "Chat, Cost, Machine, Images, Settings"),
        ("Ctrl+Up, Ctrl+Down", "Choose an answer above"),
        ("Left, Right, Enter", "Choose what to do with it, do it"),
        ("F1", "This table"),
    ]


class KeysView:
    """Opened by F1."""

    def __init__(self, root: tkinter.Misc, context: ViewContext) -> None:
        self._root = root
        self._context = context
        self._cover: tkinter.Frame | None = None
        self._focus_before: tkinter.Misc | None = None

    @property
    def is_open(self) -> bool:
        """Whether the table is shown."""
        return self._cover is not None

    def toggle(self) -> None:
        """Show or close it."""
        if self._cover is not None:
            self.close()
            return
        look, px = self._context.look, self._context.look.px
        self._focus_before = self._root.focus_get()
        self._cover = tkinter.Frame(self._root, background=look.palette.edge, takefocus=True)
        compact = is_compact(look)
        card = ttk.Frame(self._cover, style="Panel.TFrame", padding=px(6 if compact else 18))
        card.pack(padx=px(1), pady=px(1))
        ttk.Label(card, text="Keys", style="Panel.TLabel", font=HEADING).grid(row=0, column=0, sticky="w")
        for row, (keys, what) in enumerate(key_table(self._context.command_name), start=1):
            ttk.Label(card, text=keys, style="Panel.TLabel", font=SMALL_STRONG if compact else STRONG).grid(
                row=row, column=0, sticky="w"
            )
            text = ttk.Label(card, text=what, style="Panel.TLabel", font=SMALL if compact else BODY)
            text.grid(row=row, column=1, sticky="w", padx=(px(12), 0))
        self._cover.place(relx=0.5, rely=0.5, anchor="center")
        self._cover.lift()
        self._cover.focus_set()
        self._cover.bind("<Key>", lambda _: self._closed())
        self._cover.bind("<FocusOut>", lambda _: self.close())

    def close(self) -> None:
        """Close it."""
        if self._cover is not None:
            cover, self._cover = self._cover, None
            cover.destroy()
            if self._focus_before is not None and self._focus_before.winfo_exists():
                self._focus_before.focus_set()

    def _closed(self) -> str:
        self.close()
        return "break"
