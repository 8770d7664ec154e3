"""The table of shortcuts, over the window."""

import tkinter
from collections.abc import Callable

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, HEADING, SMALL, SMALL_STRONG, STRONG
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.over import Over


def key_table(command: str, *, enter_sends: bool = True) -> list[tuple[str, str]]:
    """Keys and what they do. docs/howto/window.md has the same table; a test compares them."""
    send, line = ("Enter", "Shift+Enter") if enter_sends else (f"{command}+Enter", "Enter")
    return [
        (send, "Send the prompt"),
        (line, "New line in the prompt"),
        (f"{command}+O", "Attach text files"),
        ("Esc", "Cancel the answer under way"),
        (f"{command}+Shift+S", "Stop the machine at once"),
        (f"{command}+L", "Go to the prompt"),
        (f"{command}+T", "Go to the idle time-out"),
        (f"{command}+N", "New conversation"),
        (f"{command}+F", "Search past conversations"),
        ("F3, Shift+F3", "The next match of the search in the conversation, the one before"),
        (f"{command}+H", "Show or hide past conversations"),
        ("F2, Del, Menu", "In their list: rename, delete, all that can be done (also Shift+F10)"),
        (f"{command}+Z", "In their list: take the deletion back"),
        (f"{command}+E", "Export the conversation"),
        (f"{command}+R", "Regenerate, or try again"),
        (f"{command}+Shift+C", "Copy the newest answer"),
        (f"{command}+1 to {command}+5", "Chat, Cost, Machine, Images, Settings"),
        ("Ctrl+Up, Ctrl+Down", "Go to the answers, choose one"),
        ("Left, Right, Enter", "There: choose what to do with it (Edit, Copy, …), do it"),
        ("Menu", "There, and in a field: all that can be done (also Shift+F10)"),
        ("Alt+Left, Alt+Right", "There: another version of a prompt"),
        ("F1", "This table"),
    ]


class KeysView:
    """Opened by F1; F1, Escape, Return or its button close it."""

    def __init__(
        self, root: tkinter.Misc, context: ViewContext, *, enter_sends: Callable[[], bool] = lambda: True
    ) -> None:
        self._enter_sends = enter_sends
        self._root = root
        self._context = context
        self._over = Over(root, context, leave=self.close)
        self._over.bind("<F1>", self.close)
        self._over.bind("<Return>", self.close)

    @property
    def cover(self) -> tkinter.Frame | None:
        """What is drawn, None while it is closed."""
        return self._over.cover

    @property
    def is_open(self) -> bool:
        """Whether the table is shown."""
        return self._over.cover is not None

    def toggle(self) -> None:
        """Show or close it."""
        if self.is_open:
            self.close()
        else:
            self._open()

    def restyle(self) -> None:
        """Apply the look."""
        if self.is_open:
            self.close()
            self._open()

    def close(self) -> None:
        """Close it."""
        self._over.close()

    def _open(self) -> None:
        """As large as the window lets it: small letters and two tables side by side where it is low."""
        for small, columns in ((False, 1), (True, 1), (True, 2)):
            self._over.close()
            button = self._drawn(small=small, columns=columns)
            if self._fits() or (small, columns) == (True, 2):
                self._over.show(button)
                return

    def _fits(self) -> bool:
        cover, px = self._over.cover, self._context.look.px
        self._root.update_idletasks()
        return cover is None or cover.winfo_reqheight() <= self._root.winfo_height() - px(8)

    def _drawn(self, *, small: bool, columns: int) -> ttk.Button:
        px = self._context.look.px
        card = self._over.begin(padding=px(8 if small else 18))
        ttk.Label(card, text="Keys", style="Panel.TLabel", font=HEADING).grid(row=0, column=0, sticky="w")
        rows = key_table(self._context.command_name, enter_sends=self._enter_sends())
        each = -(-len(rows) // columns)
        for number, (keys, what) in enumerate(rows):
            column, row = 2 * (number // each), 1 + number % each
            before = px(18) if column else 0
            name = ttk.Label(card, text=keys, style="Panel.TLabel", font=SMALL_STRONG if small else STRONG)
            name.grid(row=row, column=column, sticky="w", padx=(before, 0))
            text = ttk.Label(card, text=what, style="Panel.TLabel", font=SMALL if small else BODY)
            text.grid(row=row, column=column + 1, sticky="w", padx=(px(12), 0))
        button = ttk.Button(card, text="Close", bootstyle="default", command=self.close)
        button.grid(row=each + 1, column=0, columnspan=2 * columns, sticky="e", pady=(px(8), 0))
        return button
