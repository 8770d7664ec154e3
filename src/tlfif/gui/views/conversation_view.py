"""The conversation: one text widget that grows as words come.

However long the conversation is, the widget holds only its newest part; scrolling to the top adds the part before.
"""

import tkinter
from collections.abc import Iterable
from dataclasses import dataclass

import ttkbootstrap as ttk

from tlfif.gui.look.markup import Reading
from tlfif.gui.look.theme import SMALL, STRONG
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.state import Exchange, WindowState
from tlfif.gui.views.answer_actions import AnswerActions
from tlfif.gui.views.answer_renderer import AnswerRenderer, broken
from tlfif.gui.views.context import ViewContext, is_short
from tlfif.gui.views.exchange_lines import ACTION, Piece, foot_of, head_of
from tlfif.gui.views.widgets import WrappingLabel, style_text

BATCH = 10
"""Exchanges drawn before the window gets time for other things."""
BATCH_CHARACTERS = 4000
"""Characters of prompts and answers drawn in one step. One exchange of a hundred marked-up lines takes 20 to 40 ms."""
KEPT = 60
"""Exchanges in the text at first, and the number that stays when more have come."""
DROP_AT = KEPT + BATCH
MARKS = ("h0", "a0", "a1", "f0", "f1")
HERE = "here"
"""The mark at which earlier exchanges are inserted; new words are inserted at the end."""
WELCOME = "Ask something"
WELCOME_TEXT = (
    "Type a prompt below and press Send. If no machine runs, one starts for it and ends itself again when nothing is "
    "asked for a while. {where}"
)
WHERE_HERE = "Nothing you type leaves this computer."


@dataclass(slots=True)
class _Drawn:
    """What the text shows of an exchange, to tell what is new about it."""

    exchange: Exchange
    newest: bool
    generation: int
    count: int
    foot: list[Piece]
    reading: Reading
    dimmed: bool = False


class ConversationView(ttk.Frame):
    """Scrolls with the newest words, unless the person has scrolled up to read."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._id = ""
        self._drawn: dict[str, _Drawn] = {}
        self._exchanges: tuple[Exchange, ...] = ()
        self._first = 0
        self._later: str | None = None
        self._following = True
        self.text = tkinter.Text(self, wrap="word", state="disabled", borderwidth=0, cursor="arrow", takefocus=True)
        self._scrollbar = ttk.Scrollbar(self, orient="vertical", command=self._drag, bootstyle="secondary round")
        self.text.configure(yscrollcommand=self._scrollbar.set)
        self._renderer = AnswerRenderer(self.text)
        self.actions = AnswerActions(self.text, context, lambda: self._exchanges)
        self._welcome = ttk.Frame(self, style="Panel.TFrame")
        self._welcome_title = ttk.Label(self._welcome, text=WELCOME, style="Panel.TLabel", anchor="center")
        self._welcome_text = WrappingLabel(
            self._welcome, style="Muted.Panel.TLabel", text=WELCOME_TEXT.format(where=WHERE_HERE)
        )
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
        """Apply the look."""
        look, px = self._context.look, self._context.look.px
        palette = look.palette
        style_text(
            self.text, look, ground=palette.panel, edge=palette.panel, padx=0, pady=px(2 if is_short(look) else 6)
        )
        self.text.configure(insertwidth=0)
        tag = self.text.tag_configure
        for name in ("prompt", "answer", "status", "mark", "receipt", "problem", "actions"):
            tag(name, lmargin1=px(18), lmargin2=px(18), rmargin=px(18))
        tag("prompt", lmargincolor=palette.prompt, rmargincolor=palette.prompt, background=palette.prompt)
        tag("who", font=SMALL, foreground=palette.muted, spacing1=px(6))
        tag("first", spacing1=px(8))
        tag("said", foreground=palette.text, spacing1=px(1))
        tag("pad", font=(SMALL, -px(3)))
        tag("answer", spacing1=px(4), spacing2=px(2), foreground=palette.text)
        self._renderer.restyle(look)
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
        if old is None or old.home is not new.home:
            self._welcome_text.show(WELCOME_TEXT.format(where=where_words(new.home.view)))
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
        """Scroll to the newest words, and with them from now on."""
        self._following = True
        self._jump.place_forget()
        self._see_end()

    @property
    def is_following(self) -> bool:
        """Whether the view scrolls with new words."""
        return self._following

    @property
    def is_drawn(self) -> bool:
        """Whether the whole conversation is drawn."""
        return self._first + len(self._drawn) == len(self._exchanges)

    def _draw(self) -> None:
        if self._later is not None:
            self.after_cancel(self._later)
            self._later = None
        wanted = self._exchanges[self._first :]
        if len(self._drawn) > len(wanted) or any(
            shown != one.id for shown, one in zip(self._drawn, wanted, strict=False)
        ):
            self._clear()
        if not self._drawn:
            self._first = max(0, len(self._exchanges) - KEPT)
            wanted = self._exchanges[self._first :]
        self._welcome_shown(not self._exchanges)
        last = len(self._exchanges) - 1
        characters = BATCH_CHARACTERS
        drawn = 0
        self.text.configure(state="normal")
        for number, exchange in enumerate(wanted, start=self._first):
            shown = self._drawn.get(exchange.id)
            if shown is None:
                if drawn == BATCH or characters <= 0:
                    self._later = self.after(1, self._draw)
                    break
                drawn += 1
                characters -= len(exchange.prompt) + exchange.answer.count
                self._add(exchange, newest=number == last)
            elif shown.exchange is not exchange or shown.newest != (number == last):
                self._change(shown, exchange, newest=number == last)
        if self._following and len(self._drawn) > DROP_AT:
            self._drop(len(self._drawn) - KEPT)
        self.text.configure(state="disabled")
        if self._following:
            self._see_end()

    def _drop(self, count: int) -> None:
        """Remove the oldest exchanges from the text."""
        gone = list(self._drawn)[:count]
        for name in gone:
            self.actions.forget(name)
            del self._drawn[name]
        self.text.delete("1.0", f"h0:{next(iter(self._drawn))}")
        self._unmark(gone)
        self._first += count

    def _bring_earlier(self) -> None:
        """Insert earlier exchanges above the part that is being read."""
        text, top = self.text, next(iter(self._drawn))
        earlier = _some_before(self._exchanges[: self._first])
        text.configure(state="normal")
        text.mark_gravity(f"h0:{top}", "right")
        text.insert("1.0", "\n")
        text.mark_gravity(f"h0:{top}", "left")
        later, self._drawn = self._drawn, {}
        text.mark_set(HERE, "1.0")
        for exchange in earlier:
            self._add(exchange, newest=False, at=HERE)
        text.configure(state="disabled")
        self._drawn |= later
        self._first -= len(earlier)
        text.yview(f"h0:{top}")

    def _add(self, exchange: Exchange, *, newest: bool, at: str = "end-1c") -> None:
        text, name = self.text, exchange.id
        if self._drawn:  # the last exchange ends without a line's end: there is no empty line below it
            before = f"f1:{next(reversed(self._drawn))}"
            text.mark_gravity(before, "left")
            text.insert(at, "\n")
            text.mark_gravity(before, "right")
        text.mark_set(f"h0:{name}", at)
        text.mark_gravity(f"h0:{name}", "left")
        for piece, tags in broken(head_of(exchange)):
            text.insert(at, piece, tags)
        # Marks by name: h0 above the prompt, a0/a1 around the answer, f0/f1 around what is below it; between those
        # two a line's end.
        text.mark_set(f"a0:{name}", at)
        text.mark_gravity(f"a0:{name}", "left")
        text.insert(at, "\n", ("answer",))
        text.mark_set(f"a1:{name}", f"{at} -1c")
        text.mark_set(f"f0:{name}", at)
        text.mark_gravity(f"f0:{name}", "left")
        foot = _closed(foot_of(exchange, newest=newest))
        for piece, tags in foot:
            text.insert(at, piece, tags)
        text.mark_set(f"f1:{name}", at)
        answer = exchange.answer
        reading = self._renderer.write(name, Reading(), str(answer))
        shown = _Drawn(exchange, newest, answer.generation, answer.count, foot, reading)
        self._drawn[name] = shown
        self._dim(shown, exchange)

    def _change(self, shown: _Drawn, exchange: Exchange, *, newest: bool) -> None:
        text, name, answer = self.text, exchange.id, exchange.answer
        if answer.generation != shown.generation or answer.count < shown.count:
            text.delete(f"a0:{name}", f"a1:{name}")
            shown.reading = self._renderer.write(name, Reading(), str(answer))
        elif answer.count > shown.count:
            shown.reading = self._renderer.write(name, shown.reading, answer.since(shown.count))
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
        if exchange.superseded is not shown.dimmed:
            shown.dimmed = exchange.superseded
            change = self.text.tag_add if shown.dimmed else self.text.tag_remove
            change("old", f"a0:{exchange.id}", f"a1:{exchange.id}")

    def _clear(self) -> None:
        self.actions.forget()
        self.text.configure(state="normal")
        self.text.delete("1.0", "end")
        self._unmark(self._drawn)
        self.text.configure(state="disabled")
        self._drawn = {}
        self._following = True
        self._jump.place_forget()

    def _unmark(self, names: Iterable[str]) -> None:
        self.text.mark_unset(*(f"{mark}:{name}" for name in names for mark in MARKS))

    def _welcome_shown(self, shown: bool) -> None:
        if shown and not self._welcome.winfo_manager():
            self._welcome.place(relx=0.5, rely=0.45, anchor="center", relwidth=0.7)
        elif not shown:
            self._welcome.place_forget()

    def _drag(self, *arguments: str) -> None:
        self.text.yview(*arguments)
        self.after_idle(self._look_where)

    def _look_where(self) -> None:
        """After scrolling: are we at the end again, or away from it?"""
        self._following = self.text.dlineinfo("end-1c") is not None
        if self._following:
            self._jump.place_forget()
        elif self._exchanges:
            if self._first and self.is_drawn and self.text.yview()[0] == 0:
                self._bring_earlier()
            self._jump.place(relx=0.5, rely=1.0, y=-self._context.look.px(10), anchor="s")


def where_words(view: HomeView) -> str:
    """Where the typed text goes."""
    if not view.on_aws:
        return WHERE_HERE
    return f"What you type goes to your own home on {view.place}, and the machine costs money while it runs."


def _some_before(exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The last exchanges, as many as are drawn in one step; at least one."""
    characters, first = BATCH_CHARACTERS, len(exchanges)
    while first > 0 and len(exchanges) - first < BATCH and characters > 0:
        first -= 1
        characters -= len(exchanges[first].prompt) + exchanges[first].answer.count
    return exchanges[first:]


def _closed(pieces: list[Piece]) -> list[Piece]:
    """The pieces without the last line end."""
    if not pieces:
        return pieces
    text, tags = pieces[-1]
    return [*pieces[:-1], (text.removesuffix("\n"), tags)]
