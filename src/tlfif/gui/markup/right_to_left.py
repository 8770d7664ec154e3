"""Arabic and Hebrew for a display that draws each sign to the right of the one before, as Tk does on X11.

Each line of the display is put into the order in which it is seen, with letters that join; what was written stays in
the text, not drawn, so that it is copied as it was written. Systems that do this themselves get the text as it is.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from tlfif.gui.markup.blocks import Line
from tlfif.gui.markup.pieces import BLOCK, HIDDEN, RIGHT_TO_LEFT, SHOWN, SOURCE, TABLE, TABLE_HEAD, Piece

_LETTERS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe]")
_LINES = frozenset({BLOCK, TABLE, TABLE_HEAD})
"""Styles of lines that are laid out already: only the order in them changes."""

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_WAYS = {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}
Cell = tuple[str, str, tuple[str, ...]]
"""What was written, what is seen of it, and its styles."""
Measure = Callable[[str], int]
"""Pixels of a text."""


def has_any(text: str) -> bool:
    """Whether there is anything that reads from right to left."""
    return _LETTERS.search(text) is not None


def in_order(line: Line, *, measure: Measure, space: int) -> Line:
    """The line as it is seen, in lines of at most ``space`` pixels; the same one where it reads from left to right."""
    if not any(has_any(text) for text, _ in line.pieces):
        return line
    laid_out = any(_LINES & set(styles) for _, styles in line.pieces)
    cells = list(_cells(line))
    base = "L" if laid_out else _base("".join(seen for _, seen, _ in cells))
    extra: tuple[str, ...] = ()
    if base == "R":  # there are no columns from the right: a blank stands for what aligns an item
        extra = (RIGHT_TO_LEFT,)
        cells = [(written, seen.replace("\t", " "), styles) for written, seen, styles in cells]
    pieces: list[Piece] = []
    parts = [cells] if laid_out else list(_broken(cells, measure, space))
    for number, part in enumerate(parts):
        source = "".join(written for written, _, _ in part)
        if source:
            pieces.append((source, (*part[0][2], *extra, SOURCE)))
        for words in _columns(part) if laid_out else [part]:
            pieces += [(text, (*styles, *extra, SHOWN)) for text, styles in _seen(words, base)]
        if number < len(parts) - 1:
            pieces.append(("\n", (*part[-1][2], *extra, SHOWN)))
    return Line(tuple(pieces), (*line.end, *extra))


def as_seen(text: str) -> tuple[str, bool]:
    """One line as it is seen, and whether it reads from right to left."""
    base = _base(text)
    return "".join(sign for sign, _ in _ordered(_joined(text), base)), base == "R"


def _cells(line: Line) -> Iterator[Cell]:
    for text, styles in line.pieces:
        own = tuple(one for one in styles if one not in {SHOWN, SOURCE, HIDDEN})
        if SHOWN in styles:
            yield from (("", sign, own) for sign in text)
        elif SOURCE in styles or HIDDEN in styles:
            yield from ((sign, "", own) for sign in text)
        else:
            yield from ((sign, sign, own) for sign in text)


def _broken(cells: list[Cell], measure: Measure, space: int) -> Iterator[list[Cell]]:
    """The cells of each line of the display, broken after blanks."""
    start, blank = 0, 0
    width_from = 0
    for at, (_, seen, _) in enumerate(cells):
        if not seen.isspace():
            continue
        if measure("".join(one for _, one, _ in cells[width_from:at])) > space and blank > start:
            yield cells[start:blank]
            start = width_from = blank
        blank = at + 1
    if measure("".join(one for _, one, _ in cells[start:])) > space and blank > start:
        yield cells[start:blank]
        start = blank
    yield cells[start:]


def _columns(cells: list[Cell]) -> Iterator[list[Cell]]:
    """The cells of each column of a table, which are ordered for themselves: two blanks divide them."""
    start = 0
    for at in range(1, len(cells)):
        if cells[at][1] == cells[at - 1][1] == " ":
            yield cells[start : at + 1]
            start = at + 1
    yield cells[start:]


def _seen(cells: list[Cell], base: str) -> list[Piece]:
    """The pieces in the order of the display."""
    runs: list[tuple[str, tuple[str, ...]]] = []
    for _, seen, styles in cells:
        if runs and runs[-1][1] == styles:
            runs[-1] = (runs[-1][0] + seen, styles)
        elif seen:
            runs.append((seen, styles))
    signs = [(sign, styles) for text, styles in runs for sign in _joined(text)]
    found: list[tuple[str, tuple[str, ...]]] = []
    for sign, number in _ordered("".join(sign for sign, _ in signs), base):
        styles = signs[number][1]
        if found and found[-1][1] == styles:
            found[-1] = (found[-1][0] + sign, styles)
        else:
            found.append((sign, styles))
    return found


def _base(text: str) -> str:
    from bidi.algorithm import get_base_level

    return "R" if get_base_level(text) else "L"


def _ordered(text: str, base: str) -> Iterator[tuple[str, int]]:
    """The signs as they stand from left to right, each with its number in ``text``."""
    from bidi import algorithm

    storage: dict[str, Any] = algorithm.get_empty_storage()
    storage["base_dir"], storage["base_level"] = base, int(base == "R")
    algorithm.get_embedding_levels(text, storage)
    for number, sign in enumerate(storage["chars"]):
        sign["number"] = number
    algorithm.explicit_embed_and_overrides(storage, False)
    algorithm.resolve_weak_types(storage, False)
    _pair_brackets(storage["chars"], base)
    for step in (
        algorithm.resolve_neutral_types, algorithm.resolve_implicit_levels, algorithm.reorder_resolved_levels,
        algorithm.apply_mirroring,
    ):  # fmt: skip
        step(storage, False)
    return ((sign["ch"], sign["number"]) for sign in storage["chars"])


def _pair_brackets(signs: list[dict[str, Any]], base: str) -> None:
    """Brackets that belong together go the same way (rule N0 of Unicode's algorithm, which the library leaves out)."""
    opened: list[int] = []
    for at, sign in enumerate(signs):
        if sign["ch"] in _PAIRS:
            opened.append(at)
        elif sign["ch"] in _PAIRS.values():
            while opened and _PAIRS[signs[opened[-1]]["ch"]] != sign["ch"]:
                opened.pop()
            if opened:
                first = opened.pop()
                way = _way_of(signs, first, at, base)
                if way:
                    signs[first]["type"] = sign["type"] = way


def _way_of(signs: list[dict[str, Any]], first: int, last: int, base: str) -> str:
    inside = {_WAYS.get(sign["type"], "") for sign in signs[first + 1 : last]} - {""}
    if base in inside or not inside:
        return base if inside else ""
    return next((_WAYS[one["type"]] for one in reversed(signs[:first]) if one["type"] in _WAYS), base)


def _joined(text: str) -> str:
    """Arabic letters in the forms in which they join."""
    return str(_reshaper().reshape(text)) if has_any(text) else text


@lru_cache(maxsize=1)
def _reshaper() -> Any:
    from arabic_reshaper import ArabicReshaper

    return ArabicReshaper(configuration={"delete_harakat": False, "support_zwj": True})
