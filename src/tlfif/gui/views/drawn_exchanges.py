"""What the conversation's text holds of its exchanges: written, changed where something is new about them, removed.

Marks in the text by name: h0 above the prompt, a0/a1 around the answer, f0/f1 around what is below it.
"""

import tkinter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tlfif.gui.look.theme import SMALL, SMALL_STRONG, STRONG, Look
from tlfif.gui.markup.reading import Reading
from tlfif.gui.model.state import Exchange
from tlfif.gui.views.answer_actions import HOVER, AnswerActions
from tlfif.gui.views.answer_renderer import MARGIN, AnswerRenderer
from tlfif.gui.views.code_painter import CodePainter
from tlfif.gui.views.exchange_lines import URGED, Piece, foot_of, head_of
from tlfif.gui.views.match_marks import MatchMarks

MARKS = ("h0", "a0", "a1", "f0", "f1")
CODE_SIGN = "```"
HERE = "here"
"""The mark at which earlier exchanges are inserted; new words are inserted at the end."""
Version = tuple[int, int]
"""Which of its versions an exchange is, and how many there are."""


@dataclass(slots=True)
class _Drawn:
    """What the text shows of an exchange, to tell what is new about it."""

    exchange: Exchange
    version: Version
    generation: int
    count: int
    head: list[Piece]
    foot: list[Piece]
    reading: Reading


class DrawnExchanges:
    """Their names, from the top of the text to its end. The text must be in its state "normal" for every change."""

    def __init__(
        self, text: tkinter.Text, renderer: AnswerRenderer, matches: MatchMarks, actions: AnswerActions
    ) -> None:
        self._text = text
        self._renderer = renderer
        self._painter = CodePainter(text)
        self._matches = matches
        self._actions = actions
        self._drawn: dict[str, _Drawn] = {}

    def __len__(self) -> int:
        return len(self._drawn)

    def __iter__(self) -> Iterator[str]:
        return iter(self._drawn)

    def __contains__(self, name: object) -> bool:
        return name in self._drawn

    def restyle(self, look: Look) -> None:
        """Apply the look."""
        palette, px = look.palette, look.px
        left = px(MARGIN)
        tag = self._text.tag_configure
        for name in ("prompt", "answer", "name", "status", "mark", "receipt", "problem", "actions"):
            tag(name, lmargin1=left, lmargin2=left, rmargin=left)
        tag("prompt", lmargincolor=palette.prompt, rmargincolor=palette.prompt, background=palette.prompt)
        tag("who", font=SMALL, foreground=palette.muted, spacing1=px(8))
        tag("said", foreground=palette.text)
        tag("pad", font=(SMALL, -px(4)))
        tag("name", font=SMALL_STRONG, foreground=palette.muted, spacing1=px(14), spacing3=px(2))
        tag("answer", foreground=palette.text)
        self._renderer.restyle(look)
        self._painter.restyle(look)
        self._matches.restyle(look)
        for name, ink in (("status", "muted"), ("mark", "caution"), ("receipt", "muted"), ("problem", "bad")):
            tag(name, font=SMALL, foreground=getattr(palette, ink), spacing1=px(5))
        tag("strong", font=STRONG)
        tag("actions", font=SMALL, foreground=palette.muted, spacing1=px(8), spacing3=px(18))
        tag(URGED, foreground=palette.link)
        tag(HOVER, foreground=palette.link, underline=True)
        tag("chosen", background=palette.select, foreground=palette.text, underline=True)
        self._text.tag_raise("chosen")

    def add(self, exchange: Exchange, version: Version, *, at: str = "end-1c") -> None:
        """Write an exchange, usually behind the others."""
        text, name = self._text, exchange.id
        if self._drawn:  # the last exchange ends without a line's end: there is no empty line below it
            before = f"f1:{next(reversed(self._drawn))}"
            text.mark_gravity(before, "left")
            text.insert(at, "\n")
            text.mark_gravity(before, "right")
        text.mark_set(f"h0:{name}", at)
        text.mark_gravity(f"h0:{name}", "left")
        head = head_of(exchange, version)
        for piece, tags in self._renderer.prompt(head):
            text.insert(at, piece, tags)
        # Between a1 and f0 there is a line's end.
        text.mark_set(f"a0:{name}", at)
        text.mark_gravity(f"a0:{name}", "left")
        text.insert(at, "\n", ("answer",))
        text.mark_set(f"a1:{name}", f"{at} -1c")
        text.mark_set(f"f0:{name}", at)
        text.mark_gravity(f"f0:{name}", "left")
        foot = _closed(foot_of(exchange))
        for piece, tags in foot:
            text.insert(at, piece, tags)
        text.mark_set(f"f1:{name}", at)
        answer = exchange.answer
        reading = self._write(name, Reading(), str(answer))
        self._drawn[name] = _Drawn(exchange, version, answer.generation, answer.count, head, foot, reading)
        self._matches.drawn(name)

    def change(self, exchange: Exchange, version: Version) -> None:
        """Write what is new about an exchange."""
        text, name, answer, shown = self._text, exchange.id, exchange.answer, self._drawn[exchange.id]
        if shown.exchange is exchange and shown.version == version:
            return
        shown.version = version
        head = head_of(exchange, version)
        if head != shown.head:
            self._write_head(name, head)
            shown.head = head
        if answer.generation != shown.generation or answer.count < shown.count:
            self._renderer.erase(name, shown.reading)
            shown.reading = self._write(name, Reading(), str(answer))
        elif answer.count > shown.count:
            shown.reading = self._write(name, shown.reading, answer.since(shown.count))
        shown.generation, shown.count = answer.generation, answer.count
        # While words come nothing else changes: their stage and their status stay the same.
        foot = _closed(foot_of(exchange))
        if foot != shown.foot:
            self._actions.forget(name)
            text.delete(f"f0:{name}", f"f1:{name}")
            for piece, tags in foot:
                text.insert(f"f1:{name}", piece, tags)
            shown.foot = foot
        shown.exchange = exchange

    def _write(self, name: str, before: Reading, new: str) -> Reading:
        """Append to an answer; code in it gets its colours later."""
        reading = self._renderer.write(name, before, new)
        if before.fence or reading.fence or CODE_SIGN in before.open + new:
            self._painter.soon(name)
        return reading

    def _write_head(self, name: str, head: list[Piece]) -> None:
        """Write anew what is above an answer."""
        text = self._text
        self._actions.forget(name)
        text.delete(f"h0:{name}", f"a0:{name}")
        text.mark_gravity(f"a0:{name}", "right")
        for piece, tags in self._renderer.prompt(head):
            text.insert(f"a0:{name}", piece, tags)
        text.mark_gravity(f"a0:{name}", "left")

    def add_above(self, exchanges: tuple[tuple[Exchange, Version], ...]) -> None:
        """Write earlier exchanges above the others."""
        text, top = self._text, next(iter(self._drawn))
        text.mark_gravity(f"h0:{top}", "right")
        text.insert("1.0", "\n")
        text.mark_gravity(f"h0:{top}", "left")
        later, self._drawn = self._drawn, {}
        text.mark_set(HERE, "1.0")
        for exchange, version in exchanges:
            self.add(exchange, version, at=HERE)
        self._drawn |= later

    def remove_first(self, count: int) -> None:
        """Remove the oldest exchanges; one stays at least."""
        gone = list(self._drawn)[:count]
        self._forget(gone)
        self._text.delete("1.0", f"h0:{next(iter(self._drawn))}")
        self._unmark(gone)

    def remove_after(self, count: int) -> None:
        """Remove all but the first exchanges; ``count`` is 1 at least."""
        names = list(self._drawn)
        self._text.delete(f"f1:{names[count - 1]}", "end-1c")
        self._forget(names[count:])
        self._unmark(names[count:])

    def clear(self) -> None:
        """Remove all."""
        self._actions.forget()
        self._painter.forget()
        self._text.delete("1.0", "end")
        self._unmark(self._drawn)
        self._drawn = {}

    def _forget(self, names: list[str]) -> None:
        for name in names:
            self._actions.forget(name)
            del self._drawn[name]

    def _unmark(self, names: Iterable[str]) -> None:
        self._text.mark_unset(*(f"{mark}:{name}" for name in names for mark in MARKS))


def _closed(pieces: list[Piece]) -> list[Piece]:
    """The pieces without the last line end."""
    if not pieces:
        return pieces
    text, tags = pieces[-1]
    return [*pieces[:-1], (text.removesuffix("\n"), tags)]
