"""The prompt's text box, and Send."""

import tkinter
from collections.abc import Callable
from typing import Literal

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.state import WindowState
from tlfif.gui.views.context import ViewContext, is_short
from tlfif.gui.views.widgets import Hint, WrappingLabel, leave_text, style_text

KEYS = "TlfifKeys"
"""A bind tag that comes before the text's own keys, so that the window's shortcuts win."""
LINES = 3
WRAPPED = 5_000
"""Characters of a line that is still wrapped: the time that Tk takes for that grows with the square of its length."""
ASK = "Type a prompt here"


class ComposerView(ttk.Frame):
    """Control-Return sends, Return begins a new line."""

    def __init__(
        self, parent: tkinter.Misc, context: ViewContext, *, toggle_history: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._cleared = 0
        self.text = tkinter.Text(self, height=LINES, wrap="word", undo=True, maxundo=200, borderwidth=0)
        self.text.bindtags((str(self.text), KEYS, "Text", ".", "all"))
        self._bar = ttk.Scrollbar(self, orient="vertical", command=self.text.yview, bootstyle="secondary round")
        self.text.configure(yscrollcommand=self._scrolled)
        self._ask = tkinter.Label(self.text, text=ASK, cursor="xterm")
        self.send_button = ttk.Button(self, text="Send", bootstyle="primary", command=self._send)
        self._keys = ttk.Label(self, text=f"{context.command_name}+Enter", style="Muted.Ground.TLabel", anchor="center")
        self.problem = WrappingLabel(self, style="Bad.Ground.TLabel")
        self.history_button = ttk.Button(self, text="☰", width=2, bootstyle="default", command=toggle_history)
        Hint(self.history_button, context, f"Past conversations  ({context.command_name}+H)")
        self.columnconfigure(1, weight=1)
        self.history_button.grid(row=0, column=0, rowspan=2, sticky="ns")
        self.history_button.grid_remove()
        self.text.grid(row=0, column=1, rowspan=2, sticky="nsew")
        self.send_button.grid(row=0, column=3, sticky="nsew")
        self._keys.grid(row=1, column=3, sticky="s")
        self.rowconfigure(0, weight=1)
        self.text.bind("<Configure>", lambda _: self.after_idle(self._show_ask), add="+")
        self.text.bind("<<Modified>>", self._edited)
        self.text.bind("<FocusIn>", lambda _: self._show_ask(), add="+")
        self.text.bind("<FocusOut>", lambda _: self._show_ask(), add="+")
        self._ask.bind("<Button-1>", lambda _: self.text.focus_set())
        for name in ("Return", "KP_Enter"):
            self.text.bind(f"<{context.command_key}-{name}>", self._send)
        self.text.bind("<Tab>", leave_text)
        for sequence in ("<Shift-Tab>", "<ISO_Left_Tab>"):
            try:
                self.text.bind(sequence, lambda event: leave_text(event, forward=False))
            except tkinter.TclError:  # the second name exists on X11 only
                continue
        self._show_ask()
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        style_text(
            self.text, look, ground=palette.field, edge=palette.edge, padx=px(9), pady=px(2 if is_short(look) else 7)
        )
        self.text.configure(insertwidth=px(2))
        self._ask.configure(
            font=BODY, background=palette.field, foreground=palette.muted, borderwidth=0, padx=0, pady=0
        )
        self._keys.configure(font=SMALL)
        self.send_button.grid_configure(padx=(px(10), 0))
        if self.history_button.winfo_manager():
            self.history_button.grid(padx=(0, px(8)))
        if self._keys.winfo_manager():
            self._keys.grid_configure(padx=(px(10), 0), pady=(px(3), 0))
        self._show_ask()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is not None and old.composer is new.composer:
            return
        composer = new.composer
        if composer.clear != self._cleared:
            self._cleared = composer.clear
            if old is not None:
                self.text.delete("1.0", "end")
                self.text.edit_reset()
                self._show_ask()
        self.send_button.state(["!disabled" if composer.can_send else "disabled"])
        self.problem.show(composer.problem)
        if composer.problem:
            self.problem.grid(row=2, column=1, columnspan=3, sticky="ew", pady=(self._context.look.px(4), 0))
        else:
            self.problem.grid_remove()

    def use_lines(self, lines: int) -> None:
        """Set the box's height in lines; with one line there is no space for the name of the key that sends."""
        if int(str(self.text.cget("height"))) != lines:
            self.text.configure(height=lines)
            (self._keys.grid if lines > 1 else self._keys.grid_remove)()

    def offer_history(self, offered: bool) -> None:
        """Show or hide the button for past conversations, for a tab that has no space for their list."""
        if offered != bool(self.history_button.winfo_manager()):
            if offered:
                self.history_button.grid(padx=(0, self._context.look.px(8)))
            else:
                self.history_button.grid_remove()

    def written(self) -> str:
        """The text in the box."""
        return self.text.get("1.0", "end-1c")

    def _send(self, _event: object = None) -> str:
        self._context.press(intents.Send(self.written()))
        self.text.focus_set()  # the button is disabled while the answer comes
        return "break"

    def _edited(self, _event: object) -> None:
        if self.text.edit_modified():
            self.text.edit_modified(False)
            self._show_ask()
            written = self.written()
            wrap: Literal["none", "word"] = "none" if max(map(len, written.split("\n"))) > WRAPPED else "word"
            if wrap != str(self.text.cget("wrap")):
                self.text.configure(wrap=wrap)
            self._context.press(intents.TypePrompt(written))

    def _show_ask(self) -> None:
        if self.text.get("1.0", "1.0 +2c").strip("\n"):
            self._ask.place_forget()
        else:
            box = self.text.bbox("1.0")
            if box is not None:
                self._ask.place(x=box[0], y=box[1], bordermode="outside")

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        if float(first) > 0 or float(last) < 1:
            self._bar.grid(row=0, column=2, rowspan=2, sticky="ns")
        else:
            self._bar.grid_remove()
