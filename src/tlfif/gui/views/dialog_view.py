"""A question over the window. Return presses the focused button, Escape changes nothing, Tab stays inside."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import HEADING
from tlfif.gui.model import intents
from tlfif.gui.model.state import Choice, Dialog, WindowState
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.over import Over
from tlfif.gui.views.toolkit import focused
from tlfif.gui.views.widgets import WrappingLabel

_HARSH = frozenset({Choice.DELETE, Choice.DELETE_EVERYWHERE})


class DialogView:
    """Draws the state's dialog."""

    def __init__(self, root: tkinter.Misc, context: ViewContext) -> None:
        self._root = root
        self._context = context
        self._over = Over(root, context, leave=self._leave)
        self._over.bind("<Right>", lambda: self._move(1))
        self._over.bind("<Left>", lambda: self._move(-1))
        root.bind("<Configure>", self._resized, add="+")
        self._dialog: Dialog | None = None
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

    @property
    def cover(self) -> tkinter.Frame | None:
        """What is drawn, None while there is no question."""
        return self._over.cover

    def _open(self, dialog: Dialog) -> None:
        px = self._context.look.px
        self._dialog = dialog
        card = self._over.begin(padding=px(22))
        title = WrappingLabel(card, style="Panel.TLabel", text=dialog.title)
        title.configure(font=HEADING)
        title.grid(row=0, column=0, sticky="ew")
        WrappingLabel(card, style="Panel.TLabel", text=dialog.text).grid(row=1, column=0, sticky="ew", pady=px(12))
        row = ttk.Frame(card, style="Panel.TFrame")
        row.grid(row=2, column=0, sticky="e")
        self.buttons = [self._button(row, dialog, place) for place in range(len(dialog.choices))]
        card.columnconfigure(0, weight=1)
        self._over.show(self.buttons[0])
        self._fit()

    def _resized(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        if event.widget is self._root:
            self._fit()

    def _fit(self) -> None:
        """As wide as the buttons need side by side; below each other where the window is not so wide."""
        if self.cover is None:
            return
        px = self._context.look.px
        self._root.update_idletasks()
        space, gap = self._root.winfo_width() - px(16), px(8)
        needed = sum(button.winfo_reqwidth() + gap for button in self.buttons) + px(48)
        for place, button in enumerate(self.buttons):
            if needed > space:
                button.grid(row=place, column=0, sticky="ew", padx=0, pady=(px(6) if place else 0, 0))
            else:
                button.grid(row=0, column=place, sticky="", padx=(gap if place else 0, 0), pady=0)
        self.cover.place_configure(width=max(1, min(space, max(px(460), needed))))

    def _button(self, row: ttk.Frame, dialog: Dialog, place: int) -> ttk.Button:
        choice, label = dialog.choices[place]
        look = "danger" if choice in _HARSH else "primary" if place == 0 else "default"
        return ttk.Button(row, text=label, bootstyle=look, command=lambda: self._choose(choice))

    def _move(self, step: int) -> str:
        keyboard = focused(self._root)
        place = next((at for at, button in enumerate(self.buttons) if button is keyboard), -1)
        self.buttons[(place + step) % len(self.buttons)].focus_set()
        return "break"

    def _leave(self) -> None:
        if self._dialog is not None:
            self._choose(self._dialog.escape)

    def _choose(self, choice: Choice) -> None:
        self._context.press(intents.AnswerDialog(choice))

    def _close(self) -> None:
        self._dialog, self.buttons = None, []
        self._over.close()
