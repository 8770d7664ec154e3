"""Writes answers into a text widget: Markdown with its styles, and copying gives what the model wrote."""

import re
import tkinter
from collections.abc import Callable

from tlfif.gui.look.theme import (
    BODY,
    FIXED,
    FIXED_STRONG,
    HEADING,
    ITALIC,
    SMALL,
    STRONG,
    STRONG_ITALIC,
    Look,
)
from tlfif.gui.markup import pieces as md
from tlfif.gui.markup.blocks import Line
from tlfif.gui.markup.pieces import Piece
from tlfif.gui.markup.reading import Reading, read
from tlfif.gui.markup.right_to_left import has_any, in_order
from tlfif.gui.views.exchange_lines import ACTION, COPY_CODE, OPEN_LINK
from tlfif.wording.scripts import cut_at

ANSWER = "answer"
ONWARD = "soft-line"
"""The tag of the text after a line break that the model did not write. Tk lays out a changed line as a whole: slow for
a long one."""
BOLD_ITALIC = "md-bold-italic"
LONGEST = 1500
"""Characters of a line before it is broken."""
NEAR = 200
"""Characters before the limit in which to look for a space to break at."""
BOLDER = 0.94
"""Of the space, for a line that is broken by hand: bold letters are wider than those that are measured."""
MARGIN = 14
"""Pixels at 100 % between the column's edge and the text."""
_AFTER_BREAK = re.compile(r"(?<=\n)")


class AnswerRenderer:
    """Writes between the marks a0 and a1 of an exchange. Hidden signs stay in the text, so that they are copied."""

    def __init__(self, text: tkinter.Text, *, longest: int = LONGEST) -> None:
        self._text = text
        self._longest = longest
        self._orders = text.tk.call("tk", "windowingsystem") == "x11"
        self._measure: Callable[[str], int] = len
        self._space = 10_000
        self.columns = 80
        """Letters of one width that fit beside each other."""
        text.bind("<<Copy>>", self._copy)
        for kind in ("STRING", "UTF8_STRING"):
            text.selection_handle(self._handed, selection="PRIMARY", type=kind)

    def restyle(self, look: Look) -> None:
        """Apply the look."""
        px, palette, tag = look.px, look.palette, self._text.tag_configure
        left, ground = px(MARGIN), palette.ground
        tag(md.ITALIC, font=ITALIC)
        tag(md.BOLD, font=STRONG)
        tag(BOLD_ITALIC, font=STRONG_ITALIC)
        tag(md.STRUCK, overstrike=True)
        tag(md.MATHEMATICS, font=ITALIC)
        for name, font, above in zip(md.HEADINGS, (HEADING, HEADING, STRONG), (14, 12, 10), strict=True):
            tag(name, font=font, spacing1=px(above), spacing3=px(3))
        tag(md.CODE, font=FIXED, background=ground)
        step = px(24)
        for depth, (first, inside) in enumerate(zip(md.ITEMS, md.INSIDE, strict=True)):
            at = left + depth * step
            tag(first, lmargin1=max(left, at - step + px(4)), lmargin2=at, tabs=(at,), spacing1=px(3))
            tag(inside, lmargin1=at, lmargin2=at)
        tag(md.QUOTE, foreground=palette.muted, background=ground, lmargincolor=ground, rmargincolor=ground)
        tag(md.RULE, foreground=palette.line, justify="center")
        for name in (md.BLOCK, md.FENCE, md.LANGUAGE):
            tag(name, background=ground, lmargincolor=ground, rmargincolor=ground, spacing1=0, spacing2=0, spacing3=0)
            tag(name, lmargin1=left + px(12), lmargin2=left + px(12), rmargin=left + px(12))
        tag(md.BLOCK, font=FIXED, wrap="char")
        tag(md.FENCE, font=(BODY, -px(8)))
        tag(md.LANGUAGE, font=SMALL, foreground=palette.muted, spacing1=px(6), spacing3=px(4))
        for name in (md.TABLE, md.TABLE_HEAD, md.TABLE_RULE):
            tag(name, font=FIXED, lmargin1=left, lmargin2=left, spacing1=px(2), spacing2=0, wrap="none")
        tag(md.TABLE_HEAD, font=FIXED_STRONG)
        tag(md.TABLE_RULE, foreground=palette.edge, spacing1=0)
        tag(md.LINK, foreground=palette.link, underline=True)
        tag(md.RIGHT_TO_LEFT, justify="right")
        tag(ONWARD, spacing1=px(2))
        tag(md.HIDDEN, elide=True)
        tag(md.SOURCE, elide=True)

    def widen(self, look: Look, column: int) -> bool:
        """The column is so many pixels wide now. Whether what was broken by hand does not fit any more."""
        before = (self.columns, self._space)
        space = column - 2 * look.px(MARGIN)
        self.columns = max(20, space // max(1, look.width("0", FIXED)))
        self._measure, self._space = look.width, round(space * BOLDER)
        self._text.tag_configure(md.LANGUAGE, tabs=(column - look.px(MARGIN + 12), "right"))
        return before != (self.columns, self._space)

    def write(self, name: str, before: Reading, new: str) -> Reading:
        """Append ``new`` to the answer of exchange ``name``, which was read as far as ``before``."""
        written = read(before, new, columns=self.columns, finish=self._finished)
        end = f"a1:{name}"
        here = self._text.index(end)  # Tk takes no arithmetic on a mark whose name holds a hyphen, as ids do
        if before.end != written.reading.end:
            self._unstyle_end(here, before)
        if written.gone:
            self._text.delete(f"{here} -{len(written.gone)}c", end)
        parts: list[str | tuple[str, ...]] = []
        for text, styles in written.pieces:
            parts += (text, _tags(styles))
        if parts:
            self._text.insert(end, *parts)  # type: ignore[arg-type]  # text and tags in turn, as Tk takes them
        for style in written.reading.end:
            self._text.tag_add(style, self._text.index(end))
        return written.reading

    def erase(self, name: str, reading: Reading) -> None:
        """Delete an answer that was read as far as ``reading``."""
        self._unstyle_end(self._text.index(f"a1:{name}"), reading)
        self._text.delete(f"a0:{name}", f"a1:{name}")

    def _unstyle_end(self, here: str, reading: Reading) -> None:
        """The end of the last line is the widget's own; it has the styles of what is before it."""
        for style in reading.end:
            self._text.tag_remove(style, here)

    def _finished(self, line: Line) -> Line:
        if self._orders:
            seen = in_order(line, measure=self._measure, space=self._space)
            if seen is not line:
                return seen
        pieces = broken(list(line.pieces), self._longest)
        return Line(tuple(pieces), line.end)

    def prompt(self, pieces: list[Piece]) -> list[Piece]:
        """The pieces of what is above an answer, as they are drawn."""
        found: list[Piece] = []
        for text, tags in pieces:
            if not (self._orders and has_any(text)):
                found += broken([(text, tags)], self._longest)
                continue
            for line in text.removesuffix("\n").split("\n"):
                seen = in_order(Line(((line, tags),), tags), measure=self._measure, space=self._space)
                found += [*seen.pieces, ("\n", seen.end)]
        return found

    def original(self, start: str, end: str) -> str:
        """What was written between two indexes, with the model's own signs and without ours. Of what is drawn instead
        of something that it wrote any part stands for the whole."""
        start, end = self._with_source(start), self._without_source(end)
        if self._text.compare(start, ">=", end):
            return ""
        shown = md.SHOWN in self._text.tag_names(start)
        found: list[str] = []
        for kind, value, _ in self._text.dump(start, end, text=True, tag=True):
            if kind == "text":
                found.append("" if shown else value)
            elif value == md.SHOWN:
                shown = kind == "tagon"
        return "".join(found)

    def _with_source(self, index: str) -> str:
        """``index``, or where that begins in whose place the text there is drawn."""
        if md.SHOWN not in self._text.tag_names(index):
            return index
        first = next(iter(self._text.tag_prevrange(md.SHOWN, f"{index} +1c")), index)
        return self._before_source(str(first), index)

    def _without_source(self, index: str) -> str:
        """``index``, or before what is not drawn just there, because something else is drawn in its place after it."""
        return self._before_source(index, index)

    def _before_source(self, first: str, index: str) -> str:
        """Where what is not drawn just before ``first`` begins; ``index`` where there is nothing of the kind."""
        before = [str(one) for one in self._text.tag_prevrange(md.SOURCE, first)]
        return before[0] if before and self._text.compare(before[1], "==", first) else index

    def code_at(self, index: str) -> str:
        """The code below the line at ``index``, which names its language."""
        span = self._text.tag_nextrange(md.BLOCK, f"{index} lineend")
        return self.original(str(span[0]), str(span[1])).removesuffix("\n") if span else ""

    def code_around(self, index: str) -> str:
        """The code that ``index`` is in, or whose first line it is; empty elsewhere."""
        names = self._text.tag_names(index)
        if md.LANGUAGE in names:
            return self.code_at(index)
        if md.BLOCK not in names:
            return ""
        span = [str(one) for one in self._text.tag_prevrange(md.BLOCK, f"{index} +1c")]
        span = [str(one) for one in self._text.tag_nextrange(md.BLOCK, span[0])] if span else []
        return self.original(*span).removesuffix("\n") if span else ""

    def address_at(self, index: str) -> str:
        """The address of the link at ``index``; empty where there is none."""
        names = self._text.tag_names(index)
        return next((name.removeprefix(md.ADDRESS) for name in names if name.startswith(md.ADDRESS)), "")

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


def _tags(styles: tuple[str, ...]) -> tuple[str, ...]:
    """The widget's tags for a piece's styles."""
    more = (BOLD_ITALIC,) if md.BOLD in styles and md.ITALIC in styles else ()
    pressed = COPY_CODE if md.COPY_CODE in styles else OPEN_LINK if md.LINK in styles else ""
    return (ANSWER, *styles, *more, *((ACTION, f"do-{pressed}") if pressed else ()))


def broken(pieces: list[Piece], longest: int = LONGEST) -> list[Piece]:
    """The pieces, with a break of our own wherever a line is longer than ``longest``."""
    found: list[Piece] = []
    onward: tuple[str, ...] = ()
    column = 0
    for text, styles in pieces:
        if md.SHOWN in styles or md.SOURCE in styles:
            found.append((text, styles))
            continue
        for line in _AFTER_BREAK.split(text):
            rest = line
            while column + len(rest.rstrip("\n")) > longest:
                at = _place(rest, longest - column)
                found += [(rest[:at], (*styles, *onward)), ("\n", (*styles, md.SHOWN))]
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
