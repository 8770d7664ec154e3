"""Writes answers into the conversation's text: a few Markdown styles, and copying gives the original text."""

import re
import tkinter

from tlfif.gui.look import markup
from tlfif.gui.look.markup import Piece, Reading
from tlfif.gui.look.theme import BODY, FIXED, SMALL, STRONG, Look
from tlfif.wording.scripts import cut_at

ANSWER = "answer"
SOFT = "soft-break"
"""The tag of a line break that the model did not write. Tk lays out a changed line as a whole: slow for a long one."""
ONWARD = "soft-line"
"""The tag of the text after such a break."""
LONGEST = 1500
"""Characters of a line before it is broken."""
NEAR = 200
"""Characters before the limit in which to look for a space to break at."""
_AFTER_BREAK = re.compile(r"(?<=\n)")
BULLET_GAP = f"{markup.BULLET} "


class AnswerRenderer:
    """Writes between the marks a0 and a1 of an exchange. Hidden signs stay in the text, so that they are copied."""

    def __init__(self, text: tkinter.Text, *, longest: int = LONGEST) -> None:
        self._text = text
        self._longest = longest
        text.bind("<<Copy>>", self._copy)
        for kind in ("STRING", "UTF8_STRING"):
            text.selection_handle(self._handed, selection="PRIMARY", type=kind)

    def restyle(self, look: Look) -> None:
        """Apply the look."""
        px, palette, tag = look.px, look.palette, self._text.tag_configure
        tag(markup.BOLD, font=STRONG)
        tag(markup.HEADING, font=STRONG, spacing1=px(8))
        tag(markup.CODE, font=FIXED, background=palette.ground)
        for name in (markup.BLOCK, markup.FENCE, markup.LANGUAGE):
            tag(name, background=palette.ground, lmargincolor=palette.ground, rmargincolor=palette.ground)
            tag(name, lmargin1=px(30), lmargin2=px(30), rmargin=px(30), spacing1=0, spacing2=0)
        tag(markup.BLOCK, font=FIXED, wrap="char")
        tag(markup.FENCE, font=(BODY, -px(5)))
        tag(markup.LANGUAGE, font=SMALL, foreground=palette.muted)
        for depth, name in enumerate(markup.ITEMS):
            left = px(18) + depth * px(22)
            tag(name, lmargin1=left, lmargin2=left + look.width(BULLET_GAP), spacing1=px(2))
        tag(ONWARD, spacing1=px(2))
        tag(markup.HIDDEN, elide=True)

    def write(self, name: str, before: Reading, new: str) -> Reading:
        """Append ``new`` to the answer of exchange ``name``, which was read as far as ``before``."""
        written = markup.read(before, new)
        end = f"a1:{name}"
        if written.again:
            self._text.delete(self._line_start(end), end)
        column = int(self._text.index(end).partition(".")[2])
        parts: list[str | tuple[str, ...]] = []
        for piece, styles in broken(written.pieces, column, self._longest):
            parts += (piece, (ANSWER, *styles))
        if parts:
            self._text.insert(end, *parts)  # type: ignore[arg-type]  # text and tags in turn, as Tk takes them
        here = self._text.index(end)  # Tk takes no arithmetic on a mark whose name holds a hyphen, as ids do
        if written.reading.ends_in_fence:
            self._text.tag_add(markup.FENCE, here, f"{here} lineend +1c")
        elif before.ends_in_fence:
            self._text.tag_remove(markup.FENCE, f"{here} lineend", f"{here} lineend +1c")
        return written.reading

    def _line_start(self, index: str) -> str:
        """Where the model's own line begins, however often it is broken."""
        start = self._text.index(f"{self._text.index(index)} linestart")
        while SOFT in self._text.tag_names(f"{start} -1c"):
            start = self._text.index(f"{start} -1c linestart")
        return start

    def original(self, start: str, end: str) -> str:
        """What was written between two indexes, with the model's own signs and without our breaks."""
        soft = SOFT in self._tags(start)
        sign: str | None = next((markup.BULLETS[one] for one in self._tags(start) if one in markup.BULLETS), None)
        found: list[str] = []
        for kind, value, _ in self._text.dump(start, end, text=True, tag=True):
            if kind == "text":
                found.append("" if soft else sign or value)
            elif value == SOFT:
                soft = kind == "tagon"
            elif value in markup.BULLETS:
                sign = markup.BULLETS[value] if kind == "tagon" else None
        return "".join(found)

    def _tags(self, index: str) -> tuple[str, ...]:
        return self._text.tag_names(index)

    def _selected(self) -> str:
        ranges = self._text.tag_ranges("sel")
        return self.original(str(ranges[0]), str(ranges[1])) if ranges else ""

    def _copy(self, _event: object) -> str:
        selected = self._selected()
        if selected:
            self._text.clipboard_clear()
            self._text.clipboard_append(selected)
        return "break"

    def _handed(self, offset: str, length: str) -> str:
        """The part of the selection that another program asks for."""
        return self._selected()[int(offset) : int(offset) + int(length)]


def broken(pieces: list[Piece], column: int = 0, longest: int = LONGEST) -> list[Piece]:
    """The pieces, with a soft break wherever a line is longer than ``longest``; they begin at ``column``."""
    found: list[Piece] = []
    onward: tuple[str, ...] = ()
    for text, styles in pieces:
        for line in _AFTER_BREAK.split(text):
            rest = line
            while column + len(rest.rstrip("\n")) > longest:
                at = _place(rest, longest - column)
                found += [(rest[:at], (*styles, *onward)), ("\n", (*styles, SOFT))]
                rest, column, onward = rest[at:], 0, (ONWARD,)
            found.append((rest, (*styles, *onward)))
            ended = rest.endswith("\n")
            column, onward = (0, ()) if ended else (column + len(rest), onward)
    return [(text, styles) for text, styles in found if text]


def _place(text: str, limit: int) -> int:
    """Where to break: after a space shortly before ``limit``, or between two signs."""
    limit = max(0, limit)
    space = text.rfind(" ", max(0, limit - NEAR), limit)
    return space + 1 if space >= 0 else cut_at(text, limit)
