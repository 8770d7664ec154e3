"""The inside of a paragraph: markdown-it says what it is, and each piece is found again where it was written."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tlfif.gui.markup.mathematics import as_text
from tlfif.gui.markup.pieces import (
    ADDRESS,
    BOLD,
    CODE,
    HIDDEN,
    ITALIC,
    LINK,
    MATHEMATICS,
    SHOWN,
    SOURCE,
    STRUCK,
    Piece,
    extend,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_STYLES = {"strong": BOLD, "em": ITALIC, "s": STRUCK}
_OPENED = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)
"""Addresses that a browser may be asked to open."""
_BARE = re.compile(r"https?://[^\s<>\"`]+[^\s<>\"`.,;:!?*_~)\]}'\u2019\u201d]", re.IGNORECASE)
_FORMULA = re.compile(
    r"\$\$(?:[^$\\]|\\.)+\$\$"
    r"|\$(?![\s$])(?:[^$\\\n]|\\.)*?(?<!\s)\$(?!\d)"  # no price: a blank before the second sign, a digit after it
    r"|\\\((?:[^\\]|\\[^)])+\\\)"
    r"|\\\[(?:[^\\]|\\[^\]])+\\\]",
    re.DOTALL,
)
_EDGES = re.compile(r"\A(?:\$\$?|\\[(\[])|(?:\$\$?|\\[)\]])\Z")
_NEXT_LINE = re.compile(r"[ \t\\]*\n[ \t]*")


class LostPlaceError(Exception):
    """A token does not stand where it should: the text is shown as it is."""


@lru_cache(maxsize=1)
def parser() -> "MarkdownIt":
    """CommonMark with tables and strikethrough. Without HTML, pictures and references; line ends stay line ends. Loaded
    when it is needed first, because the window opens without it."""
    from markdown_it import MarkdownIt

    found = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    found.disable(["reference", "code", "lheading", "html_block", "html_inline", "image", "text_join"])
    found.validateLink = lambda url: _OPENED.match(url) is not None  # type: ignore[method-assign]  # its own way to set it
    found.inline.ruler.before("escape", "formula", _formula)
    return found


def _formula(state: "StateInline", silent: bool) -> bool:
    found = _FORMULA.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.push("formula", "", 0).content = found[0]
    state.pos = found.end()
    return True


def pieces_of(children: "Sequence[Token]", source: str) -> list[Piece]:
    """The pieces of ``source``, which was read as ``children``. Raises LostPlaceError."""
    found: list[Piece] = []
    styles: list[str] = []
    at = 0
    for token in children:
        pieces, at = _one(token, source, at, styles)
        extend(found, pieces)
    if source[at:].strip():
        raise LostPlaceError
    extend(found, [(source[at:], ())])
    return found


def _one(token: "Token", source: str, at: int, styles: list[str]) -> tuple[list[Piece], int]:
    """A token's pieces and where it ends; ``styles`` are those that are open."""
    kind = token.type
    if kind == "text":
        end = _passed(source, at, token.content)
        inside = [(token.content, tuple(styles))] if LINK in styles else _with_links(token.content, tuple(styles))
        return inside, end
    if kind.endswith(("_open", "_close")):
        return _bounds(token, source, at, styles)
    if kind in {"softbreak", "hardbreak"}:
        found = _NEXT_LINE.match(source, at)
        if found is None:
            raise LostPlaceError
        before, _, after = found[0].partition("\n")
        return [(before, (*styles, HIDDEN)), ("\n", tuple(styles)), (after, (*styles, HIDDEN))], found.end()
    return _MAKERS[kind](token, source, at, tuple(styles))


def _bounds(token: "Token", source: str, at: int, styles: list[str]) -> tuple[list[Piece], int]:
    """The signs before and after bold text, a link and the like."""
    name, _, which = token.type.rpartition("_")
    if name == "link":
        end = _end_of_link(token, source, at, opens=which == "open")
        new = [LINK, ADDRESS + str(token.attrs.get("href", ""))]
    else:
        end = _passed(source, at, token.markup)
        new = [_STYLES[name]]
    if which == "close":
        for one in [LINK, *(style for style in styles if style.startswith(ADDRESS))] if name == "link" else new:
            styles.remove(one)
    signs = (source[at:end], (*styles, HIDDEN))
    if which == "open":
        styles += new
    return [signs], end


def _end_of_link(token: "Token", source: str, at: int, *, opens: bool) -> int:
    if token.markup == "autolink":
        return _passed(source, at, "<" if opens else ">")
    if opens:
        return _passed(source, at, "[")
    helpers, size = parser().helpers, len(source)
    end = _blanks(source, _passed(source, at, "]("))
    destination = helpers.parseLinkDestination(source, end, size)
    end = _blanks(source, destination.pos if destination.ok else end)
    title = helpers.parseLinkTitle(source, end, size)
    end = _blanks(source, title.pos if title.ok else end)
    return _passed(source, end, ")")


def _blanks(source: str, at: int) -> int:
    while at < len(source) and source[at] in " \t\n":
        at += 1
    return at


def _passed(source: str, at: int, expected: str) -> int:
    """Where ``expected`` ends, which must stand at ``at``."""
    if not source.startswith(expected, at):
        raise LostPlaceError
    return at + len(expected)


def _with_links(text: str, styles: tuple[str, ...]) -> list[Piece]:
    """A text whose bare addresses are links."""
    found: list[Piece] = []
    at = 0
    for match in _BARE.finditer(text):
        found += [(text[at : match.start()], styles), (match[0], (*styles, LINK, ADDRESS + match[0]))]
        at = match.end()
    return [*found, (text[at:], styles)]


def _code(token: "Token", source: str, at: int, styles: tuple[str, ...]) -> tuple[list[Piece], int]:
    ticks = token.markup
    begin = _passed(source, at, ticks)
    closing = re.compile(rf"(?<!`)`{{{len(ticks)}}}(?!`)").search(source, begin)
    if closing is None:
        raise LostPlaceError
    hidden = (*styles, CODE, HIDDEN)
    inside = [(source[begin : closing.start()], (*styles, CODE))]
    return [(ticks, hidden), *inside, (ticks, hidden)], closing.end()


def _special(token: "Token", source: str, at: int, styles: tuple[str, ...]) -> tuple[list[Piece], int]:
    """A sign written with a backslash or by its name."""
    end = _passed(source, at, token.markup)
    if token.markup == token.content:
        return [(token.content, styles)], end
    if token.markup == "\\" + token.content:
        return [("\\", (*styles, HIDDEN)), (token.content, styles)], end
    return [(token.markup, (*styles, SOURCE)), (token.content, (*styles, SHOWN))], end


def _mathematics(token: "Token", source: str, at: int, styles: tuple[str, ...]) -> tuple[list[Piece], int]:
    found: list[Piece] = []
    for number, line in enumerate(token.content.split("\n")):
        shown = as_text(_EDGES.sub("", line.strip())) or " "
        found += [("\n", styles)] if number else []
        if line:
            found += [(line, (*styles, SOURCE)), (shown.replace("\n", "  "), (*styles, MATHEMATICS, SHOWN))]
    return found, _passed(source, at, token.content)


_MAKERS: "dict[str, Callable[[Token, str, int, tuple[str, ...]], tuple[list[Piece], int]]]" = {
    "code_inline": _code,
    "text_special": _special,
    "formula": _mathematics,
}
