"""The last starts as bars with a part for each phase, and why each started and ended."""

import tkinter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from tlfif.gui.look.theme import SMALL, STRONG
from tlfif.gui.presenters.problems import plain
from tlfif.gui.views.context import ViewContext
from tlfif.wire.machines import PastMachineView
from tlfif.wording.figures import countdown, seconds
from tlfif.wording.machines import PHASES, as_sentence, model_title

SHOWN = 6

Anchor = Literal["nw", "n", "ne", "w", "center", "e", "sw", "s", "se"]


class StartsPlot(tkinter.Canvas):
    """All bars have one scale: the longest start takes the whole width."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, highlightthickness=0, borderwidth=0)
        self._context = context
        self._past: tuple[PastMachineView, ...] = ()
        self._drawn_for: tuple[int, object] | None = None
        self.bind("<Configure>", lambda _: self._draw())

    def show(self, past: Sequence[PastMachineView]) -> None:
        """These machines, newest first."""
        if tuple(past[:SHOWN]) != self._past:
            self._past = tuple(past[:SHOWN])
            self._draw(anew=True)

    def restyle(self) -> None:
        """Apply the look."""
        self.configure(background=self._context.look.palette.panel)
        self._draw(anew=True)

    def _draw(self, *, anew: bool = False) -> None:
        width = self.winfo_width()
        if not anew and self._drawn_for == (width, self._past):
            return
        self._drawn_for = (width, self._past)
        self.delete("all")
        px, look = self._context.look.px, self._context.look
        if not self._past:
            self._text(0, 0, "No start is on record yet.", "muted")
            self.configure(height=look.line() + px(6))
            return
        longest = max([self._length(one) for one in self._past] + [0.001])
        y: float = 0
        if any(one["phases"] for one in self._past):
            y = self._legend()
        for one in self._past:
            y = self._start(one, y, width, longest)
        self.configure(height=round(y))

    def _length(self, one: PastMachineView) -> float:
        return one["boot_seconds"] or sum(phase["seconds"] for phase in one["phases"])

    def _legend(self) -> float:
        px, look = self._context.look.px, self._context.look
        x = 0.0
        for name, text in PHASES.items():
            self.create_rectangle(x, px(4), x + px(12), px(16), fill=self._colour(name), outline="")
            self._text(x + px(18), px(2), text, "muted", font=SMALL)
            x += px(18) + look.width(text, SMALL) + px(22)
        return look.line(SMALL) + px(12)

    def _start(self, one: PastMachineView, y: float, width: int, longest: float) -> float:
        look, px = self._context.look, self._context.look.px
        at = datetime.fromtimestamp(one["created_at"])
        title = f"{at:%d %b %H:%M}  ·  {model_title(one['model'])}"
        took = f"ready after {seconds(one['boot_seconds'])}" if one["boot_seconds"] is not None else "never ready"
        if one["run_seconds"] is not None:
            took += f", ran {countdown(one['run_seconds'])}"
        self._text(0, y, title, "text", font=STRONG)
        self._text(width, y, took, "muted", font=SMALL, anchor="ne")
        y += look.line() + px(3)
        x = 0.0
        for phase in one["phases"]:
            end = x + (width - px(2)) * phase["seconds"] / longest
            self.create_rectangle(x, y, max(end, x + 1), y + px(10), fill=self._colour(phase["phase"]), outline="")
            x = end
        y += px(14)
        y += self._text(0, y, why(one), "muted", font=SMALL, width=width)
        return y + px(12)

    def _colour(self, phase: str) -> str:
        palette = self._context.look.palette
        return {"launch": palette.muted, "engine_start": palette.link, "prove": palette.good}.get(
            phase, palette.caution
        )

    def _text(
        self, x: float, y: float, text: str, ink: str, *, font: str = SMALL, anchor: Anchor = "nw", width: int = 0
    ) -> float:
        item = self.create_text(
            x,
            y,
            text=text,
            fill=getattr(self._context.look.palette, ink),
            font=font,
            anchor=anchor,
            width=width,
        )
        box = self.bbox(item)
        return float(box[3] - box[1])


def why(one: PastMachineView) -> str:
    """Why it began and why it ended."""
    reason = plain(one["start_reason"] or "").removeprefix("started ")
    began = f"Started {as_sentence(reason)}" if reason else "Why it started is not on record."
    if one["end_reason"]:
        return f"{began}  Ended: {as_sentence(plain(one['end_reason']))}"
    return f"{began}  Still running." if one["ended_at"] is None else began
