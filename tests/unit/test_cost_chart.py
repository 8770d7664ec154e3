"""The picture of a month: its numbers, its lines, its file."""

import importlib
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.money import NO_SUMS, budget, cost, sums
from tlfif.charts.spend_curve import spend_curve
from tlfif.cli.arguments import check_png_path
from tlfif.kernel.errors import InvalidInputError


def at(day: int, hour: int = 0, month: int = 11) -> int:
    return int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(scope="module")
def chart() -> Any:
    """The module that draws: it loads matplotlib."""
    return importlib.import_module("tlfif.charts.cost_chart")


def texts(figure: Any) -> str:
    """All that is written in the picture."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts]
        found += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        for child in axes.child_axes:
            found.append(child.get_ylabel())
    return "\n".join(found)


def line(figure: Any, name: str) -> list[tuple[float, float]]:
    found = next(line for line in figure.axes[0].lines if line.get_label() == name)
    return [(float(x), float(y)) for x, y in zip(found.get_xdata(), found.get_ydata(), strict=True)]


def test_the_curve_ends_at_the_month_to_date() -> None:
    view = cost()
    curve = spend_curve(view, sums(), now_ms=at(16, 12))
    assert curve.spent[0] == (0.0, 0.0)
    assert curve.spent[-1] == (15.5, 3.45)
    assert curve.forecast == ((15.5, 3.45), (30.0, 6.9))
    assert dict(curve.spent)[2.0] == pytest.approx(1.4 + 1.15 * 2 / 15.5)
    assert dict(curve.spent)[11.0] == pytest.approx(2.3 + 1.15 * 11 / 15.5)
    assert [y for _, y in curve.spent] == sorted(y for _, y in curve.spent)
    assert (curve.limit_usd, curve.simulated) == (None, True)  # the limit counts real money, the curve is simulated
    assert (len(curve.hours), curve.hours[1], curve.hours[10], sum(curve.hours)) == (30, 2.0, 0.5, 2.5)


def test_the_curve_begins_where_the_meter_did() -> None:
    curve = spend_curve(cost(since="2026-11-10T12:00:00Z"), sums(), now_ms=at(16))
    assert curve.spent[0] == (9.5, 0.0)
    assert spend_curve(cost(since="2026-08-10T12:00:00Z"), sums(), now_ms=at(16)).spent[0] == (0.0, 0.0)
    late = spend_curve(cost(since="2026-11-16T00:00:01Z"), sums(days=[]), now_ms=at(16))
    assert late.spent[0][0] == 15.0


def test_what_a_release_added_belongs_to_the_limit() -> None:
    view = cost(on_aws=True, budget=budget(limit_eur=8.0, extra_eur=2.0))
    assert spend_curve(view, sums(), now_ms=at(16)).limit_usd == pytest.approx(11.5)
    assert spend_curve(cost(budget=budget(limit_eur=None)), sums(), now_ms=at(16)).limit_usd is None


def test_an_answer_of_the_month_before_is_drawn_as_that_month() -> None:
    curve = spend_curve(cost(), sums(), now_ms=at(1, 0, month=12) + 500)
    assert (curve.month.label, len(curve.hours)) == ("November 2026", 30)
    assert curve.now[0] == pytest.approx(30, abs=0.001)


def test_the_lines_are_the_data(chart: Any) -> None:
    view = cost(budget=budget(simulated_aws=True))
    figure = chart.cost_figure(view, now_ms=at(16, 12))
    curve = spend_curve(view, sums(), now_ms=at(16, 12))
    assert line(figure, "spent") == list(curve.spent)
    assert line(figure, "forecast") == list(curve.forecast)
    levels = {round(float(found.get_ydata()[0]), 4) for found in figure.axes[0].lines}
    assert {23.0, 18.4, 11.5} <= levels
    assert [bar.get_height() for bar in figure.axes[1].patches] == list(curve.hours)


def test_what_is_pretended_is_called_so(chart: Any) -> None:
    said = texts(chart.cost_figure(cost(), now_ms=at(16)))
    assert "What AWS would have cost in November 2026" in said
    assert "Nothing of this is charged: this computer costs nothing." in said
    assert "budget" not in said
    for word in ("$, without VAT", "€, without VAT", "not checked", "$3.45 · 3.00 €", "$6.90 · 6.00 €"):
        assert word in said
    practised = texts(chart.cost_figure(cost(budget=budget(simulated_aws=True)), now_ms=at(16)))
    assert "budget 20.00 €, practice mode" in practised
    real = texts(chart.cost_figure(cost(on_aws=True), now_ms=at(16)))
    assert "What AWS costs in November 2026" in real
    assert "practice" not in real
    assert "Nothing of this is charged" not in real


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"simulated_aws": sums(**{**NO_SUMS, "region": "eu-west-1", "instance_type": "g5.xlarge"})},
            "No machine has run",
        ),
        ({"budget": budget(limit_eur=None)}, "hours by day"),
        ({"budget": budget(limit_eur=100_000.0, simulated_aws=True)}, "does not fit into this picture"),
        ({"budget": budget(limit_eur=0.05, simulated_aws=True)}, "dotted: warnings at 50 % and 80 %"),
        (
            {"simulated_aws": sums(days=[{"date": "2026-11-02", "hours": 0.02, "usd": 0.01}])},
            "minutes by day: 1 min in all",
        ),
        ({"simulated_aws": sums(days=[{"date": "2026-11-02", "hours": 24.0, "usd": 16.0}])}, "24.0 hours in all"),
    ],
)
def test_every_month_has_its_picture(chart: Any, changes: dict[str, Any], said: str) -> None:
    view = cost(**changes)
    assert said in texts(chart.cost_figure(view, now_ms=at(16)))
    for now_ms in (at(1), at(30, 23)):
        curve = spend_curve(view, view["simulated_aws"] or view, now_ms=now_ms)
        assert line(chart.cost_figure(view, now_ms=now_ms), "spent") == list(curve.spent)
        assert list(curve.spent) == sorted(curve.spent)


def test_nothing_is_written_beyond_the_picture(chart: Any, tmp_path: Path) -> None:
    figure = chart.cost_figure(cost(budget=budget(simulated_aws=True)), now_ms=at(29, 12))
    figure.draw_without_rendering()
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent()
            assert box.x0 >= 0, text.get_text()
            assert box.x1 <= chart.WIDTH, text.get_text()
            assert box.y1 <= chart.HEIGHT, text.get_text()


def test_the_file_is_a_png_of_the_stated_size(chart: Any, tmp_path: Path) -> None:
    path = tmp_path / "cost.png"
    path.write_text("an older picture")
    chart.draw_cost(cost(), path, now_ms=at(16))
    drawn = path.read_bytes()
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", drawn[16:24]) == (chart.WIDTH, chart.HEIGHT) == (1200, 800)


@pytest.mark.parametrize("text", ["", " ", ".png", "a.jpg", "a", "a.png/", "a\0.png", "no/such/folder/a.png"])
def test_a_path_that_cannot_be_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if text == "a.png/":
        (tmp_path / "a.png").mkdir()
    with pytest.raises(InvalidInputError) as caught:
        check_png_path(text)
    assert caught.value.code == "plot_path_invalid"


def test_a_path_is_taken_as_typed(tmp_path: Path) -> None:
    assert check_png_path(str(tmp_path / "my cost.PNG")) == tmp_path / "my cost.PNG"
