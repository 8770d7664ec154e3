"""Tables in a narrow window: as many columns as fit, the most important ones."""

from collections.abc import Mapping, Sequence
from tkinter import ttk


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
