"""The marks of an axis are numbers that a person would have chosen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.charts.ticks import round_ticks, tick_labels


@pytest.mark.parametrize(
    ("top", "labels"),
    [
        (23.0, ("0", "10", "20", "30")),
        (25.76, ("0", "10", "20", "30")),
        (10.0, ("0", "2.5", "5.0", "7.5", "10.0")),
        (1.0, ("0", "0.25", "0.50", "0.75", "1.00")),
        (0.07, ("0", "0.02", "0.04", "0.06", "0.08")),
        (0.0001, ("0", "0.000025", "0.000050", "0.000075", "0.000100")),
        (1234.0, ("0", "500", "1,000", "1,500")),
    ],
)
def test_marks_are_round(top: float, labels: tuple[str, ...]) -> None:
    assert tick_labels(round_ticks(top)) == labels


@given(top=st.floats(min_value=1e-6, max_value=1e6), at_most=st.integers(min_value=2, max_value=6))
def test_the_marks_reach_the_top_and_are_few(top: float, at_most: int) -> None:
    ticks = round_ticks(top, at_most=at_most)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= at_most + 1
    assert ticks[-1] >= top * (1 - 1e-6)
    step = ticks[1]
    lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(math.isclose(lead, one, rel_tol=1e-6) for one in (1, 2, 2.5, 5, 10))
