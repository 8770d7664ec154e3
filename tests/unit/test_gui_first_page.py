"""What stands where a conversation will be."""

from dataclasses import replace

import pytest

from tests.fakes.gui import Desk, cost_view
from tlfif.client.profile import AWS
from tlfif.gui.model import intents, messages
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.presenters.first_page import FIRST, LATER, welcome


@pytest.mark.requirement("1.4.15")
def test_the_first_page_says_what_it_is_what_it_costs_and_where_to_type_and_the_next_one_less() -> None:
    desk = Desk()
    title, text = welcome(desk.core.state, command="Ctrl")
    assert (title, len(text.split("\n\n"))) == (FIRST, 3)
    assert "Nothing leaves this computer." in text
    assert "It costs nothing" in text
    assert text.endswith("Type a prompt and press Enter; F1 shows all keys.")
    desk.say(messages.HomeUpdated(home=HomeView(active=AWS, aws_place="AWS eu-central-1", who="a"), moved=True))
    desk.hear("off", cost=cost_view(here=False, hourly=0.526))
    assert "only while a machine runs, $0.53 an hour;" in welcome(desk.core.state, command="Ctrl")[1]
    values = desk.core.state.settings.values
    desk.core.press(intents.ChangeSettings(replace(values, begun=True, enter_sends=False)))
    assert welcome(desk.core.state, command="Cmd") == (
        LATER,
        "Type a prompt and press Cmd+Enter. What you type goes to your own home on AWS eu-central-1.",
    )
