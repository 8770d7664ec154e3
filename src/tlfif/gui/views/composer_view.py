"""The prompt's box: text that grows with what is typed, files, model and persona, and Send."""

import tkinter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import ttkbootstrap as ttk

from tlfif.gui.look.theme import BODY, SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.composer import Composer
from tlfif.gui.model.model_choices import chosen_model
from tlfif.gui.model.state import WindowState
from tlfif.gui.views.composer_tools import ComposerTools
from tlfif.gui.views.context import ViewContext, column_margin, is_short
from tlfif.gui.views.file_chips import FileChips
from tlfif.gui.views.toolkit import focused, regrid
from tlfif.gui.views.widgets import Hint, PressRow, WrappingLabel, leave_text, style_text

KEYS = "TlfifKeys"
"""A bind tag that comes before the text's own keys, so that the window's shortcuts win."""
LINES = 10
"""The box grows so far, then it scrolls."""
SHARE = 0.3
"""Of the tab's height that the box takes at most."""
WRAPPED = 5_000
"""Characters of a line that is still wrapped: the time that Tk takes for that grows with the square of its length."""
EDITING = "You edit an earlier prompt: it begins a branch. Esc leaves everything as it was."
COUNTED = 3_000
"""Characters whose lines on the screen are counted; more fill the box in any case."""
ASK = "Type a prompt here"


class ComposerView(ttk.Frame):
    """Enter sends and Shift+Enter begins a new line, or the other way round; Ctrl+Enter sends in any case."""

    def __init__(
        self, parent: tkinter.Misc, context: ViewContext, *, toggle_history: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._cleared = self._returned = 0
        self._enter_sends = True
        self._put = ""
        self._most = LINES
        self.card = tkinter.Frame(self, borderwidth=0)
        self.text = tkinter.Text(self.card, height=1, wrap="word", undo=True, maxundo=500, borderwidth=0)
        self.text.bindtags((str(self.text), KEYS, "Text", ".", "all"))
        self._bar = ttk.Scrollbar(self.card, orient="vertical", command=self.text.yview, bootstyle="secondary round")
        self.text.configure(yscrollcommand=self._scrolled)
        self._ask = tkinter.Label(self.text, text=ASK, cursor="xterm")
        self.chips = FileChips(self.card, context, leave=self.text.focus_set)
        self.tools = ComposerTools(self.card, context, attach=self.attach, send=self.submit, leave=self.text.focus_set)
        self.send_button = self.tools.send_button
        self.problem = WrappingLabel(self, style="Bad.Ground.TLabel")
        self.presses = PressRow(self, press=lambda press: context.press(intents.PressButton(press)))
        self.history_button = ttk.Button(self, text="☰", width=2, bootstyle="default", command=toggle_history)
        Hint(self.history_button, context, f"Past conversations  ({context.command_name}+H)")
        self._lay_out()
        self._bind_keys()
        self.restyle()

    def _lay_out(self) -> None:
        self.columnconfigure(1, weight=1)
        self.history_button.grid(row=0, column=0, sticky="s")
        self.history_button.grid_remove()
        self.card.grid(row=0, column=1, sticky="nsew")
        self.card.columnconfigure(0, weight=1)
        self.card.rowconfigure(1, weight=1)
        self.chips.grid(row=0, column=0, columnspan=3, sticky="ew")
        self.chips.grid_remove()
        self.text.grid(row=1, column=0, sticky="nsew")
        self.tools.grid(row=2, column=0, columnspan=3, sticky="ew")

    def _bind_keys(self) -> None:
        text, key = self.text, self._context.command_key
        text.bind("<Configure>", lambda _: self.after_idle(self._fit), add="+")
        text.bind("<<Modified>>", self._edited)
        text.bind("<FocusIn>", lambda _: self._show_focus(True), add="+")
        text.bind("<FocusOut>", lambda _: self._show_focus(False), add="+")
        self._ask.bind("<Button-1>", lambda _: text.focus_set())
        for name in ("Return", "KP_Enter"):
            text.bind(f"<{key}-{name}>", self.submit)
            text.bind(f"<Shift-{name}>", self._break)
            text.bind(f"<{name}>", lambda _: self.submit() if self._enter_sends else self._break())
        text.bind("<Key-space>", lambda _: text.edit_separator())  # Undo takes back a word, not all that was typed
        text.bind("<<Paste>>", lambda _: self.paste())
        text.bind(f"<{key}-o>", lambda _: self.attach())
        text.bind("<Tab>", leave_text)
        for sequence in ("<Shift-Tab>", "<ISO_Left_Tab>"):
            try:
                text.bind(sequence, lambda event: leave_text(event, forward=False))
            except tkinter.TclError:  # the second name exists on X11 only
                continue
        self.bind("<Configure>", lambda _: self._centre(), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        style_text(self.text, look, ground=palette.field, edge=palette.field, padx=px(9), pady=px(2))
        self.text.configure(insertwidth=px(2), highlightthickness=0)
        few = is_short(look)
        self.card.configure(background=palette.field, highlightthickness=px(1 if few else 2))
        regrid(self.text, pady=(px(1 if few else 5), px(1 if few else 0)))
        self._ask.configure(
            font=BODY, background=palette.field, foreground=palette.muted, borderwidth=0, padx=0, pady=0
        )
        self.problem.configure(font=SMALL)
        self.tools.restyle()
        self.chips.restyle()
        if self.history_button.winfo_manager():
            self.history_button.grid(padx=(0, px(8)))
        self._show_focus(focused(self) is self.text)
        self._centre()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        self.tools.render(old, new)
        values = new.settings.values
        if values.enter_sends is not self._enter_sends:
            self._enter_sends = values.enter_sends
        if old is None or old.composer is not new.composer or old.settings is not new.settings:
            choice = chosen_model(new.settings, values.model)
            self.chips.show(new.composer.files, None if choice is None else choice.model["context_tokens"])
        if old is None or old.composer is not new.composer:
            self._show(new.composer, first=old is None)

    def _show(self, composer: Composer, *, first: bool) -> None:
        if composer.clear != self._cleared:
            self._cleared = composer.clear
            if not first:
                self.text.delete("1.0", "end")
                self.text.edit_reset()
                self._fit()
        if composer.returned != self._returned:
            self._returned = composer.returned
            if composer.draft is not None:
                self._put_back(composer.draft.text)
                if composer.editing and not composer.draft.refused:
                    self.text.focus_set()
        self.tools.can_send(composer.can_send)
        self._tell(composer)

    def _tell(self, composer: Composer) -> None:
        """Why it was not sent, and what helps; or that an earlier prompt is edited."""
        above = (self._context.look.px(4), 0)
        words = composer.problem or (EDITING if composer.editing else "")
        self.problem.show(words, "Bad.Ground.TLabel" if composer.problem else "Muted.Ground.TLabel")
        self.presses.show(composer.presses)
        if words:
            self.problem.grid(row=1, column=1, sticky="ew", pady=above)
        else:
            self.problem.grid_remove()
        if composer.presses:
            self.presses.grid(row=2, column=1, sticky="w", pady=above)
        else:
            self.presses.grid_remove()

    def _put_back(self, text: str) -> None:
        """Before what was typed since, so that nothing is lost."""
        since = self.written()
        self._put = f"{text}\n\n{since}" if since.strip() and since != text else text
        self.text.edit_separator()
        self.text.replace("1.0", "end", self._put)
        self.text.mark_set("insert", "end-1c")
        self.text.see("insert")
        self._fit()

    def use_height(self, height: int) -> None:
        """How high the tab is: the box takes a share of it at most. A low one has no tools beside Send."""
        look = self._context.look
        most = int(height * SHARE) // look.line()
        self._most = max(1, min(2 if is_short(look) else LINES, most))
        few = is_short(look)
        if self.tools.use_few(few):  # Send stands beside the text then
            self.tools.grid(row=1 if few else 2, column=2 if few else 0, columnspan=1 if few else 3, sticky="ew")
        self._fit()

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

    def submit(self, _event: object = None) -> str:
        """Send what is in the box."""
        self._context.press(intents.Send(self.written()))
        self.text.focus_set()  # the button is disabled while the answer comes
        return "break"

    def attach(self) -> str:
        """Ask for files and attach them."""
        self._context.press(intents.AttachFiles(self._context.ask_files()))
        self.text.focus_set()
        return "break"

    def paste(self) -> str:
        """Text in the place of what is marked; copied files are attached."""
        try:
            copied = str(self.text.clipboard_get())
        except tkinter.TclError:  # nothing there, or no text
            return "break"
        paths = paths_in(copied)
        if paths:
            self._context.press(intents.AttachFiles(paths))
            return "break"
        self.text.edit_separator()
        if self.text.tag_ranges("sel"):
            self.text.delete("sel.first", "sel.last")
        self.text.insert("insert", copied)
        self.text.edit_separator()
        self.text.see("insert")
        return "break"

    def _break(self, _event: object = None) -> str:
        self.text.insert("insert", "\n")
        self.text.see("insert")
        return "break"

    def _edited(self, _event: object) -> None:
        if self.text.edit_modified():
            self.text.edit_modified(False)
            written = self.written()
            wrap: Literal["none", "word"] = "none" if max(map(len, written.split("\n"))) > WRAPPED else "word"
            if wrap != str(self.text.cget("wrap")):
                self.text.configure(wrap=wrap)
            self._fit(written)
            if written != self._put:  # what came back is not typed: its reason stays
                self._put = ""
                self._context.press(intents.TypePrompt(written))

    def _fit(self, written: str | None = None) -> None:
        """As many lines as the text has, as far as there is space."""
        self._show_ask()
        text = self.written() if written is None else written
        lines = text.count("\n") + 1
        if lines < self._most:
            lines = self._most if len(text) > COUNTED else self._shown_lines()
        wanted = min(lines, self._most)
        if int(str(self.text.cget("height"))) != wanted:
            self.text.configure(height=wanted)
            self.text.see("insert")

    def _shown_lines(self) -> int:
        counted = self.text.count("1.0", "end", "displaylines")
        return 1 if counted is None else int(counted[0])

    def _centre(self) -> None:
        """As wide as the conversation's column above it."""
        aside = column_margin(self._context.look, self.winfo_width())
        beside = self.history_button.winfo_reqwidth() if self.history_button.winfo_manager() else 0
        for one in (self.card, self.problem, self.presses):
            if one.winfo_manager():
                regrid(one, padx=(max(0, aside - beside), aside))

    def _show_focus(self, focused: bool) -> None:
        palette = self._context.look.palette
        colour = palette.focus if focused else palette.edge
        self.card.configure(highlightbackground=colour, highlightcolor=colour)
        self._show_ask()

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
            self._bar.grid(row=1, column=1, sticky="ns")
        else:
            self._bar.grid_remove()


def paths_in(copied: str) -> tuple[Path, ...]:
    """The files that a file manager's Copy puts on the clipboard: nothing but addresses or whole paths of files that
    are there, a line each. Empty for any other text."""
    from urllib.parse import unquote, urlsplit

    lines = [line.strip() for line in copied.strip().splitlines()]
    lines = [line for line in lines if line and line not in {"copy", "x-special/nautilus-clipboard"}]
    if not lines or len(lines) > 50 or any(len(line) > 4000 for line in lines):
        return ()
    found = []
    for line in lines:
        path = Path(unquote(urlsplit(line).path)) if line.startswith("file://") else Path(line)
        try:
            there = path.is_absolute() and path.is_file()
        except (OSError, ValueError):
            there = False
        if not there:
            return ()
        found.append(path)
    return tuple(found)
