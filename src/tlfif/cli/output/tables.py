"""Tables and paragraphs that fit into a terminal."""

from collections.abc import Collection, Sequence
from datetime import datetime

from tlfif.cli.output.widths import cut, padded, wrapped
from tlfif.cli.output.widths import width as width_of
from tlfif.kernel.plain_text import one_line

GAP = "  "


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 80) -> str:
    """Columns as wide as their contents; the last one is cut so that no line is longer than ``width``.

    Line ends inside a cell become spaces.
    """
    cells = [[" ".join(one_line(cell).split()) for cell in row] for row in rows]
    every = [list(head), *cells]
    widths = [max(width_of(row[column]) for row in every) for column in range(len(head))]
    before = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    widths[-1] = max(8, min(widths[-1], width - before))
    lines = []
    for row in every:
        shown = [*row[:-1], cut(row[-1], widths[-1])]
        lines.append(GAP.join(padded(cell, wide) for cell, wide in zip(shown, widths, strict=True)).rstrip())
    return "\n".join(lines)


def paragraph(text: str, *, first: str = "", indent: str = "", width: int = 80) -> str:
    """Text broken at spaces into lines no longer than ``width``; ``first`` begins it, ``indent`` the other lines."""
    return "\n".join(wrapped(text, width, first=first, indent=indent))


def columns(rows: Sequence[Sequence[str]], *, right: Collection[int] = (), indent: str = "") -> list[str]:
    """Lines with every column as wide as its contents, uncut; those in ``right`` are aligned to the right."""
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [
        indent
        + GAP.join(
            padded(cell, wide, right=column in right)
            for column, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def moment(at: float, *, now: float) -> str:
    """A time of day if it is today, a date otherwise. Both in epoch seconds."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    return then.strftime("%H:%M:%S" if then.date() == today.date() else "%Y-%m-%d")
