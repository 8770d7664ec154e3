"""Colours in code, between other things: a few milliseconds at a time, once the words stand there."""

import time
import tkinter
from collections.abc import Iterator
from itertools import accumulate

from tlfif.gui.look.theme import Look
from tlfif.gui.markup import pieces as md
from tlfif.gui.markup.code_colours import ADDED, KEYWORD, KINDS, NAME, NUMBER, REMARK, STRING, TAKEN, spans

SOON_MS = 120
"""After the last words."""
PAUSE_MS = 8
"""Between two steps."""
STEP_SECONDS = 0.004
MOST = 100
"""Places that get a colour at once."""
LONGEST = 20_000
"""Characters of code that get colours."""
PAINTED = "code-painted"
LAST_SINGLE = 0xFFFF
_INKS = {
    KEYWORD: "link",
    STRING: "good",
    NUMBER: "caution",
    REMARK: "muted",
    NAME: "special",
    ADDED: "good",
    TAKEN: "bad",
}


class CodePainter:
    """Paints the code between two marks; code that has grown is painted again."""

    def __init__(self, text: tkinter.Text) -> None:
        self._text = text
        self._waiting: dict[str, None] = {}
        self._timer: str | None = None
        self._work: Iterator[None] | None = None

    def restyle(self, look: Look) -> None:
        """Apply the look."""
        for kind in KINDS:
            self._text.tag_configure(kind, foreground=getattr(look.palette, _INKS[kind]))
        self._text.tag_configure(PAINTED)

    def soon(self, name: str) -> None:
        """Paint the code in the answer of exchange ``name`` when there is time."""
        self._waiting[name] = None
        if self._timer is None:
            self._timer = self._text.after(SOON_MS, self._step)

    def forget(self) -> None:
        """Nothing is to be painted any more."""
        self._waiting, self._work = {}, None
        if self._timer is not None:
            self._text.after_cancel(self._timer)
            self._timer = None

    def _step(self) -> None:
        self._timer = None
        until = time.perf_counter() + STEP_SECONDS
        if self._work is None and self._waiting:
            name = next(iter(self._waiting))
            del self._waiting[name]
            self._work = self._painting(name)
        while self._work is not None and time.perf_counter() < until:
            if next(self._work, self) is self:
                self._work = None
        if self._work is not None or self._waiting:
            self._timer = self._text.after(PAUSE_MS, self._step)

    def _painting(self, name: str) -> Iterator[None]:
        text, at = self._text, f"a0:{name}"
        while f"a1:{name}" in text.mark_names():
            span = [str(one) for one in text.tag_nextrange(md.BLOCK, at, f"a1:{name}")]
            if not span:
                return
            if PAINTED not in text.tag_names(f"{span[1]} -1c"):
                yield from self._paint(*span)
            at = span[1]

    def _paint(self, start: str, end: str) -> Iterator[None]:
        """What is not painted of one block. Text that changes meanwhile is drawn anew and comes here again."""
        code = self._text.get(start, end)
        if len(code) > LONGEST:
            return
        first = int(start.partition(".")[0])
        begins = list(accumulate((len(line) + 1 for line in code.split("\n")), initial=0))
        painted = [str(one) for one in self._text.tag_prevrange(PAINTED, end, start)]
        done = int(painted[1].partition(".")[0]) - first if painted else 0
        places: dict[str, list[str]] = {kind: [] for kind in KINDS}
        line = 0
        for begin, stop, kind in spans(code, self._language(start)):
            yield
            while begins[line + 1] <= begin:
                line += 1
            if kind and line >= done:
                last = line
                while begins[last + 1] < stop:
                    last += 1
                places[kind] += [_index(code, first, begins, line, begin), _index(code, first, begins, last, stop)]
        if self._text.get(start, end) != code:
            return
        for kind, found in places.items():
            self._text.tag_remove(kind, f"{first + done}.0", end)
            for at in range(0, len(found), MOST):
                self._text.tag_add(kind, *found[at : at + MOST])
                yield
        self._text.tag_add(PAINTED, start, f"{first + len(begins) - 2}.0")

    def _language(self, start: str) -> str:
        shown = [str(one) for one in self._text.tag_prevrange(md.SHOWN, f"{start} -1c")]
        return self._text.get(*shown).partition("\t")[0] if shown else ""


def _index(code: str, first: int, begins: list[int], line: int, at: int) -> str:
    """Tk's index of a character of code whose first line is ``first``. Signs beyond the first 65,536 count twice."""
    before = code[begins[line] : at]
    twice = sum(ord(sign) > LAST_SINGLE for sign in before)
    return f"{first + line}.{len(before) + twice}"
