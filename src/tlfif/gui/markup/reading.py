"""Reads an answer as it comes. Only its last, open block is read anew with each word, so that a long answer costs no
more for each than a short one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tlfif.gui.markup import blocks
from tlfif.gui.markup.blocks import Line
from tlfif.gui.markup.pieces import SHOWN, SOURCE, Piece

MAX_OPEN = 2000
"""Characters of an open block that are read anew with each word. A longer block is cut at a line's end."""
MAX_LINE = 5000
"""Characters; a longer line is shown without styles."""
SLICE = 8000
"""Characters that are read at once."""

Finish = Callable[[Line], Line]
"""What the display needs to do to a line, such as breaking it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far an answer is read. ``open``: the source of its last block, and ``drawn`` what stands there for it.
    ``fence``: the sign that closes the code in which that is. ``table``: the first two lines of the table in which it
    is, if that is so long that it was cut."""

    open: str = ""
    fence: str = ""
    table: str = ""
    drawn: tuple[Line, ...] = ()

    @property
    def end(self) -> tuple[str, ...]:
        """The styles of the end of the last line."""
        return self.drawn[-1].end if self.drawn else ()


@dataclass(frozen=True, slots=True)
class Written:
    """``pieces`` to write at the end, after ``gone`` is deleted there."""

    pieces: list[Piece]
    gone: str
    reading: Reading


@dataclass(slots=True)
class _Run:
    """Of one call: what is finished, and what is left."""

    text: str
    fence: str
    table: str
    columns: int
    done: list[Line] = field(default_factory=list)


def read(before: Reading, new: str, *, columns: int = 80, finish: Finish = lambda line: line) -> Written:
    """What ``new`` adds to an answer that was read as far as ``before``."""
    run = _Run(before.open + new, before.fence, before.table, columns)
    tail: list[Line] | None = None
    while tail is None:
        tail = _in_code(run) if run.fence else _outside(run)
    done, open_ = [finish(line) for line in run.done], tuple(finish(line) for line in tail)
    pieces, gone = _beyond(_flat(before.drawn), _flat([*done, *open_]))
    return Written(pieces, gone, Reading(run.text, run.fence, run.table, open_))


def _in_code(run: _Run) -> list[Line] | None:
    """Take whole lines of code; None where it ends. The last, unended line is what stays open."""
    *whole, last = run.text.split("\n")
    for number, line in enumerate(whole):
        if blocks.closes(line, run.fence):
            run.done.append(blocks.closing_line(line))
            run.text, run.fence = "\n".join([*whole[number + 1 :], last]), ""
            return None
        run.done.append(blocks.code_line(line))
    run.text = last
    return [blocks.closing_line(last) if blocks.closes(last, run.fence) else blocks.code_line(last)]


def _outside(run: _Run) -> list[Line] | None:
    """Take finished blocks; None while there is more to read."""
    end = len(run.text) if len(run.text) <= SLICE else _end_of_slice(run.text)
    source, more = run.text[:end], run.text[end:]
    if max(map(len, source.split("\n"))) > MAX_LINE:
        return _plainly(run, source, more)
    drawn = blocks.lines_of(run.table + source, run.columns)
    head = run.table.count("\n")
    lines, starts = drawn.lines[head:], [at - head for at in drawn.starts if at > head]
    raw = source.split("\n")
    if drawn.fence and drawn.fence_at - head < len(raw) - 1:
        at = drawn.fence_at - head  # its code is read without the parser
        run.done += lines[: at + 1]
        run.text, run.fence, run.table = "\n".join(raw[at + 1 :]) + more, drawn.fence, ""
        return None
    # A block is finished where the next one has begun with a whole line; with two, if that is a table.
    begun = len(raw) - (2 if drawn.is_table else 1)
    cut = max((at for at in starts if at < begun), default=0)
    if len(raw) > 1 and (more or len(source) > MAX_OPEN) and not cut:
        cut = len(raw) - 1
        run.table = _head_of(raw, run.table, starts) if drawn.is_table else ""
    elif cut:
        run.table = ""
    run.done += lines[:cut]
    run.text = "\n".join(raw[cut:]) + more
    if not more and (not cut or not run.table):
        return lines[cut:]
    return None


def _head_of(raw: Sequence[str], known: str, starts: Sequence[int]) -> str:
    return known or "\n".join(raw[(starts or [0])[-1] :][:2]) + "\n"


def _plainly(run: _Run, source: str, more: str) -> list[Line] | None:
    """A line that is too long to be read again and again: as it is, until it ends."""
    *whole, last = source.split("\n")
    run.done += [blocks.plain(line) for line in whole]
    run.text, run.table = last + more, ""
    return None if more else [blocks.plain(last)]


def _end_of_slice(text: str) -> int:
    """A line's end within a slice, or the first one after it."""
    at = text.rfind("\n", 0, SLICE)
    at = at if at >= 0 else text.find("\n", SLICE)
    return len(text) if at < 0 else at + 1


def _flat(lines: Sequence[Line]) -> list[Piece]:
    found: list[Piece] = []
    for number, line in enumerate(lines):
        found += line.pieces
        if number < len(lines) - 1:
            found.append(("\n", line.end))
    return found


def _beyond(old: Sequence[Piece], new: Sequence[Piece]) -> tuple[list[Piece], str]:
    """What of ``new`` is to be written once what is left of ``old`` is deleted from its end."""
    same = 0
    while same < len(old) and same < len(new) and old[same] == new[same]:
        same += 1
    rest = list(new[same:])
    gone = "".join(text for text, _ in old[same:])
    if same < len(old) and rest:
        (was, was_styles), (text, styles) = old[same], rest[0]
        if was_styles == styles and text.startswith(was) and SOURCE not in styles and SHOWN not in styles:
            rest[0] = (text[len(was) :], styles)
            gone = gone[len(was) :]
    return [piece for piece in rest if piece[0]], gone
