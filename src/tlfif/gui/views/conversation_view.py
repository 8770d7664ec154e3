"""The conversation: one text widget that grows as words come.

However long the conversation is, the widget holds only its newest part; scrolling to the top adds the part before.
"""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.markup.pieces import RIGHT_TO_LEFT, TABLE
from tlfif.gui.model.history_panel import Matches
from tlfif.gui.model.state import Conversation, Exchange, SettingsPanel, WindowState
from tlfif.gui.presenters.branches import versions
from tlfif.gui.views.answer_actions import AnswerActions
from tlfif.gui.views.answer_menu import AnswerMenu
from tlfif.gui.views.answer_renderer import MARGIN, AnswerRenderer
from tlfif.gui.views.compare_view import CompareView
from tlfif.gui.views.context import ViewContext, column, column_margin, is_short
from tlfif.gui.views.drawn_exchanges import DrawnExchanges, Version
from tlfif.gui.views.match_marks import MatchMarks
from tlfif.gui.views.welcome import Welcome
from tlfif.gui.views.widgets import style_text

BATCH = 10
"""Exchanges drawn before the window gets time for other things."""
BATCH_CHARACTERS = 2500
"""Characters of prompts and answers drawn in one step. One exchange of a hundred marked-up lines takes 20 to 40 ms."""
KEPT = 60
"""Exchanges in the text at first, and the number that stays when more have come."""
DROP_AT = KEPT + BATCH
SETTLED_MS = 250
"""After the last change of the window's width."""


class ConversationView(ttk.Frame):
    """Scrolls with the newest words, unless the person has scrolled up to read."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, style="Panel.TFrame")
        self._context = context
        self._id = ""
        self._exchanges: tuple[Exchange, ...] = ()
        self._conversation = Conversation()
        self._settings = SettingsPanel()
        self._versions: dict[str, tuple[str, ...]] = {}
        self._first = 0
        self._later: str | None = None
        self._again: str | None = None
        self._following = True
        self._width = 0
        self.text = tkinter.Text(self, wrap="word", state="disabled", borderwidth=0, cursor="arrow", takefocus=True)
        self._scrollbar = ttk.Scrollbar(self, orient="vertical", command=self._drag, bootstyle="secondary round")
        self.text.configure(yscrollcommand=self._scrolled)
        self._renderer = AnswerRenderer(self.text)
        self._matches = MatchMarks(self.text)
        self._start: int | None = None
        self.actions = AnswerActions(self.text, context, self._renderer, lambda: self._exchanges)
        self._drawn = DrawnExchanges(self.text, self._renderer, self._matches, self.actions)
        self.menu = AnswerMenu(
            self.text, context, self._renderer, self.actions, lambda: self._conversation, lambda: self._settings
        )
        self._welcome = Welcome(self, context, over=self.text)
        self._jump = ttk.Button(self, text="↓  Jump to end", bootstyle="default", command=self.follow)
        self.compare = CompareView(self, context)
        self.rowconfigure(0, weight=1)
        self.columnconfigure(0, weight=1)
        self.text.grid(row=0, column=0, sticky="nsew")
        for sequence in ("<MouseWheel>", "<Button-4>", "<Button-5>", "<KeyRelease>", "<ButtonRelease-1>"):
            self.text.bind(sequence, lambda _: self.after_idle(self._look_where), add="+")
        self.text.bind("<Configure>", lambda _: self._resized(), add="+")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        look, px = self._context.look, self._context.look.px
        panel, pady = look.palette.panel, px(2 if is_short(look) else 6)
        style_text(self.text, look, ground=panel, edge=panel, padx=0, pady=pady)
        self.text.configure(insertwidth=0, spacing1=px(1), spacing2=px(3), spacing3=px(1))
        self._drawn.restyle(look)
        self.compare.restyle()
        self.text.tag_raise("sel")
        self._width = 0
        self._resized()
        self._welcome.restyle()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        self._settings = new.settings
        self._welcome.render(old, new)
        if old is not None and old.conversation is new.conversation:
            return
        conversation = new.conversation
        if conversation.id != self._id:
            # An empty conversation gets its id with its first prompt: that is no other conversation.
            if self._id or any(one.id not in self._drawn for one in self._exchanges):
                self._clear()
            self._id = conversation.id
        self._show(conversation)

    def _show(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.compare.show(conversation)
        self._exchanges = conversation.exchanges
        self._versions = versions(conversation)
        self._keep_what_is_common()
        self._draw()

    def follow(self) -> None:
        """Scroll to the newest words, and with them from now on."""
        self._following = True
        self._jump.place_forget()
        self._see_end()

    def show_matches(self, matches: Matches | None) -> None:
        """Mark where the search found the conversation, and go to the place that is looked at."""
        self._matches.show(matches, self._drawn)
        if matches is None:
            return
        wanted = matches.exchange_id
        if wanted not in self._drawn:
            self._start = next((place for place, one in enumerate(self._exchanges) if one.id == wanted), None)
            self._clear()
            self._following = False
            self._draw()
        if wanted in self._drawn:
            self._following = False
            self._matches.go_to(wanted)
            self.after_idle(self._look_where)

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
        if not self._drawn:
            usual = max(0, len(self._exchanges) - KEPT)
            self._first, self._start = usual if self._start is None else min(usual, self._start), None
            wanted = self._exchanges[self._first :]
        self._welcome.show(not self._exchanges)
        characters = BATCH_CHARACTERS
        drawn = 0
        self.text.configure(state="normal")
        for exchange in wanted:
            if exchange.id in self._drawn:
                self._drawn.change(exchange, self._version(exchange.id))
                continue
            if drawn == BATCH or characters <= 0:
                self._later = self.after(1, self._draw)
                break
            drawn += 1
            characters -= len(exchange.prompt) + exchange.answer.count
            self._drawn.add(exchange, self._version(exchange.id))
        if self._following and len(self._drawn) > DROP_AT:
            surplus = len(self._drawn) - KEPT
            self._drawn.remove_first(surplus)
            self._first += surplus
        self.text.configure(state="disabled")
        if self._following:
            self._see_end()

    def _keep_what_is_common(self) -> None:
        """Remove from the text what another branch does not have."""
        wanted = [one.id for one in self._exchanges[self._first :]]
        common = 0
        for shown, name in zip(self._drawn, wanted, strict=False):
            if shown != name:
                break
            common += 1
        if common == 0 and self._drawn:
            self._clear()
        elif common < len(self._drawn):
            self.text.configure(state="normal")
            self._drawn.remove_after(common)
            self.text.configure(state="disabled")

    def _version(self, exchange_id: str) -> Version:
        """Which of its versions an exchange is, and how many there are."""
        beside = self._versions.get(exchange_id, (exchange_id,))
        return beside.index(exchange_id) + 1, len(beside)

    def _bring_earlier(self) -> None:
        """Insert earlier exchanges above the part that is being read."""
        text, top = self.text, next(iter(self._drawn))
        earlier = _some_before(self._exchanges[: self._first])
        text.configure(state="normal")
        self._drawn.add_above(tuple((one, self._version(one.id)) for one in earlier))
        text.configure(state="disabled")
        self._first -= len(earlier)
        text.yview(f"h0:{top}")

    def _resized(self) -> None:
        """Keep the column in the middle."""
        look, width = self._context.look, self.text.winfo_width()
        if width > 1 and width != self._width:
            self._width = width
            self.text.configure(padx=column_margin(look, width))
            space = min(width, column(look)) - 2 * look.px(2)
            self.text.tag_configure("who", tabs=(space - look.px(MARGIN), "right"))
            if self._renderer.widen(look, space):
                self._lay_out_later()
        if self._following:
            self._see_end()
        elif self._jump.winfo_manager():
            self.after_idle(self._look_where)

    def _lay_out_later(self) -> None:
        """Draw anew what was broken by hand for another width: tables, and what reads from right to left."""
        if any(self.text.tag_nextrange(tag, "1.0") for tag in (TABLE, RIGHT_TO_LEFT)):
            if self._again is not None:
                self.after_cancel(self._again)
            self._again = self.after(SETTLED_MS, self._lay_out_anew)

    def _lay_out_anew(self) -> None:
        self._again = None
        following, top = self._following, self.actions.exchange_at(self.text.index("@0,0"))
        self._clear()
        self._following = following
        self._draw()
        if not following and top in self._drawn:
            self.text.yview(f"h0:{top}")

    def _scrolled(self, first: float, last: float) -> None:
        """The bar is there where there is something to scroll, over the margin: nothing moves when it comes."""
        self._scrollbar.set(first, last)
        needed = float(first) > 0 or float(last) < 1
        if needed and not self._scrollbar.winfo_manager():
            self._scrollbar.place(relx=1.0, rely=0.0, relheight=1.0, anchor="ne")
        elif not needed:
            self._scrollbar.place_forget()

    def _see_end(self) -> None:
        self.text.yview_moveto(1.0)  # "see" would put a far line into the middle

    def _clear(self) -> None:
        self.text.configure(state="normal")
        self._drawn.clear()
        self.text.configure(state="disabled")
        self._following = True
        self._jump.place_forget()

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


def _some_before(exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The last exchanges, as many as are drawn in one step; at least one."""
    characters, first = BATCH_CHARACTERS, len(exchanges)
    while first > 0 and len(exchanges) - first < BATCH and characters > 0:
        first -= 1
        characters -= len(exchanges[first].prompt) + exchanges[first].answer.count
    return exchanges[first:]
