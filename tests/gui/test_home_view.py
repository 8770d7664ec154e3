"""Where it runs, drawn: the choice in Settings, signing in, and what stands there while nobody is signed in."""

from dataclasses import replace

import pytest

from tests.fakes.gui import Desk, cost_view, machine_view, model_view, receipt_view
from tests.gui.seat import Seat
from tlfif.client.errors import AccessDeniedError
from tlfif.client.profile import AWS, COMPUTER
from tlfif.control.bridging import BridgeBegun, BridgeExtended, BridgeOver
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.state import Press
from tlfif.gui.views.machine_tab import facts_of
from tlfif.gui.views.settings_tab import SettingsTab
from tlfif.wording.bridge import answered_words, answering_words, gave_way_words

PLACE = "AWS eu-central-1"
HERE = HomeView(aws_place=PLACE)
THERE = HomeView(active=AWS, aws_place=PLACE, who="ada@example.com")
SIGNED_OUT = AccessDeniedError("You are not signed in. Sign in: ./tlfif login", code="signed_out")


def settings(seat: Seat) -> SettingsTab:
    seat.window.core.press(intents.ShowTab("settings"))
    seat.settle()
    tab = seat.window.views["settings"]
    assert isinstance(tab, SettingsTab)
    return tab


@pytest.mark.requirement("1.2.4")
def test_aws_is_chosen_by_a_click_and_counts_once_the_window_has_gone_over(seat: Seat, desk: Desk) -> None:
    desk.say(messages.HomeUpdated(home=HERE))
    desk.hear("off", cost=cost_view())
    card = settings(seat).home
    assert str(card.choices[AWS].cget("text")) == PLACE
    assert not card.sign.winfo_ismapped()
    seat.click(card.choices[AWS])
    assert desk.bridge.last(commands.UseHome).name == AWS
    assert card.status.shown == "Switching…"
    assert card.choices[COMPUTER].instate(["disabled"])
    desk.say(
        messages.HomeUpdated(home=THERE, moved=True),
        messages.ModelsListed(models=(model_view("smollm2", is_default=True),)),
    )
    desk.hear("off", place=PLACE, cost=cost_view(here=False))
    seat.settle()
    assert card.choices[AWS].instate(["selected"])
    assert card.status.shown == "Signed in as ada@example.com."
    assert "part of the machine's image" in seat.texts(settings(seat).model)
    assert f"{PLACE} keeps" in settings(seat).past_note.shown
    seat.click(card.sign)
    assert desk.bridge.all(commands.SignOut)


def test_this_computers_words_have_a_line_above_until_awss_take_their_place(seat: Seat, desk: Desk) -> None:
    desk.say(messages.HomeUpdated(home=HERE))
    assert not settings(seat).home.bridge.winfo_ismapped(), "there is nothing to wait for on this computer"
    desk.say(messages.HomeUpdated(home=THERE, moved=True), messages.Connected())
    desk.hear("off", place=PLACE, cost=cost_view(here=False))
    card = settings(seat).home
    seat.click(card.bridge)
    assert desk.bridge.last(commands.SetBridge).on
    desk.say(messages.HomeUpdated(home=replace(THERE, bridge=True)))
    seat.settle()
    assert card.bridge.instate(["selected"])
    seat.picture("bridge-settings")

    desk.core.press(intents.ShowTab("chat"))
    desk.core.press(intents.Send("What is a cloud?"))
    one = desk.core.state.conversation.exchanges[-1].id
    accepted = {"job_id": "job_1", "status": "queued", "model": "tinyllama", "created": True}
    desk.say(messages.AnswerAccepted(exchange_id=one, accepted={**accepted, "machine": machine_view("launching")}))
    begun, line = BridgeBegun(model="smollm2"), answering_words("smollm2")
    desk.say(
        messages.AnswerBridged(exchange_id=one, update=begun, line=line),
        messages.AnswerBridged(exchange_id=one, update=BridgeExtended(text="A **cloud** is "), line=line),
        messages.AnswerBridged(exchange_id=one, update=BridgeExtended(text="rented computers."), line=line),
    )
    seat.settle()
    text = seat.window.chat.conversation.text
    assert f"{line}\nA **cloud** is rented computers.\n" in text.get("1.0", "end")
    line = answered_words(receipt_view())
    over = BridgeOver(receipt=receipt_view())
    desk.say(messages.AnswerBridged(exchange_id=one, update=over, line=line))
    seat.settle()
    assert f"{line}\nA **cloud** is rented computers.\n" in text.get("1.0", "end")
    seat.picture("bridge-waiting")
    desk.say(messages.AnswerExtended(exchange_id=one, text="Computers of somebody else.", seq=3))
    seat.settle()
    shown = text.get("1.0", "end")
    assert "rented" not in shown
    assert shown.index("Computers of somebody else.") < shown.index(gave_way_words(line))
    seat.picture("bridge-answered")


def test_without_a_home_on_aws_the_choice_stays_and_says_why(seat: Seat, desk: Desk) -> None:
    desk.say(messages.HomeUpdated(home=HomeView(price="It would cost $2.53 a month.")))
    card = settings(seat).home
    seat.click(card.choices[AWS])
    assert "./tlfif deploy" in card.problem.shown
    assert "$2.53" in card.problem.shown
    assert card.choices[COMPUTER].instate(["selected"])
    assert card.choices[AWS].instate(["!selected"])


def test_signed_out_is_seen_on_every_tab_and_the_sign_in_can_be_left(seat: Seat, desk: Desk) -> None:
    desk.say(
        messages.HomeUpdated(home=replace(THERE, who=None), moved=True), messages.ConnectionFailed(error=SIGNED_OUT)
    )
    seat.settle()
    bar = seat.window.status_bar
    assert "Not signed in to your home on AWS" in bar.headline.shown
    assert "costs nothing by itself" in bar.cost.shown
    seat.click(bar.presses.buttons[Press.SIGN_IN])
    assert desk.bridge.all(commands.SignIn)
    card = settings(seat).home
    desk.say(messages.SignInStarted(address="https://idp.example/login?x=1", opened=False))
    seat.settle()
    assert card.address.get() == "https://idp.example/login?x=1"
    assert "No browser" in card.note.shown
    seat.click(card.copy)
    assert seat.root.clipboard_get() == "https://idp.example/login?x=1"
    assert str(card.sign.cget("text")) == "Cancel sign-in"
    seat.click(card.sign)
    assert desk.bridge.all(commands.CancelSignIn)
    desk.say(messages.SignInCancelled())
    seat.settle()
    assert not card.address.winfo_ismapped()
    desk.say(messages.SignedIn(note=""), messages.HomeUpdated(home=THERE))
    desk.hear("off", place=PLACE)
    seat.settle()
    assert card.status.shown == "Signed in as ada@example.com."
    assert Press.SIGN_IN not in bar.presses.buttons


def test_on_aws_no_text_in_sight_speaks_of_this_computer_s_price(seat: Seat, desk: Desk) -> None:
    desk.say(messages.HomeUpdated(home=THERE, moved=True))
    desk.hear("ready", place=PLACE, image="v7", cost=cost_view(here=False, hourly=0.72))
    seat.settle()
    shown = seat.texts()
    assert "your own home on AWS eu-central-1" in shown
    for name in ("cost", "machine", "images"):
        desk.core.press(intents.ShowTab(name))
        seat.settle()
        shown += seat.texts()
    for word in ("Nothing you type leaves", "Costs nothing", "would have cost", "installed on this computer"):
        assert word not in shown
    assert "$0.0002 a second" in shown
    assert "Kept on AWS" in shown
    for row in seat.window.views["cost"].figures._rows:
        assert row[0].winfo_height() < 2 * seat.window.look.line(), "each name is on one line"
    assert "Billed by AWS up to 26 November 2026" in shown
    assert "$1,234.50" in shown
    assert not seat.window.views["cost"].budget.practice.winfo_manager()
    desk.say(messages.HomeUpdated(home=HERE, moved=True))
    desk.hear("off", cost=cost_view())
    desk.core.press(intents.ShowTab("cost"))
    seat.settle()
    assert "On AWS this would have cost" in seat.texts(seat.window.views["cost"])
    assert "Billed by AWS" not in seat.texts(seat.window.views["cost"])
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, font_size=12)))
    seat.settle()
    assert "Billed by AWS" not in seat.texts(seat.window.views["cost"])
    assert seat.window.views["cost"].budget.practice.winfo_manager()


def test_deleting_offers_the_server_too_and_the_words_fit(seat: Seat, desk: Desk) -> None:
    desk.say(messages.HomeUpdated(home=THERE, moved=True))
    desk.core.press(intents.DeleteAllConversations())
    seat.settle()
    buttons = seat.window.dialog.buttons
    assert [str(one.cget("text")) for one in buttons] == ["Keep them", "Delete here and at AWS", "Delete here only"]
    assert all(one.winfo_viewable() and one.winfo_width() >= one.winfo_reqwidth() for one in buttons)
    seat.click(buttons[1])
    assert desk.bridge.last(commands.ForgetConversation).at == PLACE
    assert desk.core.state.dialog is None


def test_processes_are_named_where_they_can_be_found() -> None:
    pids = {"server": 1, "worker": 2, "engine": 3}
    assert "Processes" in dict(facts_of(machine_view("ready", pids=pids)))
    assert "Processes" not in dict(facts_of(machine_view("ready", pids=pids, place=PLACE)))


def test_the_machines_type_and_engine_are_shown_on_the_machine_tab() -> None:
    shown = facts_of(machine_view("ready", place=PLACE, image="v7", instance_type="c7i.xlarge", engine="llama"))
    assert dict(shown)["Type"] == "c7i.xlarge, llama.cpp"
