"""A question over the window. Return presses the focused button, Escape changes nothing, Tab stays inside."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import HEADING
from tlfif.gui.model import intents
from tlfif.gui.model.state import Choice, Dialog, WindowState
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.widgets import WrappingLabel

_HARSH = frozenset({Choice.DELETE, Choice.DELETE_EVERYWHERE})


class DialogView:
    """Drawn inside the main window, so that no window manager can hide it or lose its focus."""

    def __init__(self, root: tkinter.Misc, context: ViewContext) -> None:
        self._root = root
        self._context = context
        self._cover: tkinter.Frame | None = None
        self._dialog: Dialog | None = None
        self._focus_before: tkinter.Misc | None = None
        self.buttons: list[ttk.Button] = []

    def restyle(self) -> None:
        """Apply the look."""
        if self._dialog is not None:
            dialog = self._dialog
            self._close()
            self._open(dialog)

    def render(self, _old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if new.dialog == self._dialog:
            return
        if self._dialog is not None:
            self._close()
        if new.dialog is not None:
            self._open(new.dialog)

    def _open(self, dialog: Dialog) -> None:
        look = self._context.look
        px = look.px
        self._dialog = dialog
        self._focus_before = self._root.focus_get()
        self._cover = tkinter.Frame(self._root, background=look.palette.edge)
        card = ttk.Frame(self._cover, style="Panel.TFrame", padding=px(22))
        title = WrappingLabel(card, style="Panel.TLabel", text=dialog.title)
        title.configure(font=HEADING)
        title.grid(row=0, column=0, sticky="ew")
        WrappingLabel(card, style="Panel.TLabel", text=dialog.text).grid(row=1, column=0, sticky="ew", pady=px(12))
        row = ttk.Frame(card, style="Panel.TFrame")
        row.grid(row=2, column=0, sticky="e")
        self.buttons = [self._button(row, dialog, place) for place in range(len(dialog.choices))]
        card.columnconfigure(0, weight=1)
        card.pack(fill="both", expand=True, padx=px(1), pady=px(1))
        self._root.update_idletasks()
        space = self._root.winfo_width() - px(16)
        needed = row.winfo_reqwidth() + px(48)
        if needed > space:
            self._stack()
        wide = min(space, max(px(460), needed))
        self._cover.place(relx=0.5, rely=0.42, anchor="center", width=wide)
        self._cover.lift()
        self._cover.bind("<Escape>", lambda _: self._choose(dialog.escape))
        self.buttons[0].focus_set()
        self._cover.after_idle(self._grab)

    def _button(self, row: ttk.Frame, dialog: Dialog, place: int) -> ttk.Button:
        choice, label = dialog.choices[place]
        look = "danger" if choice in _HARSH else "primary" if place == 0 else "default"
        button = ttk.Button(row, text=label, bootstyle=look, command=lambda: self._choose(choice))
        button.grid(row=0, column=place, padx=(0 if place == 0 else self._context.look.px(8), 0))
        button.bind("<Escape>", lambda _: self._choose(dialog.escape))
        for sequence, step in (("<Tab>", 1), ("<Shift-Tab>", -1), ("<Right>", 1), ("<Left>", -1)):
            button.bind(sequence, lambda _, place=place, step=step: self._move(place + step))  # type: ignore[misc]  # lambda's defaults
        return button

    def _stack(self) -> None:
        """Put the buttons below each other where they do not fit side by side."""
        for place, button in enumerate(self.buttons):
            button.grid(
                row=place, column=0, sticky="ew", padx=0, pady=(0 if place == 0 else self._context.look.px(6), 0)
            )

    def _move(self, place: int) -> str:
        self.buttons[place % len(self.buttons)].focus_set()
        return "break"

    def _choose(self, choice: Choice) -> None:
        self._context.press(intents.AnswerDialog(choice))

    def _grab(self) -> None:
        if self._cover is not None and self._cover.winfo_viewable():
            self._cover.grab_set()

    def _close(self) -> None:
        if self._cover is not None:
            self._cover.grab_release()
            self._cover.destroy()
        self._cover, self._dialog, self.buttons = None, None, []
        if self._focus_before is not None and self._focus_before.winfo_exists():
            self._focus_before.focus_set()
