"""Tables in a narrow window: as many columns as fit, the most important ones, and texts that end in an ellipsis."""

from collections.abc import Mapping, Sequence
from tkinter import ttk

from tlfif.gui.look.theme import SMALL, Look
from tlfif.wording.scripts import cut_at


def show_columns_that_fit(
    tree: ttk.Treeview, space: int, *, widths: Mapping[str, int], by_weight: Sequence[str], least: int
) -> None:
    """Show the columns of ``by_weight``, the most important first, that fit into ``space`` pixels, and ``least`` in any
    case; in the order of the table."""
    kept: set[str] = set()
    for name in by_weight:
        space -= widths.get(name, 0)
        if space < 0 and len(kept) >= least:
            break
        kept.add(name)
    columns = tuple(name for name in tree.cget("columns") if name in kept)
    if columns != tuple(tree.cget("displaycolumns")):
        tree.configure(displaycolumns=columns)


def fitting(line: str, space: int, look: Look, name: str = SMALL) -> str:
    """The line, shortened with an ellipsis to ``space`` pixels; ``name`` is its font's."""
    if look.width(line, name) <= space:
        return line
    kept = cut_at(line, len(line) * space // max(1, look.width(line, name)))
    while kept > 0 and look.width(line[:kept].rstrip() + "…", name) > space:
        kept = cut_at(line, kept - 1)
    return line[:kept].rstrip() + "…"
