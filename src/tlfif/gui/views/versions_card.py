"""Which image is in use, and the table of all versions with what can be decided about the chosen one."""

import tkinter
from typing import Literal

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.images_panel import ImageDecision, ImageRow, ImagesPanel
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.table_columns import fitting, show_columns_that_fit
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, FocusRing, Hint, WrappingLabel

ROWS = 6
NOTHING = "Follow a repository, or build one version from it now: it is built, booted and tested before you are asked."
_COLUMNS: tuple[tuple[str, str, Literal["w", "e"], str], ...] = (
    ("version", "Version", "w", "v000"),
    ("state", "State", "w", "waits for your approval"),
    ("change", "Change", "w", "a1b2c3d A change of usual length"),
    ("tests", "Speed", "e", "0000 tok/s"),
    ("size", "Size", "e", "000.0 MB"),
    ("cost", "Build cost", "e", "$0.00000"),
)
_WEIGHT = ("version", "state", "change", "tests", "cost", "size")
"""Columns by importance: the first ones are left out last."""
LABELS = {
    ImageDecision.APPROVE: ("Approve", "It may be promoted then; machines do not start from it yet."),
    ImageDecision.PROMOTE: ("Promote", "Machines start from it from now on."),
    ImageDecision.REJECT: ("Reject", "It is deleted; its record and its log stay."),
    ImageDecision.RETIRE: ("Retire", "It is deleted, and storing it costs nothing any more. Not the one in use."),
}
_DELETES = frozenset({ImageDecision.REJECT, ImageDecision.RETIRE})


class InUseCard(Card):
    """What machines start from, and the way back."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "In use")
        self.text = WrappingLabel(self.body, style="Panel.TLabel", text="Not read yet.")
        self.keeping = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        self.roll_back = ttk.Button(
            self.body,
            text="Roll back",
            bootstyle="default",
            command=lambda: context.press(intents.DecideOnImage(ImageDecision.ROLL_BACK)),
        )
        Hint(self.roll_back, context, "Machines start again from the image that was promoted before.")
        self.text.grid(row=0, column=0, sticky="ew")
        self.keeping.grid(row=1, column=0, sticky="ew")
        self.roll_back.grid(row=2, column=0, sticky="w")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        px = self._context.look.px
        self.keeping.configure(font=SMALL)
        regrid(self.keeping, pady=(px(6), 0))
        regrid(self.roll_back, pady=(px(10), 0))

    def show(self, panel: ImagesPanel) -> None:
        """Draw it."""
        self.text.show(panel.in_use or "Not read yet.")
        self.keeping.show(panel.keeping)
        able = panel.can_roll_back and not panel.busy
        self.roll_back.state(["!disabled" if able else "disabled"])
        self.roll_back.configure(text="Rolling back…" if panel.busy == "roll_back" else "Roll back")


class VersionsCard(Card):
    """Newest first. The chosen row is the one that the buttons act on."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "Versions")
        self._shown: tuple[ImageRow, ...] | None = None
        self._ring = FocusRing(self.body, context)
        names = [name for name, *_ in _COLUMNS]
        self.tree = ttk.Treeview(
            self._ring, columns=names, show="headings", selectmode="browse", height=1, style="Receipts.Treeview"
        )
        self._ring.hold(self.tree)
        self._bar = ttk.Scrollbar(self.body, orient="vertical", command=self.tree.yview, bootstyle="secondary round")
        self.tree.configure(yscrollcommand=self._scrolled)
        for name, title, anchor, _ in _COLUMNS:
            self.tree.heading(name, text=title, anchor=anchor)
        self.tree.bind("<<TreeviewSelect>>", lambda _: self._chosen())
        self.tree.bind("<Configure>", lambda _: self.after_idle(self._write), add="+")
        self._row = ttk.Frame(self, style="Panel.TFrame")
        self.buttons: dict[ImageDecision, ttk.Button] = {}
        for place, (decision, (label, hint)) in enumerate(LABELS.items()):
            button = ttk.Button(
                self._row,
                text=label,
                bootstyle="danger" if decision in _DELETES else "primary",
                command=lambda decision=decision: context.press(intents.DecideOnImage(decision)),
            )
            button.grid(row=0, column=place)
            Hint(button, context, hint)
            self.buttons[decision] = button
        self.nothing = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        self.nothing.grid(row=1, column=0, sticky="ew")
        self._ring.grid(row=0, column=0, sticky="nsew")
        self._bar.grid(row=0, column=1, sticky="ns")
        self._row.grid(row=0, column=1, sticky="e")
        regrid(self.body, columnspan=2)
        self._widths: dict[str, int] = {}
        self.bind("<Configure>", lambda _: self._fit(), add="+")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        look = self._context.look
        self._ring.restyle()
        for name, title, anchor, widest in _COLUMNS:
            width = max(look.width(widest, SMALL), look.width(title, "TlfifStrong")) + look.px(14)
            self._widths[name] = width
            self.tree.column(name, width=width, minwidth=look.px(40), anchor=anchor, stretch=name == "change")
        for place, button in enumerate(self.buttons.values()):
            regrid(button, padx=(look.px(8) if place else 0, 0))
        self._fit()

    def show(self, panel: ImagesPanel) -> None:
        """Show exactly these rows, and what can be decided."""
        if panel.rows != self._shown:
            self._fill(panel.rows)
        version = panel.shown.image["version"] if panel.shown is not None else ""
        if version and self.tree.selection() != (version,):
            self.tree.selection_set(version)
            self.tree.focus(version)
        able = panel.shown.decisions if panel.shown is not None and not panel.busy else frozenset()
        for decision, button in self.buttons.items():
            button.state(["!disabled" if decision in able else "disabled"])

    def _fill(self, rows: tuple[ImageRow, ...]) -> None:
        self._shown = rows
        self.title.show("Versions" if rows else "No version yet")
        self._bar.grid_remove()
        for part in (self._row, self._ring):
            (part.grid if rows else part.grid_remove)()
        self.nothing.show("" if rows else NOTHING)
        wanted = [row.version for row in rows]
        if list(self.tree.get_children()) != wanted:
            self.tree.delete(*self.tree.get_children())
            for version in wanted:
                self.tree.insert("", "end", iid=version)
            self.tree.configure(height=max(1, min(ROWS, len(rows))))
        self._write()

    def _write(self) -> None:
        """What does not fit into its column ends in an ellipsis."""
        look = self._context.look
        space = {name: self.tree.column(name, "width") - look.px(10) for name, *_ in _COLUMNS}
        for row in self._shown or ():
            texts = (row.version, row.state, row.change, row.tests, row.size, row.cost)
            values = [fitting(text, space[name], look) for text, (name, *_) in zip(texts, _COLUMNS, strict=True)]
            self.tree.item(row.version, values=values)

    def _chosen(self) -> None:
        selection = self.tree.selection()
        if selection:
            self._context.press(intents.ChooseImage(str(selection[0])))

    def _fit(self) -> None:
        space = self.winfo_width() - self._context.look.px(48)
        show_columns_that_fit(self.tree, space, widths=self._widths, by_weight=_WEIGHT, least=2)

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        needed = bool(self._shown) and (float(first) > 0 or float(last) < 1)
        (self._bar.grid if needed else self._bar.grid_remove)()
