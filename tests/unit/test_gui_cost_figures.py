"""The Cost tab in words: one large figure, the others below it, each of one kind of money and named."""

from typing import Any

import pytest

from tests.fakes.gui import Desk, billed_view, budget_view, cost_view
from tlfif.client.profile import AWS
from tlfif.gui.model import messages
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.presenters.cost_figures import basis_of, figures_of, headline_of

THERE = HomeView(active=AWS, aws_place="AWS eu-central-1", who="ada@example.com")


def shown(report: Any, *, on_aws: bool = False) -> Any:
    """The panel after this report."""
    desk = Desk()
    if on_aws:
        desk.say(messages.HomeUpdated(home=THERE, moved=True))
    desk.hear("ready", cost=report)
    return desk.core.state.cost


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (cost_view(), "$0 this month · limit 20.00 €"),
        (cost_view(budget=budget_view(limit_eur=None, free_eur=None)), "$0 this month · no limit"),
        (
            cost_view(budget=budget_view(simulated_aws=True, limit_eur=5.0)),
            "$1.00 0.80 € this month · limit 5.00 € · practice mode (no real charges)",
        ),
        (cost_view(here=False), "$1.00 0.80 € this month · limit 20.00 €"),
    ],
)
def test_the_large_figure_is_what_is_spent_of_the_limit(report: Any, words: str) -> None:
    found = headline_of(shown(report))
    assert f"{found.value} {found.words}" == words


def test_what_is_simulated_is_named_so_in_every_line() -> None:
    found = figures_of(shown(cost_view(hourly=0.72)))
    assert [(one.name, one.value) for one in found] == [
        ("On AWS this would have cost", "$1.00 · 0.80 €"),
        ("Running now, on AWS", "$0.72 an hour"),
        ("At the month's end", "$2.00 · 1.80 €"),
    ]
    assert [one.name for one in found if "simulated" not in one.note] == ["Running now, on AWS"]


def test_on_aws_nothing_is_simulated_and_the_bill_stands_apart() -> None:
    cost = shown(cost_view(here=False, hourly=0.72, billed=billed_view()), on_aws=True)
    found = {one.name: (one.value, one.note) for one in figures_of(cost)}
    assert found["Running now"] == ("$0.72 an hour", "$0.0002 a second")
    assert found["Kept on AWS"] == ("$0.38 · 0.30 €", "a month, even if no machine ever runs")
    assert found["Billed by AWS up to 26 November 2026"][0] == "$1,234.50 · 987.60 €"
    assert not [note for _, note in found.values() if "simulated" in note]
    assert "price notes" not in basis_of(cost)


def test_before_the_first_report_nothing_is_claimed() -> None:
    cost = Desk().core.state.cost
    assert (headline_of(cost).value, figures_of(cost)) == ("Not read yet", ())
