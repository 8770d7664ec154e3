"""Below the conversation, one line: the idle time-out, and three sums that are never added up."""

import tkinter
from collections.abc import Callable, Sequence

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.cost_panel import CostPanel
from tlfif.gui.model.state import IdleEntry, WindowState
from tlfif.gui.views.context import ViewContext, is_compact
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Hint
from tlfif.money.amounts import eur, usd

ENDS = "The machine ends itself after so long without work"
Texts = tuple[str, str, str]


class Line(ttk.Label):
    """A text on one line, that can be empty."""

    def __init__(self, parent: tkinter.Misc, *, style: str) -> None:
        super().__init__(parent, style=style, takefocus=False)
        self.shown = ""

    def show(self, text: str, style: str) -> None:
        """Change the text."""
        self.shown = text
        self.configure(text=text, style=style)


class IdleField(ttk.Frame):
    """Minutes, and why a number cannot be set; the allowed range stands in the hint."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self._shown: IdleEntry | None = None
        self._label = ttk.Label(self, style="Muted.Ground.TLabel")
        self.entry = ttk.Entry(self, width=5, justify="right")
        self._unit = ttk.Label(self, text="min", style="Muted.Ground.TLabel")
        self.note = Line(self, style="Muted.Ground.TLabel")
        for place, part in enumerate((self._label, self.entry, self._unit, self.note)):
            part.grid(row=0, column=place, sticky="w")
        self.entry.bind("<KeyRelease>", self._typed)
        self.entry.bind("<Return>", self._apply)
        self.entry.bind("<KP_Enter>", self._apply)
        self.entry.bind("<Escape>", self._leave)
        self.entry.bind("<FocusOut>", self._apply, add="+")
        self.hint = Hint(self.entry, context, "")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        self._label.configure(text="Idle" if is_compact(self._context.look) else "Idle time-out", font=SMALL)
        self._unit.configure(font=SMALL)
        self.entry.configure(font=SMALL, width=5)
        regrid(self.entry, padx=(px(8), px(6)))
        self.note.configure(font=SMALL)
        regrid(self.note, padx=(px(10), 0))

    def render(self, entry: IdleEntry) -> None:
        """Show it; what is being typed is left alone."""
        if entry is self._shown:
            return
        self._shown = entry
        self.entry.state(["!disabled"])
        if self.entry.get() != entry.text:
            self.entry.delete(0, "end")
            self.entry.insert(0, entry.text)
        self.entry.state(["disabled" if entry.not_yours else "!disabled"])
        self._show_note(entry)

    def _show_note(self, entry: IdleEntry) -> None:
        note = "Setting it…" if entry.saving else entry.problem
        self.note.show(note, "Bad.Ground.TLabel" if entry.problem else "Muted.Ground.TLabel")
        about = ". ".join(part for part in (ENDS, entry.range_text) if part)
        self.hint.text = f"{about}  ({self._context.command_name}+T)"

    def _typed(self, _event: object) -> None:
        if self._shown is None or self.entry.get() != self._shown.text:
            self._context.press(intents.TypeIdleMinutes(self.entry.get()))

    def _apply(self, _event: object) -> None:
        self._context.press(intents.ApplyIdleMinutes())

    def _leave(self, _event: object) -> str:
        """Escape takes back what was typed; it is not the answer's Escape."""
        if self._shown is not None and self._shown.in_force is not None:
            self._context.press(intents.TypeIdleMinutes(f"{self._shown.in_force:g}"))
            self._context.press(intents.ApplyIdleMinutes())
        return "break"


class ControlsBar(ttk.Frame):
    """Idle time-out at the left; at the right running estimate, what AWS would have cost, and what is left, each on its
    own. Where there is no space for the sentences there are short forms, and the hint has the sentences."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent)
        self._context = context
        self.idle = IdleField(self, context)
        self.real, self.simulated, self.left = self._cells = tuple(
            Line(self, style="Muted.Ground.TLabel") for _ in range(3)
        )
        self._lines = [ttk.Frame(self, style="Line.TFrame", width=1) for _ in range(2)]
        self._hints = [Hint(cell, context, "") for cell in self._cells]
        self._cost: CostPanel | None = None
        self.idle.grid(row=0, column=0, sticky="w")
        self.columnconfigure(1, weight=1)
        for place, cell in enumerate(self._cells):
            cell.grid(row=0, column=2 * place + 2, sticky="e")
        for place, line in enumerate(self._lines):
            line.grid(row=0, column=2 * place + 3, sticky="ns")
        self.bind("<Configure>", lambda _: self._money(), add="+")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        for line in self._lines:
            regrid(line, padx=px(10), pady=px(5))
        for cell in self._cells:
            cell.configure(font=SMALL)
        self.idle.restyle()
        # Kept from the beginning: what is heard later must not push the prompt's box up under somebody's fingers.
        self.rowconfigure(0, minsize=self.idle.entry.winfo_reqheight())
        self._money()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is None or old.machine is not new.machine:
            self.idle.render(new.machine.idle)
            self._money()
        if old is None or old.cost is not new.cost:
            self._cost = new.cost
            self._money()

    def _money(self) -> None:
        cost = self._cost
        if cost is None:
            return
        look, long = self._context.look, long_texts(cost)
        space = self.winfo_width() - self.idle.winfo_reqwidth() - look.px(16)
        texts = those_that_fit((long, short_texts(cost)), space, lambda text: look.width(text, SMALL) + look.px(28))
        style = "Muted.Ground.TLabel" if cost.stale else "Ground.TLabel"
        for cell, hint, text in zip(self._cells, self._hints, texts, strict=True):
            cell.show(text, "Bad.Ground.TLabel" if cell is self.left and cost.budget.locked else style)
            hint.text = "\n".join(one for one in long if one)
        for place, line in enumerate(self._lines):
            between = bool(texts[place]) and any(texts[place + 1 :])
            if between != bool(line.winfo_manager()):
                (line.grid if between else line.grid_remove)()


def those_that_fit(forms: Sequence[Texts], space: int, width: Callable[[str], int]) -> Texts:
    """The first form whose texts fit into ``space`` side by side; else the last one without what AWS would have cost,
    and then without the estimate: what is left of the budget stays."""
    real, _, left = forms[-1]
    for texts in (*forms, (real, "", left)):
        if sum(width(text) for text in texts if text) <= space:
            return texts
    return ("", "", left)


def long_texts(cost: CostPanel) -> Texts:
    """The running estimate; what AWS would have cost, or what is kept there costs; what is left of the budget."""
    return (
        cost.real.text if cost.real is not None else "Running estimate: not read yet",
        cost.simulated.text if cost.simulated is not None else cost.standing_text,
        cost.budget.left_text or "Budget: not read yet",
    )


def short_texts(cost: CostPanel) -> Texts:
    """The same in few words: the Cost tab has the rest."""
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
