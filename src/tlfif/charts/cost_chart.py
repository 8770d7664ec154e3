"""A month's money in one picture: spend and budget above, hours with a machine below. Loads matplotlib."""

import io
import logging
from pathlib import Path

import numpy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tlfif.charts.spend_curve import OFF_SCALE_FACTOR, Point, SpendCurve, spend_curve
from tlfif.money.amounts import eur, usd_and_eur
from tlfif.money.budget.budget import WARN_PERCENT
from tlfif.wire.money import CostView, SumsView
from tlfif.wording.figures import exchange_text

WIDTH, HEIGHT, DPI = 1200, 800, 100
"""Pixels, and pixels per inch."""
WARN_SHARES = tuple(percent / 100 for percent in WARN_PERCENT)
MARK_SPACE = 0.05
"""The part of the picture's height that a mark's name needs."""

# Okabe and Ito's colours, which those who see fewer colours can tell apart; lines differ in their dashes as well.
SPEND, LIMIT, WARN, BAR = "#0072B2", "#D55E00", "#8A6D00", "#56B4E9"
INK, QUIET, GRID = "#222222", "#666666", "#E6E6E6"

logging.getLogger("matplotlib").setLevel(logging.ERROR)


def draw_cost(cost: CostView, path: Path, *, now_ms: int) -> None:
    """Write the picture as a PNG of 1200 by 800 pixels. ``now_ms`` in epoch milliseconds. Raises OSError."""
    drawn = io.BytesIO()
    cost_figure(cost, now_ms=now_ms).savefig(drawn, format="png", dpi=DPI)  # drawn by Agg, without a display
    path.write_bytes(drawn.getvalue())


def cost_figure(cost: CostView, *, now_ms: int) -> Figure:
    """The picture. Its first axes show the spend, the second the hours."""
    sums: SumsView = cost["simulated_aws"] or cost
    curve = spend_curve(cost, sums, now_ms=now_ms)
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    figure.subplots_adjust(left=0.08, right=0.915, top=0.79, bottom=0.085, hspace=0.24)
    _titles(figure, cost, sums)
    _draw_spend(upper, curve, cost)
    _draw_hours(lower, curve)
    return figure


def _titles(figure: Figure, cost: CostView, sums: SumsView) -> None:
    simulated = cost["simulated_aws"] is not None
    title = f"What AWS would have cost in {cost['month']}" if simulated else f"What AWS costs in {cost['month']}"
    figure.text(0.08, 0.945, title, fontsize=20, fontweight="bold", color=INK)
    facts = [
        f"{sums['instance_type']} in {sums['region']}",
        cost["vat"],
        exchange_text(cost["exchange"], source=False),
    ]
    figure.text(0.08, 0.908, "  ·  ".join(facts), fontsize=11.5, color=QUIET)
    note = "A running estimate by TL-FIF's own meter; AWS's bill comes later."
    if simulated:
        note = f"Nothing of this is charged: {cost['place']} costs nothing. An estimate by TL-FIF's own meter."
    figure.text(
        0.08, 0.874, note, fontsize=11.5, color=LIMIT if simulated else QUIET, weight="bold" if simulated else None
    )


def _draw_spend(axes: Axes, curve: SpendCurve, cost: CostView) -> None:
    days, spent = zip(*curve.spent, strict=True)
    axes.fill_between(days, spent, color=SPEND, alpha=0.10, linewidth=0)
    axes.plot(days, spent, color=SPEND, linewidth=2.6, solid_capstyle="round", label="spent", zorder=3)
    ahead, there = zip(*curve.forecast, strict=True)
    axes.plot(ahead, there, color=SPEND, linewidth=2, dashes=(4, 2.5), label="forecast", zorder=3)
    axes.plot(*curve.now, "o", color=SPEND, markersize=8, markeredgecolor="white", zorder=4, clip_on=False)
    highest = max(there[1], spent[-1], 0.01)
    limit = curve.limit_usd
    drawn = limit is not None and limit <= OFF_SCALE_FACTOR * highest
    axes.set_ylim(0, max(highest, limit if limit is not None and drawn else 0) * 1.14)
    if limit is not None and drawn:
        _draw_limit(axes, limit, cost)
    elif limit is not None:
        text = f"↑ {_limit_name(cost)}: does not fit into this picture, {spent[-1] / limit:.1%} of it spent"
        axes.text(0.012, 0.94, text, transform=axes.transAxes, fontsize=11, color=LIMIT, weight="bold")
    usd_per_eur = cost["exchange"]["usd_per_eur"]
    title = f"Spent so far: {usd_and_eur(spent[-1], spent[-1] / usd_per_eur)}"
    title += f".  At the month's end, at this pace: {usd_and_eur(there[1], there[1] / usd_per_eur)}"
    axes.set_title(title, loc="left", fontsize=13, color=INK, pad=10)
    _money_axes(axes, usd_per_eur)
    _name_ends(axes, curve)


def _draw_limit(axes: Axes, limit: float, cost: CostView) -> None:
    """The limit and its warning marks. Where these are too close for names of their own, the limit's name has them."""
    crowded = limit * (WARN_SHARES[1] - WARN_SHARES[0]) < MARK_SPACE * axes.get_ylim()[1]
    name = _limit_name(cost) + ("; dotted: warnings at 50 % and 80 %" if crowded else "")
    axes.axhline(limit, color=LIMIT, linewidth=2, zorder=2)
    _name(axes, (0, limit), name, color=LIMIT, up=6, weight="bold")
    for share in WARN_SHARES:
        axes.axhline(limit * share, color=WARN, linewidth=1.3, dashes=(1, 2), zorder=2)
        if not crowded:
            _name(axes, (0, limit * share), f"warning at {share * 100:.0f} %", color=WARN, up=5)


def _limit_name(cost: CostView) -> str:
    budget = cost["budget"]
    limit = (budget["limit_eur"] or 0) + budget["extra_eur"]
    name = f"budget {eur(limit)}"
    return f"{name}, practice mode" if budget["simulated_aws"] else name


def _money_axes(axes: Axes, usd_per_eur: float) -> None:
    axes.set_ylabel("$, without VAT", color=QUIET, fontsize=11)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    places = _places(axes.get_ylim()[1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.{places}f}"))
    exchange = (lambda usd: numpy.asarray(usd) / usd_per_eur, lambda eur: numpy.asarray(eur) * usd_per_eur)
    euros = axes.secondary_yaxis("right", functions=exchange)
    euros.set_ylabel("€, without VAT", color=QUIET, fontsize=11)
    euros.yaxis.set_major_locator(MaxNLocator(6))
    euros.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.{places}f}"))
    euros.tick_params(colors=QUIET, length=0, labelsize=10.5)
    euros.spines["right"].set_visible(False)
    _quiet(axes)


def _name_ends(axes: Axes, curve: SpendCurve) -> None:
    """Names the parts of the line beside it, where there is space; the sums are above the picture."""
    (now, spent), (end, there) = curve.forecast
    began = curve.spent[0][0]
    if began > 0.05:
        axes.axvline(began, color="#BBBBBB", linewidth=1.2, zorder=1)
        left = began > 0.5 * end
        _name(axes, (began, axes.get_ylim()[1] * 0.3), "metered since here", color=QUIET, left=left)
    _name(axes, (now, spent), "so far", color=SPEND, left=now > 0.5 * end, up=10)
    if end - now > 0.1 * end:
        _name(axes, (end, there), "forecast", color=SPEND, left=True, up=10)


def _name(
    axes: Axes, at: Point, text: str, *, color: str, left: bool = False, up: int = 0, weight: str | None = None
) -> None:
    """A name just above a point, on a patch of white so that no line runs through it."""
    axes.annotate(
        text,
        at,
        xytext=(-7 if left else 7, up),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=11,
        color=color,
        weight=weight,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        zorder=5,
    )


def _draw_hours(axes: Axes, curve: SpendCurve) -> None:
    """One bar a day, in hours; in minutes where no day has a whole hour."""
    total, most = sum(curve.hours), max(curve.hours)
    unit, scale = ("minutes", 60) if 0 < most < 1 else ("hours", 1)
    middles = [day + 0.5 for day in range(len(curve.hours))]
    axes.bar(middles, [hours * scale for hours in curve.hours], width=0.72, color=BAR)
    axes.set_ylim(0, 25 if most >= 20 else max(most * scale * 1.18, 1))
    axes.set_xlim(0, len(curve.hours))
    title = f"Machine on, {unit} by day" + (f": {_duration(total)} in all" if total else "")
    axes.set_title(title, loc="left", fontsize=13, color=INK, pad=10)
    axes.set_ylabel(unit, color=QUIET, fontsize=11)
    axes.set_xlabel(f"day of {curve.month.label} (UTC)", color=QUIET, fontsize=11)
    axes.set_xticks(middles, [str(day + 1) for day in range(len(middles))])
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    if not total:
        empty = "No machine has run this month."
        axes.text(0.5, 0.5, empty, transform=axes.transAxes, ha="center", va="center", fontsize=12, color=QUIET)
        axes.set_yticks([])
    _quiet(axes)


def _quiet(axes: Axes) -> None:
    """Hide or lighten everything that carries no information."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#BBBBBB")
    axes.tick_params(colors=QUIET, length=0, labelsize=10.5)
    axes.grid(axis="y", color=GRID, linewidth=0.9)
    axes.set_axisbelow(True)


def _places(top: float) -> int:
    """Decimals that keep the marks of an axis apart."""
    return 2 if top >= 0.3 else 3 if top >= 0.03 else 4


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{max(1, round(hours * 60))} min"
