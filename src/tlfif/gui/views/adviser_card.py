"""Which idle time-out would have been best: a table, and the button that sets it."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL, SMALL_STRONG
from tlfif.gui.model import intents
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, WrappingLabel
from tlfif.money.amounts import usd
from tlfif.wire.money import AdviceView
from tlfif.wording.figures import seconds

HEADS = ("Idle time-out", "Would have cost", "Cold starts", "Waited for them", "")


class AdviserCard(Card):
    """Numbers stand at the right of their columns."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "Which idle time-out would have been best?")
        self._advice: AdviceView | None = None
        self._in_force: float | None = None
        self.sentence = WrappingLabel(self.body, style="Panel.TLabel")
        self._table = ttk.Frame(self.body, style="Panel.TFrame")
        self.use = ttk.Button(self.body, bootstyle="default", command=self._use)
        self.sentence.grid(row=0, column=0, sticky="ew")
        self._table.grid(row=1, column=0, sticky="w")
        self.use.grid(row=2, column=0, sticky="w")
        self.use.grid_remove()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        px = self._context.look.px
        regrid(self._table, pady=(px(8), 0))
        regrid(self.use, pady=(px(10), 0))
        self._fill()
        if not self._offers():
            self.use.grid_remove()

    def show(self, advice: AdviceView | None, *, in_force: float | None, may_set: bool) -> None:
        """Draw it. ``in_force``: the present time-out in minutes, None where it is not known."""
        wanted = in_force if may_set else None
        if advice == self._advice and wanted == self._in_force and self.sentence.shown:
            return
        self._advice, self._in_force = advice, wanted
        self.sentence.show(advice["sentence"] if advice else "Not read yet.")
        self._fill()
        if self._offers() and advice is not None:
            self.use.configure(text=f"Set it to {advice['recommended_minutes']:g} min")
            self.use.grid()
        else:
            self.use.grid_remove()

    def _offers(self) -> bool:
        best = None if self._advice is None else self._advice["recommended_minutes"]
        return best is not None and self._in_force not in {None, best}

    def _fill(self) -> None:
        for child in self._table.winfo_children():
            child.destroy()
        options = [] if self._advice is None else self._advice["options"]
        if not options or self._advice is None:
            return
        self._row(0, HEADS, style="Muted.Panel.TLabel", font=SMALL)
        for number, option in enumerate(options, start=1):
            best = option["minutes"] == self._advice["recommended_minutes"]
            texts = (
                f"{option['minutes']:g} min",
                usd(option["cost_usd"]),
                str(option["cold_starts"]),
                seconds(option["waited_seconds"]),
                "best" if best else "",
            )
            self._row(number, texts, style="Panel.TLabel", font=SMALL_STRONG if best else SMALL)

    def _row(self, row: int, texts: tuple[str, ...], *, style: str, font: str) -> None:
        px = self._context.look.px
        for column, text in enumerate(texts):
            label = ttk.Label(self._table, text=text, style=style, font=font, anchor="e")
            label.grid(row=row, column=column, sticky="e", padx=(0, px(22)), pady=px(2))

    def _use(self) -> None:
        if self._advice is not None and self._advice["recommended_minutes"] is not None:
            self._context.press(intents.TypeIdleMinutes(f"{self._advice['recommended_minutes']:g}"))
            self._context.press(intents.ApplyIdleMinutes())
