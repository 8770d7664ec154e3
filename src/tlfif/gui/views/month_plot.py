"""The month's picture, drawn by the toolkit: in its colours and fonts, sharp at every size, without a pause.

The numbers are those of ``tlfif.charts``; its matplotlib picture is for files (``tlfif cost --plot``). Loading and
running matplotlib here would stop the window for a third of a second each time.
"""

import tkinter
from typing import Literal

from tlfif.charts.spend_curve import OFF_SCALE_FACTOR, Point, SpendCurve, spend_curve
from tlfif.charts.ticks import round_ticks, tick_labels
from tlfif.gui.look.theme import SMALL
from tlfif.gui.views.context import ViewContext
from tlfif.money.amounts import usd
from tlfif.wire.money import CostView

Anchor = Literal["nw", "n", "ne", "w", "center", "e", "sw", "s", "se"]


class MonthPlot(tkinter.Canvas):
    """Above: spend and limit. Below: hours with a machine, by day."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, highlightthickness=0, borderwidth=0)
        self._context = context
        self._cost: CostView | None = None
        self._curve: SpendCurve | None = None
        self._now_ms = 0
        self.bind("<Configure>", lambda _: self._draw())

    def show(self, cost: CostView | None, *, now_ms: int) -> None:
        """Draw this report as of ``now_ms`` (epoch milliseconds)."""
        self._cost, self._now_ms = cost, now_ms
        sums = None if cost is None else cost["simulated_aws"] or cost
        self._curve = None if cost is None or sums is None else spend_curve(cost, sums, now_ms=now_ms)
        self._draw()

    def restyle(self) -> None:
        """Apply the look."""
        look = self._context.look
        self.configure(background=look.palette.panel, height=look.px(250) if look.scale < 1.6 else look.px(210))
        self._draw()

    def _draw(self) -> None:
        self.delete("all")
        width, height = self.winfo_width(), self.winfo_height()
        look = self._context.look
        if self._curve is None or self._cost is None:
            self._text(width // 2, height // 2, "The month's figures are not here yet.", "muted", anchor="center")
            return
        px, line = look.px, look.line(SMALL)
        name, drawn = _name(self._curve)
        labels = (*tick_labels(_ticks(self._curve, limited=drawn)), "00")
        left, right = max(look.width(label, SMALL) for label in labels) + px(12), width - px(16)
        if right - left < px(80):
            return
        above = line if look.width(name, SMALL) <= right - left else 2 * line
        self._text(left, above + px(6), name, "text", anchor="sw", width=right - left)
        top, ground = px(14) + above, height - px(10) - line
        middle = top + round((ground - top) * 0.68)
        self._spend(self._curve, (left, top, right, middle - px(6)), limited=drawn)
        self._hours(self._curve, (left, middle + line + px(4), right, ground))
        self._days(self._curve, (left, right, ground))

    def _spend(self, curve: SpendCurve, box: tuple[int, int, int, int], *, limited: bool) -> None:
        left, top, right, bottom = box
        px, palette = self._context.look.px, self._context.look.palette
        limit = curve.limit_usd if limited else None
        ticks = _ticks(curve, limited=limited)
        days = curve.month.days

        def at(point: Point) -> tuple[float, float]:
            share = min(point[1], ticks[-1]) / ticks[-1]
            return left + (right - left) * point[0] / days, bottom - (bottom - top) * share

        for tick, label in zip(ticks, tick_labels(ticks), strict=True):
            y = at((0, tick))[1]
            self.create_line(left, y, right, y, fill=palette.edge if not tick else palette.line)
            self._text(left - px(6), y, label, "muted", anchor="e")
        spent = [value for point in curve.spent for value in at(point)]
        if len(curve.spent) > 1:
            below = [*at((curve.spent[0][0], 0)), *spent, *at((curve.now[0], 0))]
            self.create_polygon(*below, fill=palette.prompt)
            self.create_line(*spent, fill=palette.link, width=px(2.5))
        self.create_line(*at(curve.forecast[0]), *at(curve.forecast[1]), fill=palette.link, width=px(2), dash=(6, 5))
        x, y = at(curve.now)
        self.create_oval(x - px(4), y - px(4), x + px(4), y + px(4), fill=palette.link, outline=palette.panel)
        if limit is not None:
            y = at((0, limit))[1]
            self.create_line(left, y, right, y, fill=palette.bad, width=px(2))
            self._text(left + px(6), y + px(1), f"limit {usd(limit)}", "bad", anchor="nw")

    def _hours(self, curve: SpendCurve, box: tuple[int, int, int, int]) -> None:
        left, top, right, bottom = box
        px, palette = self._context.look.px, self._context.look.palette
        most = max(curve.hours)
        unit, scale = ("minutes", 60) if 0 < most < 1 else ("hours", 1)
        self.create_line(left, bottom, right, bottom, fill=palette.edge)
        self._text(left, top - px(4), f"Machine on, {unit} a day", "text", anchor="sw")
        if not most:
            middle = (left + right) / 2, (top + bottom) / 2
            self._text(*middle, "No machine has run this month.", "muted", anchor="center")
            return
        ticks = round_ticks(most * scale, at_most=2)
        for tick, label in zip(ticks[1:], tick_labels(ticks)[1:], strict=True):
            y = bottom - (bottom - top) * tick / ticks[-1]
            self.create_line(left, y, right, y, fill=palette.line)
            self._text(left - px(6), y, label, "muted", anchor="e")
        step = (right - left) / curve.month.days
        for day, hours in enumerate(curve.hours):
            if hours:
                height = max(px(2), (bottom - top) * hours * scale / ticks[-1])
                x = left + step * day
                self.create_rectangle(
                    x + step * 0.2, bottom - height, x + step * 0.8, bottom, fill=palette.quiet, outline=""
                )

    def _days(self, curve: SpendCurve, box: tuple[int, int, int]) -> None:
        left, right, bottom = box
        step = (right - left) / curve.month.days
        space = self._context.look.width("00 ", SMALL)
        every = next(each for each in (1, 2, 5, 10, 31) if each == 31 or step * each >= space * 1.4)
        for day in range(curve.month.days):
            if day == 0 or (day + 1) % every == 0:
                self._text(left + step * (day + 0.5), bottom + 2, str(day + 1), "muted", anchor="n")

    def _text(self, x: float, y: float, text: str, ink: str, *, anchor: Anchor, width: int = 0) -> None:
        colour = getattr(self._context.look.palette, ink)
        self.create_text(x, y, text=text, fill=colour, font=SMALL, anchor=anchor, width=width)


def _ticks(curve: SpendCurve, *, limited: bool) -> tuple[float, ...]:
    limit = curve.limit_usd if limited and curve.limit_usd is not None else 0.0
    return round_ticks(max(_highest(curve), limit))


def _highest(curve: SpendCurve) -> float:
    return max(curve.forecast[1][1], curve.spent[-1][1], 0.01)


def _name(curve: SpendCurve) -> tuple[str, bool]:
    """What the picture shows, and whether the limit fits into it."""
    money = (
        "What AWS would have charged so far (simulated), in dollars" if curve.simulated else "Spent so far, in dollars"
    )
    name, limit = f"{money}; dashed: to the month's end at this pace", curve.limit_usd
    if limit is None or limit <= OFF_SCALE_FACTOR * _highest(curve):
        return name, limit is not None
    return f"{name}; the limit of {usd(limit)} is far above", False
