"""Below the conversation: the idle time-out, and three sums that are never added up."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.state import CostPanel, IdleEntry, WindowState
from tlfif.gui.views.context import ViewContext, is_compact
from tlfif.gui.views.widgets import MARGIN, Hint, WrappingLabel
from tlfif.money.amounts import eur, usd


class IdleField(ttk.Frame):
    """Minutes, with the allowed range and why a number cannot be set."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self._shown: IdleEntry | None = None
        self._label = ttk.Label(self, style="Ground.TLabel")
        self.entry = ttk.Entry(self, width=6, justify="right")
        self._unit = ttk.Label(self, text="min", style="Ground.TLabel")
        self.note = WrappingLabel(self, style="Muted.Ground.TLabel")
        self._label.grid(row=0, column=0, sticky="w")
        self.entry.grid(row=0, column=1)
        self._unit.grid(row=0, column=2, sticky="w")
        self.note.grid(row=1, column=0, columnspan=3, sticky="ew")
        self.entry.bind("<KeyRelease>", self._typed)
        self.entry.bind("<Return>", self._apply)
        self.entry.bind("<KP_Enter>", self._apply)
        self.entry.bind("<FocusOut>", self._apply, add="+")
        Hint(self.entry, context, f"The machine ends itself after so long without work  ({context.command_name}+T)")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        compact = is_compact(self._context.look)
        self._label.configure(text="Idle" if compact else "Idle time-out")
        self.entry.configure(font="TlfifBody", width=4 if compact else 6)
        self.entry.grid_configure(padx=(px(8), px(6)))
        self.note.configure(font=SMALL)
        if self._shown is not None:
            self._show_note(self._shown)

    @property
    def needed_height(self) -> int:
        """Height in pixels with the two lines below the field, which appear once the range is known."""
        below = 0 if is_compact(self._context.look) else 2 * self._context.look.line(SMALL) + MARGIN
        return self.entry.winfo_reqheight() + below

    def render(self, entry: IdleEntry) -> None:
        """Show it; what is being typed is left alone."""
        if entry is self._shown:
            return
        self._shown = entry
        if self.entry.get() != entry.text:
            self.entry.delete(0, "end")
            self.entry.insert(0, entry.text)
        self._show_note(entry)

    def _show_note(self, entry: IdleEntry) -> None:
        note = "Setting it…" if entry.saving else entry.problem or entry.range_text
        if is_compact(self._context.look) and not entry.problem and not entry.saving:
            note = ""
        self.note.show(note, "Bad.Ground.TLabel" if entry.problem else "Muted.Ground.TLabel")

    def _typed(self, _event: object) -> None:
        if self._shown is None or self.entry.get() != self._shown.text:
            self._context.press(intents.TypeIdleMinutes(self.entry.get()))

    def _apply(self, _event: object) -> None:
        self._context.press(intents.ApplyIdleMinutes())


class ControlsBar(ttk.Frame):
    """Idle time-out at the left; running estimate, what AWS would have cost, and what is left, each on its own."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self.idle = IdleField(self, context)
        self.real = WrappingLabel(self, style="Ground.TLabel")
        self.simulated = WrappingLabel(self, style="Ground.TLabel")
        self.left = WrappingLabel(self, style="Ground.TLabel")
        self._cost: CostPanel | None = None
        self._lines = [ttk.Frame(self, style="Line.TFrame", width=1) for _ in range(3)]
        self._cells = (self.real, self.simulated, self.left)
        self.idle.grid(row=0, column=0, sticky="nw")
        for place, (line, cell) in enumerate(zip(self._lines, self._cells, strict=True)):
            line.grid(row=0, column=2 * place + 1, sticky="ns")
            cell.grid(row=0, column=2 * place + 2, sticky="new")
            self.columnconfigure(2 * place + 2, weight=(4, 5, 4)[place], uniform="money")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        for line in self._lines:
            line.grid_configure(padx=px(5 if is_compact(self._context.look) else 10))
        for cell in self._cells:
            cell.configure(font=SMALL)
        self.idle.restyle()
        # Kept from the beginning: what is heard later must not push the prompt's box up under somebody's fingers.
        self.rowconfigure(0, minsize=max(self.idle.needed_height, 2 * self._context.look.line(SMALL) + MARGIN))
        if self._cost is not None:
            self._money(self._cost)

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is None or old.machine is not new.machine:
            self.idle.render(new.machine.idle)
        if old is None or old.cost is not new.cost:
            self._money(new.cost)

    def _money(self, cost: CostPanel) -> None:
        self._cost = cost
        style = "Muted.Ground.TLabel" if cost.stale else "Ground.TLabel"
        short = is_compact(self._context.look)
        for label, text in zip(self._cells, short_texts(cost) if short else long_texts(cost), strict=True):
            label.show(text, "Bad.Ground.TLabel" if label is self.left and cost.budget.locked else style)


def long_texts(cost: CostPanel) -> tuple[str, str, str]:
    """The running estimate; what AWS would have cost, or what is kept there costs; what is left of the budget."""
    return (
        cost.real.text if cost.real is not None else "Running estimate: not read yet",
        cost.simulated.text if cost.simulated is not None else cost.standing_text,
        cost.budget.left_text or "Budget: not read yet",
    )


def short_texts(cost: CostPanel) -> tuple[str, str, str]:
    """The same where letters are large: the Cost tab has the rest."""
    left = cost.budget.left_eur
    return (
        f"Estimate {usd(cost.real.usd)}" if cost.real is not None else "Estimate …",
        f"On AWS {usd(cost.simulated.usd)}"
        if cost.simulated is not None
        else "Kept: see Cost"
        if cost.standing_text
        else "",
        f"{eur(left)} left" if left is not None else "No limit",
    )
