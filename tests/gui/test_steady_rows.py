"""What comes later takes the space that was kept for it: nothing jumps under the pointer."""

from collections.abc import Callable

import pytest

from tests.fakes.gui import Desk, budget_view, cost_view
from tests.gui.seat import Seat


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize(("size", "points"), [("900x600", 11), ("1280x800", 11), ("1280x800", 16)])
def test_the_prompt_s_row_stays_where_it_is_when_machine_and_cost_are_first_heard_of(
    desk: Desk, open_seat: Callable[..., Seat], size: str, points: int, here: bool
) -> None:
    seat = open_seat(desk.core, size=size, points=points)
    controls = seat.window.chat.controls
    before = controls.winfo_height()
    desk.hear("ready", cost=cost_view(here=here, hourly=0.5, budget=budget_view(committed_eur=0.1)))
    seat.settle()
    assert controls.winfo_height() == before
    assert controls.left.shown
