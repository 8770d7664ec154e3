"""Markdown in answers, as far as the window shows it: bold, code, fenced code, headings, lists. Knows no toolkit.

Nothing is taken out of an answer: its signs keep their place and get the style ``HIDDEN``, and only the sign of a list
is drawn as another one. So what is copied is what the model wrote. The rules are CommonMark's for these few, line by
line: https://spec.commonmark.org/0.31.2/
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BOLD, CODE, BLOCK, FENCE, LANGUAGE = "md-bold", "md-code", "md-block", "md-fence", "md-language"
HEADING, HIDDEN = "md-heading", "md-hidden"
ITEMS = ("md-item0", "md-item1", "md-item2", "md-item3")
"""A line of a list, by how deep it lies."""
BULLET = "•"
BULLETS = {f"md-bullet{sign}": sign for sign in "-*+"}
"""The style of a bullet, and the sign that the model wrote."""
MAX_LINE = 5000
"""Characters; a longer line is shown without styles, because a growing line is parsed again with each word."""

Piece = tuple[str, tuple[str, ...]]
"""Text and its styles."""

_MARKED = re.compile(r"[`*~]|^[ \t]*[-+#\d]")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})([^`]*)")
_HEADING = re.compile(r"#{1,6}[ \t]+(?=\S)")
_RULE = re.compile(r"[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*")
_BULLET = re.compile(r"([ \t]*)([-*+])([ \t]+)(?=\S)")
_NUMBER = re.compile(r"([ \t]*)(\d{1,9}[.)][ \t]+)(?=\S)")
_TICKS = re.compile(r"`+")
_STARS = re.compile(r"\*{2,3}(?!\*)")


@dataclass(frozen=True, slots=True)
class Reading:
    """How far an answer is read: the ``fence`` of the code that is open (empty outside), and the last, unended line."""

    fence: str = ""
    line: str = ""

    @property
    def ends_in_fence(self) -> bool:
        """Whether the last line is a code fence."""
        return any(FENCE in styles for _, styles in _pieces_of(self.line, self.fence)[0])


@dataclass(frozen=True, slots=True)
class Written:
    """``pieces`` to write at the end. ``again``: the last line has become another one, and they stand in its place."""

    pieces: list[Piece]
    again: bool
    reading: Reading


def read(before: Reading, new: str) -> Written:
    """What ``new`` adds to an answer that was read as far as ``before``. Costs what is new and its line."""
    pieces: list[Piece] = []
    fence = before.fence
    *whole, last = (before.line + new).split("\n")
    for line in whole:
        found, end, after = _pieces_of(line, fence)
        _extend(pieces, (*found, ("\n", end)))
        fence = after
    _extend(pieces, _pieces_of(last, fence)[0])
    old: list[Piece] = []
    _extend(old, _pieces_of(before.line, before.fence)[0])
    rest = _beyond(old, pieces)
    return Written(pieces if rest is None else rest, rest is None, Reading(fence, last))


def _beyond(old: list[Piece], pieces: list[Piece]) -> list[Piece] | None:
    """What ``pieces`` add to ``old``; None where they do not begin with it."""
    if not old:
        return pieces
    known = len(old) - 1
    if len(pieces) <= known or pieces[:known] != old[:known]:
        return None
    (text, styles), (was, was_styles) = pieces[known], old[known]
    if styles != was_styles or not text.startswith(was):
        return None
    grown = text[len(was) :]
    return [*([(grown, styles)] if grown else []), *pieces[known + 1 :]]


def _extend(pieces: list[Piece], more: Iterable[Piece]) -> None:
    """Add pieces, joining neighbours of one style."""
    for text, styles in more:
        if not text:
            continue
        if pieces and pieces[-1][1] == styles:
            pieces[-1] = (pieces[-1][0] + text, styles)
        else:
            pieces.append((text, styles))


def _pieces_of(line: str, fence: str) -> tuple[list[Piece], tuple[str, ...], str]:
    """A line's pieces, the styles of its end, and the fence that is open after it."""
    if fence:
        sign = line.strip(" \t")
        if len(sign) >= len(fence) and sign == fence[0] * len(sign):
            return [(line, (BLOCK, FENCE, HIDDEN))], (BLOCK, FENCE), ""
        return [(line, (BLOCK,))], (BLOCK,), fence
    if _MARKED.search(line) is None:
        return [(line, ())], (), ""
    if (opened := _FENCE.fullmatch(line)) is not None:
        at = opened.end(1)
        return [(line[:at], (BLOCK, FENCE, HIDDEN)), (line[at:], (BLOCK, FENCE, LANGUAGE))], (BLOCK, FENCE), opened[1]
    if len(line) > MAX_LINE or _RULE.fullmatch(line) is not None:
        return [(line, ())], (), ""
    found, styles = _begun(line)
    _extend(found, _inline(line[sum(len(text) for text, _ in found) :], styles))
    return found, styles, ""


def _begun(line: str) -> tuple[list[Piece], tuple[str, ...]]:
    """The pieces at the beginning of a line, and the styles of the whole line."""
    if (heading := _HEADING.match(line)) is not None:
        return [(heading[0], (HEADING, HIDDEN))], (HEADING,)
    if (item := _BULLET.match(line)) is not None:
        style = _item(item[1])
        bullet = (BULLET, (style, f"md-bullet{item[2]}"))
        return [*_indent(item[1], style), bullet, (item[3], (style,))], (style,)
    if (item := _NUMBER.match(line)) is not None:
        style = _item(item[1])
        return [*_indent(item[1], style), (item[2], (style,))], (style,)
    return [], ()


def _item(indent: str) -> str:
    return ITEMS[min(len(ITEMS) - 1, len(indent.expandtabs(4)) // 2)]


def _indent(indent: str, style: str) -> list[Piece]:
    return [(indent, (style, HIDDEN))] if indent else []


def _inline(text: str, styles: tuple[str, ...]) -> list[Piece]:
    """Code spans come first: other signs inside them have no meaning."""
    pieces: list[Piece] = []
    done = 0
    for start, size, end in _code_spans(text):
        pieces += _bold(text[done:start], styles)
        tick = text[start : start + size]
        hidden = (*styles, CODE, HIDDEN)
        pieces += [(tick, hidden), (text[start + size : end], (*styles, CODE)), (tick, hidden)]
        done = end + size
    return pieces + _bold(text[done:], styles)


def _code_spans(text: str) -> list[tuple[int, int, int]]:
    """Where the first tick is, how many there are, where the last ones begin: each run with the next of its length."""
    runs = [(run.start(), len(run[0])) for run in _TICKS.finditer(text)]
    following: dict[int, int] = {}
    closed: list[int | None] = [None] * len(runs)
    for number in range(len(runs) - 1, -1, -1):
        closed[number] = following.get(runs[number][1])
        following[runs[number][1]] = number
    found: list[tuple[int, int, int]] = []
    number = 0
    while number < len(runs):
        end = closed[number]
        if end is not None:
            found.append((*runs[number], runs[end][0]))
            number = end
        number += 1
    return found


def _bold(text: str, styles: tuple[str, ...]) -> list[Piece]:
    pieces: list[Piece] = []
    done = 0
    opened: re.Match[str] | None = None
    for stars in _STARS.finditer(text):
        before, after = text[: stars.start()][-1:], text[stars.end() :][:1]
        if opened is not None and len(opened[0]) == len(stars[0]) and before.strip() and before != "\\":
            hidden = (*styles, BOLD, HIDDEN)
            inside = text[opened.end() : stars.start()]
            pieces += [(text[done : opened.start()], styles), (opened[0], hidden)]
            pieces += [(inside, (*styles, BOLD)), (stars[0], hidden)]
            done, opened = stars.end(), None
        elif after.strip() and before != "\\":
            opened = stars
    return [*pieces, (text[done:], styles)]
