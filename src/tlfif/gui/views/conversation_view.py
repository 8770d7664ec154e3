"""The conversation: one text that only ever grows where words come, however long it is."""

import tkinter
from dataclasses import dataclass

import ttkbootstrap as ttk

from tlfif.gui.state import Exchange, WindowState
from tlfif.gui.theme import BODY, SMALL, STRONG
from tlfif.gui.views.answer_actions import AnswerActions
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.exchange_lines import ACTION, Piece, foot_of, head_of
from tlfif.gui.views.wrapping import WrappingLabel

BATCH = 20
"""Exchanges drawn before the window is given time for other things."""
WELCOME = "Ask something"
WELCOME_TEXT = (
    "Type a prompt below and press Send. If no machine runs, one starts for it and ends itself again when nothing is "
    "asked for a while. Nothing you type leaves this computer."
)


@dataclass(slots=True)
class _Drawn:
    """What the text shows of an exchange, to find out what is new about it."""

    exchange: Exchange
    newest: bool
    generation: int
    count: int
    foot: list[Piece]
    dimmed: bool = False


class ConversationView(ttk.Frame):
    """Follows the newest words, unless the person has scrolled up to read."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._id = ""
        self._drawn: dict[str, _Drawn] = {}
        self._exchanges: tuple[Exchange, ...] = ()
        self._later: str | None = None
        self._following = True
        self.text = tkinter.Text(self, wrap="word", state="disabled", borderwidth=0, cursor="arrow", takefocus=True)
        self._scrollbar = ttk.Scrollbar(self, orient="vertical", command=self._drag, bootstyle="secondary round")
        self.text.configure(yscrollcommand=self._scrollbar.set)
        self.actions = AnswerActions(self.text, context, lambda: self._exchanges)
        self._welcome = ttk.Frame(self, style="Panel.TFrame")
        self._welcome_title = ttk.Label(self._welcome, text=WELCOME, style="Panel.TLabel", anchor="center")
        self._welcome_text = WrappingLabel(self._welcome, style="Muted.Panel.TLabel", text=WELCOME_TEXT)
        self._jump = ttk.Button(self, text="↓ Newest words", bootstyle="primary", command=self.follow)
        self.rowconfigure(0, weight=1)
        self.columnconfigure(0, weight=1)
        self.text.grid(row=0, column=0, sticky="nsew")
        self._scrollbar.grid(row=0, column=1, sticky="ns")
        self._welcome_title.pack(fill="x")
        self._welcome_text.pack(fill="x")
        for sequence in ("<MouseWheel>", "<Button-4>", "<Button-5>", "<KeyRelease>", "<ButtonRelease-1>"):
            self.text.bind(sequence, lambda _: self.after_idle(self._look_where), add="+")
        self.text.bind("<Configure>", lambda _: self._resized(), add="+")
        self.restyle()

    def restyle(self) -> None:
        """Take over the look."""
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        self.text.configure(
            font=BODY,
            background=palette.panel,
            foreground=palette.text,
            selectbackground=palette.select,
            selectforeground=palette.on_select,
            inactiveselectbackground=palette.select,
            padx=0,
            pady=px(6),
            highlightthickness=px(2),
            highlightbackground=palette.panel,
            highlightcolor=palette.focus,
            insertwidth=0,
        )
        tag = self.text.tag_configure
        for name in ("prompt", "answer", "status", "mark", "receipt", "problem", "actions"):
            tag(name, lmargin1=px(18), lmargin2=px(18), rmargin=px(18))
        tag("prompt", lmargincolor=palette.prompt, rmargincolor=palette.prompt, background=palette.prompt)
        tag("who", font=SMALL, foreground=palette.muted, spacing1=px(6))
        tag("first", spacing1=px(8))
        tag("said", foreground=palette.text, spacing1=px(1))
        tag("pad", font=(SMALL, -px(3)))
        tag("answer", spacing1=px(4), spacing2=px(2), foreground=palette.text)
        tag("old", foreground=palette.muted)
        for name, ink in (("status", "caution"), ("mark", "caution"), ("receipt", "muted"), ("problem", "bad")):
            tag(name, font=SMALL, foreground=getattr(palette, ink), spacing1=px(4))
        tag("strong", font=STRONG)
        tag("actions", font=SMALL, spacing1=px(5), spacing3=px(12))
        tag(ACTION, foreground=palette.link, underline=True)
        tag("chosen", background=palette.select, foreground=palette.on_select)
        self.text.tag_raise("chosen")
        self.text.tag_raise("sel")
        self._welcome_title.configure(font="TlfifTitle")
        self._welcome_text.configure(justify="center", anchor="center")
        self._welcome_text.pack_configure(pady=px(8))

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is not None and old.conversation is new.conversation:
            return
        conversation = new.conversation
        if conversation.id != self._id:
            # An empty conversation gets its id with its first prompt: that is no other conversation.
            if self._id or any(one.id not in self._drawn for one in self._exchanges):
                self._clear()
            self._id = conversation.id
        self._exchanges = conversation.exchanges
        self._draw()

    def follow(self) -> None:
        """To the newest words, and along with them."""
        self._following = True
        self._jump.place_forget()
        self._see_end()

    @property
    def is_following(self) -> bool:
        """Whether new words are scrolled to."""
        return self._following

    def _draw(self) -> None:
        if self._later is not None:
            self.after_cancel(self._later)
            self._later = None
        if len(self._drawn) > len(self._exchanges) or any(
            shown != one.id for shown, one in zip(self._drawn, self._exchanges, strict=False)
        ):
            self._clear()
        self._welcome_shown(not self._exchanges)
        last = len(self._exchanges) - 1
        room = BATCH
        self.text.configure(state="normal")
        for number, exchange in enumerate(self._exchanges):
            shown = self._drawn.get(exchange.id)
            if shown is None:
                if not room:
                    self._later = self.after(1, self._draw)
                    break
                room -= 1
                self._add(exchange, newest=number == last)
            elif shown.exchange is not exchange or shown.newest != (number == last):
                self._change(shown, exchange, newest=number == last)
        self.text.configure(state="disabled")
        if self._following:
            self._see_end()

    def _add(self, exchange: Exchange, *, newest: bool) -> None:
        text, name = self.text, exchange.id
        if self._drawn:  # the last exchange ends without a line's end: there is no empty line below it
            before = f"f1:{next(reversed(self._drawn))}"
            text.mark_gravity(before, "left")
            text.insert("end-1c", "\n")
            text.mark_gravity(before, "right")
        for piece, tags in head_of(exchange):
            text.insert("end-1c", piece, tags)
        # Marks by name: a0/a1 around the answer, f0/f1 around what stands below it, with a line's end between them.
        text.mark_set(f"a0:{name}", "end-1c")
        text.mark_gravity(f"a0:{name}", "left")
        text.insert("end-1c", str(exchange.answer), ("answer",))
        text.insert("end-1c", "\n", ("answer",))
        text.mark_set(f"a1:{name}", "end-2c")
        text.mark_set(f"f0:{name}", "end-1c")
        text.mark_gravity(f"f0:{name}", "left")
        foot = _closed(foot_of(exchange, newest=newest))
        for piece, tags in foot:
            text.insert("end-1c", piece, tags)
        text.mark_set(f"f1:{name}", "end-1c")
        answer = exchange.answer
        shown = _Drawn(exchange, newest, answer.generation, answer.count, foot)
        self._drawn[name] = shown
        self._dim(shown, exchange)

    def _change(self, shown: _Drawn, exchange: Exchange, *, newest: bool) -> None:
        text, name, answer = self.text, exchange.id, exchange.answer
        if answer.generation != shown.generation or answer.count < shown.count:
            text.delete(f"a0:{name}", f"a1:{name}")
            text.insert(f"a1:{name}", str(answer), ("answer",))
        elif answer.count > shown.count:
            text.insert(f"a1:{name}", answer.since(shown.count), ("answer",))
        shown.generation, shown.count = answer.generation, answer.count
        # While words come nothing else changes: their stage and their status stay the same.
        foot = _closed(foot_of(exchange, newest=newest))
        if foot != shown.foot:
            self.actions.forget(name)
            text.delete(f"f0:{name}", f"f1:{name}")
            for piece, tags in foot:
                text.insert(f"f1:{name}", piece, tags)
            shown.foot = foot
        shown.exchange, shown.newest = exchange, newest
        self._dim(shown, exchange)

    def _resized(self) -> None:
        if self._following:
            self._see_end()

    def _see_end(self) -> None:
        self.text.yview_moveto(1.0)  # "see" would put a far line into the middle

    def _dim(self, shown: _Drawn, exchange: Exchange) -> None:
        if exchange.superseded and not shown.dimmed:
            shown.dimmed = True
            self.text.tag_add("old", f"a0:{exchange.id}", f"a1:{exchange.id}")

    def _clear(self) -> None:
        self.actions.forget()
        self.text.configure(state="normal")
        self.text.delete("1.0", "end")
        self.text.mark_unset(*(f"{end}:{name}" for name in self._drawn for end in ("a0", "a1", "f0", "f1")))
        self.text.configure(state="disabled")
        self._drawn = {}
        self._following = True
        self._jump.place_forget()

    def _welcome_shown(self, shown: bool) -> None:
        if shown and not self._welcome.winfo_manager():
            self._welcome.place(relx=0.5, rely=0.45, anchor="center", relwidth=0.7)
        elif not shown:
            self._welcome.place_forget()

    def _drag(self, *arguments: str) -> None:
        self.text.yview(*arguments)
        self.after_idle(self._look_where)

    def _look_where(self) -> None:
        """The person scrolled: at the end again, or away from it."""
        self._following = self.text.dlineinfo("end-1c") is not None
        if self._following:
            self._jump.place_forget()
        elif self._exchanges:
            self._jump.place(relx=0.5, rely=1.0, y=-self._context.look.px(10), anchor="s")


def _closed(pieces: list[Piece]) -> list[Piece]:
    """Without the last line's end."""
    if not pieces:
        return pieces
    text, tags = pieces[-1]
    return [*pieces[:-1], (text.removesuffix("\n"), tags)]
