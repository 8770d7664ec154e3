"""The files that go along with the next prompt: a name, a size in tokens and a cross for each."""

import tkinter
from collections.abc import Callable

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.attachments import AttachedFile
from tlfif.gui.presenters.attaching import files_words
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.widgets import Hint

NAME = 32
"""Letters of a name that are shown."""


class FileChips(tkinter.Frame):
    """Takes no space while there is none."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext, *, leave: Callable[[], None]) -> None:
        """``leave`` gives the keyboard to what comes next once a file is removed."""
        super().__init__(parent, borderwidth=0)
        self._leave = leave
        self._context = context
        self._files: tuple[AttachedFile, ...] = ()
        self._holds: int | None = None
        self._inside: list[tkinter.Widget] = []
        self._note: tkinter.Label | None = None
        self.buttons: dict[str, ttk.Button] = {}
        self.bind("<Configure>", lambda _: self._flow(), add="+")

    def restyle(self) -> None:
        """Apply the look."""
        self.configure(background=self._context.look.palette.field)
        self._draw()

    def show(self, files: tuple[AttachedFile, ...], holds: int | None) -> None:
        """Show exactly these; ``holds``: how many tokens the model has space for, where that is known."""
        if (files, holds) != (self._files, self._holds):
            self._files, self._holds = files, holds
            self._draw()

    def _draw(self) -> None:
        for old in self._inside:
            old.destroy()
        self._inside, self.buttons = [], {}
        for one in self._files:
            self._inside.append(self._chip(one))
        words, too_much = files_words(self._files, self._holds)
        if words:
            palette = self._context.look.palette
            note = self._note = tkinter.Label(self, text=words, font=SMALL, background=palette.field, justify="left")
            note.configure(foreground=palette.caution if too_much else palette.muted)
            self._inside.append(note)
        (self.grid if self._files else self.grid_remove)()
        self._flow()

    def _chip(self, one: AttachedFile) -> tkinter.Widget:
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        chip = tkinter.Frame(self, background=palette.select)
        bar = tkinter.Frame(chip, background=palette.select_bar, width=px(3))
        bar.pack(side="left", fill="y")
        name = one.name if len(one.name) <= NAME else f"{one.name[: NAME // 2]}…{one.name[-NAME // 2 :]}"
        label = tkinter.Label(chip, text=f"{name}  ·  about {one.tokens:,} tokens", font=SMALL)
        label.configure(background=palette.select, foreground=palette.text)
        label.pack(side="left", padx=(px(6), px(2)), pady=px(2))
        remove = ttk.Button(chip, text="✕", style="Chip.TButton", width=2)
        remove.configure(command=lambda: self._remove(one.name))
        remove.pack(side="left")
        Hint(remove, self._context, f"Do not send {one.name}")
        self.buttons[one.name] = remove
        return chip

    def _remove(self, name: str) -> None:
        self._context.press(intents.RemoveFile(name))
        self._leave()

    def _flow(self) -> None:
        """One after the other, and below each other where the width ends."""
        px = self._context.look.px
        space, x, y, high = max(self.winfo_width(), px(200)), px(8), px(6), 0
        if self._note is not None and self._note.winfo_exists():
            self._note.configure(wraplength=space - px(20))
            self._note.update_idletasks()
        for one in self._inside:
            wide = one.winfo_reqwidth()
            if x > px(8) and x + wide > space - px(8):
                x, y, high = px(8), y + high + px(4), 0
            one.place(x=x, y=y + max(0, high - one.winfo_reqheight()) // 2)
            x, high = x + wide + px(6), max(high, one.winfo_reqheight())
        wanted = y + high if self._inside else 1
        if int(str(self.cget("height"))) != wanted:
            self.configure(height=wanted)
