"""A table as lines of a grid, in letters of one width."""

from collections.abc import Sequence

from tlfif.gui.markup.pieces import SHOWN, TABLE, TABLE_HEAD, TABLE_RULE, Piece

GAP = "   "
NARROWEST = 6
"""Letters that a column keeps where the table is wider than the conversation."""

Row = Sequence[str]


def widths_of(rows: Sequence[Row], columns: int) -> list[int]:
    """Letters for each column, ``columns`` for all of them together: wide ones give way first."""
    count = max(map(len, rows))
    widths = [max(1, *(_width(row[at]) for row in rows if at < len(row))) for at in range(count)]
    space = max(columns - len(GAP) * (count - 1), NARROWEST * count)
    while sum(widths) > space:
        widest = max(widths)
        second = max([one for one in widths if one < widest], default=NARROWEST)
        many = widths.count(widest)
        cut = max(1, min(widest - max(second, NARROWEST), -(-(sum(widths) - space) // many)))
        widths = [one - cut if one == widest else one for one in widths]
    return widths


def row_lines(row: Row, widths: Sequence[int], sides: Sequence[str], *, head: bool) -> list[Piece]:
    """One row; cells that are too long go on in further lines, which nobody wrote."""
    cells = [_wrapped(row[at] if at < len(row) else "", width) for at, width in enumerate(widths)]
    style = TABLE_HEAD if head else TABLE
    lines = []
    for number in range(max(map(len, cells))):
        parts = (
            _aligned(cell[number] if number < len(cell) else "", width, side)
            for cell, width, side in zip(cells, widths, sides, strict=True)
        )
        lines.append(GAP.join(parts).rstrip() or " ")
    return [("\n".join(lines), (style, SHOWN))]


def rule(widths: Sequence[int]) -> list[Piece]:
    """The line below the head."""
    return [("─" * (sum(widths) + len(GAP) * (len(widths) - 1)), (TABLE_RULE, SHOWN))]


def _width(text: str) -> int:
    """How many letters' space a text takes; most have one, and those of East Asia two."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    found = wcswidth(text)
    return found if found >= 0 else len(text)


def _aligned(text: str, width: int, side: str) -> str:
    space = max(0, width - _width(text))
    before = space if side == "right" else space // 2 if side == "center" else 0
    return " " * before + text + " " * (space - before)


def _wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most so many letters, broken between words where that is possible."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if _width(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _cut(word, width)
        lines += full
    return [*lines, line]


def _cut(word: str, width: int) -> list[str]:
    parts, used = [""], 0
    for sign in word:
        size = _width(sign)
        if used + size > width and parts[-1]:
            parts.append("")
            used = 0
        parts[-1] += sign
        used += size
    return parts
