"""Whole lines: headings, lists, quotes, code, tables and rules. A line of the source stays a line, so that what is
drawn can be found again in what was written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tlfif.gui.markup import inline, tables
from tlfif.gui.markup.pieces import (
    BLOCK,
    BULLET,
    COPY_CODE,
    DEEPEST,
    FENCE,
    HEADINGS,
    HIDDEN,
    INSIDE,
    ITEMS,
    LANGUAGE,
    QUOTE,
    RULE,
    SHOWN,
    SOURCE,
    TABLE,
    TABLE_RULE,
    Piece,
    styled,
    visible,
)

if TYPE_CHECKING:
    from markdown_it.token import Token

COPY = "Copy code"
RULE_SIGN = "─" * 24
_CLOSES = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t]*")
_BULLET = re.compile(r"[-*+]|\d{1,9}[.)]")
_BOX = re.compile(r"\[([ xX])\] ")


@dataclass(frozen=True, slots=True)
class Line:
    """A line's pieces, and the styles of its end."""

    pieces: tuple[Piece, ...]
    end: tuple[str, ...] = ()


@dataclass(slots=True)
class Lines:
    """``lines`` of a source. ``starts``: where a block or an item of the outermost list begins, so that what is before
    it is finished. ``fence``: the sign that closes the code in which the source ends, from line ``fence_at`` on."""

    lines: list[Line]
    starts: list[int] = field(default_factory=list)
    fence: str = ""
    fence_at: int = 0
    is_table: bool = False
    """The last block is a table; it begins at the last of ``starts``."""


def lines_of(source: str, columns: int) -> Lines:
    """``source``, drawn. ``columns``: letters of one width beside each other, for tables."""
    raw = source.split("\n")
    drawing = _Drawing(raw, columns)
    try:
        drawing.walk(inline.parser().parse(source))
    except (inline.LostPlaceError, IndexError, KeyError, ValueError):
        return Lines([plain(line) for line in raw])
    return drawing.result()


def plain(line: str) -> Line:
    """A line as it is."""
    return Line(((line, ()),) if line else ())


def code_line(line: str, styles: tuple[str, ...] = ()) -> Line:
    """A line of code."""
    return Line(((line, (*styles, BLOCK)),) if line else (), (*styles, BLOCK))


def opening_line(prefix: str, rest: str, language: str, styles: tuple[str, ...] = ()) -> Line:
    """The line with the language's name above code."""
    hidden = [(prefix + rest, (*styles, LANGUAGE, SOURCE))]
    shown = [(f"{language or 'code'}\t", (*styles, LANGUAGE, SHOWN)), (COPY, (*styles, LANGUAGE, COPY_CODE, SHOWN))]
    return Line((*hidden, *shown), (*styles, LANGUAGE))


def closing_line(line: str, styles: tuple[str, ...] = ()) -> Line:
    """The line that closes code."""
    return Line(((line, (*styles, FENCE, HIDDEN)),), (*styles, FENCE))


def closes(line: str, fence: str) -> bool:
    """Whether a line closes the code that ``fence`` opened."""
    found = _CLOSES.fullmatch(line)
    return found is not None and found[1].startswith(fence)


class _Drawing:
    def __init__(self, raw: Sequence[str], columns: int) -> None:
        self._raw = raw
        self._columns = columns
        self._lines: list[Line | None] = [None] * len(raw)
        self._items: dict[int, str] = {}
        self._around: list[tuple[int, bool]] = [(0, False)] * len(raw)
        self._starts: list[int] = []
        self._depth, self._quotes = 0, 0
        self._last: Token | None = None

    def walk(self, tokens: "Sequence[Token]") -> None:
        """Draw every block."""
        number = 0
        while number < len(tokens):
            token = tokens[number]
            if token.nesting >= 0 and token.map is not None:
                self._begins(token, token.map)
            self._enter_or_leave(token)
            if token.type == "table_open":
                end = next(at for at in range(number, len(tokens)) if tokens[at].type == "table_close")
                self._table(token, tokens[number:end])
                number = end
            elif token.type == "inline":
                self._paragraph(token, tokens[number - 1])
            elif token.type == "fence":
                self._code(token)
            number += 1

    def _enter_or_leave(self, token: "Token") -> None:
        """Lists and quotes, how deep they lie."""
        match token.type:
            case "list_item_open" if token.map is not None:
                self._depth += 1
                self._items[token.map[0]] = f"{token.info}{token.markup}" if token.info else BULLET
                self._mark(token.map)
            case "list_item_close":
                self._depth -= 1
            case "blockquote_open" if token.map is not None:
                self._quotes += 1
                self._mark(token.map)
            case "blockquote_close":
                self._quotes -= 1

    def result(self) -> Lines:
        """All of it."""
        found = Lines([line or self._rest(at) for at, line in enumerate(self._lines)], self._starts)
        last = self._last
        if last is not None and last.map is not None:
            found.is_table = last.type == "table_open"
            first, end = last.map
            if last.type == "fence" and not (end - first > 1 and closes(self._raw[end - 1], last.markup)):
                found.fence, found.fence_at = last.markup, first
        return found

    def _begins(self, token: "Token", span: Sequence[int]) -> None:
        first = span[0]
        outermost = token.level == 0 or (token.level == 1 and token.type == "list_item_open")
        if outermost and self._starts[-1:] != [first]:
            self._starts.append(first)
        if token.level == 0:
            self._last = token
        if token.type == "hr":
            self._lines[first] = Line(((self._raw[first], (RULE, SOURCE)), (RULE_SIGN, (RULE, SHOWN))), (RULE,))

    def _mark(self, span: Sequence[int]) -> None:
        for at in range(span[0], min(span[1], len(self._raw))):
            self._around[at] = (self._depth, self._quotes > 0)

    def _styles(self, at: int) -> tuple[str, ...]:
        """The styles of a line because of what it is in."""
        depth, quoted = self._around[at]
        kind = (ITEMS if at in self._items else INSIDE)[min(depth, DEEPEST)] if depth else ""
        return (*([kind] if kind else []), *([QUOTE] if quoted else []))

    def _prefix(self, at: int, prefix: str) -> list[Piece]:
        """What stands before a line's own text: blanks, the signs of quotes and lists."""
        styles = self._styles(at)
        if at not in self._items:
            return [(prefix, (*styles, HIDDEN))] if prefix else []
        return [(prefix, (*styles, SOURCE)), (f"{self._items[at]}\t", (*styles, SHOWN))]

    def _place(self, at: int, text: str) -> int:
        """Where in a line ``text`` begins, which is the last thing there."""
        line, text = self._raw[at].rstrip(), text.strip()
        if not line.endswith(text):
            raise inline.LostPlaceError
        return len(line) - len(text)

    def _paragraph(self, token: "Token", opened: "Token") -> None:
        first = token.map[0] if token.map is not None else 0
        pieces = inline.pieces_of(token.children or [], token.content)
        heading = opened.type == "heading_open"
        for number, (text, part) in enumerate(zip(token.content.split("\n"), _by_line(pieces), strict=True)):
            at = first + number
            styles = self._styles(at)
            if heading:
                begin = self._raw[at].index(text, self._raw[at].index("#") + len(opened.markup)) if text else 0
                styles = (*styles, HEADINGS[min(len(opened.markup), len(HEADINGS)) - 1])
            else:
                begin = self._place(at, text)
            if heading and not text:
                continue
            prefix, end = self._raw[at][:begin], self._raw[at][begin + len(text.strip()) :]
            part = _cut(part, len(text) - len(text.lstrip()), len(text.rstrip()))
            inside = styled(_with_box(part) if at in self._items else part, *styles)
            rest = [(end, (*styles, HIDDEN))] if end else []
            self._lines[at] = Line((*self._prefix(at, prefix), *inside, *rest), styles)

    def _code(self, token: "Token") -> None:
        if token.map is None:
            raise inline.LostPlaceError
        first, end = token.map
        begin = self._raw[first].index(token.markup)
        styles = self._styles(first)
        before = self._prefix(first, self._raw[first][:begin])
        opening = opening_line("", self._raw[first][begin:], (token.info.split() or [""])[0], styles)
        self._lines[first] = Line((*before, *opening.pieces), opening.end)
        closed = end - first > 1 and closes(self._raw[end - 1], token.markup)
        texts = token.content.split("\n")
        for number, at in enumerate(range(first + 1, end - 1 if closed else end)):
            line, inside = self._raw[at], self._styles(at)
            begin = len(line) - len(texts[number]) if line.endswith(texts[number]) else 0
            code = code_line(line[begin:], inside)
            self._lines[at] = Line(
                (*([(line[:begin], (*inside, BLOCK, HIDDEN))] if begin else ()), *code.pieces), code.end
            )
        if closed:
            self._lines[end - 1] = closing_line(self._raw[end - 1], self._styles(end - 1))

    def _table(self, opened: "Token", tokens: "Sequence[Token]") -> None:
        if opened.map is None:
            raise inline.LostPlaceError
        rows: dict[int, list[str]] = {}
        sides: list[str] = []
        for token in tokens:
            if token.type == "inline" and token.map is not None:
                pieces = inline.pieces_of(token.children or [], token.content)
                rows.setdefault(token.map[0], []).append(visible(pieces))
            elif token.type == "th_open":
                sides.append(str(token.attrs.get("style", "")).rpartition(":")[2])
            elif token.type == "tr_open" and token.map is not None:
                rows.setdefault(token.map[0], [])
        first = opened.map[0]
        rows = {at: row for at, row in rows.items() if at < len(self._raw)}
        widths = tables.widths_of(list(rows.values()), self._columns)
        for at, row in rows.items():
            shown = tables.row_lines(row, widths, sides, head=at == first)
            self._lines[at] = Line(((self._raw[at], (TABLE, SOURCE)), *shown), (TABLE,))
        source = (self._raw[first + 1], (TABLE_RULE, SOURCE))
        self._lines[first + 1] = Line((source, *tables.rule(widths)), (TABLE_RULE,))

    def _rest(self, at: int) -> Line:
        """A line without a text of its own: blank, or only the sign of a quote or an item."""
        line, styles = self._raw[at], self._styles(at)
        if at in self._items or (QUOTE in styles and line.strip(" \t>") == ""):
            return Line(tuple(self._prefix(at, line)), styles)
        return Line(((line, styles),) if line else (), styles)


def _by_line(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces of each line, without the line ends."""
    found: list[list[Piece]] = [[]]
    for text, styles in pieces:
        for number, part in enumerate(text.split("\n")):
            if number:
                found.append([])
            if part:
                found[-1].append((part, styles))
    return found


def _cut(pieces: Sequence[Piece], start: int, end: int) -> list[Piece]:
    """Of what was written the characters from ``start`` to ``end``; blanks around them are the line's."""
    found: list[Piece] = []
    at = 0
    for text, styles in pieces:
        if SHOWN in styles:
            found.append((text, styles))
            continue
        part = text[max(0, start - at) : max(0, end - at)]
        if part:
            found.append((part, styles))
        at += len(text)
    return found


def _with_box(pieces: Sequence[Piece]) -> list[Piece]:
    """The box of a task as a sign."""
    if pieces and (box := _BOX.match(pieces[0][0])) is not None and not pieces[0][1]:
        sign = "☐ " if box[1] == " " else "☑ "
        return [(box[0], (SOURCE,)), (sign, (SHOWN,)), (pieces[0][0][box.end() :], ()), *pieces[1:]]
    return list(pieces)
