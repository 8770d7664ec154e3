"""What lies over the window keeps the keyboard to itself."""

from tests.fakes.gui import Desk, accepted, cost_view, machine_view
from tests.gui.seat import Seat
from tests.gui.test_window_views import check_buttons_fit
from tlfif.gui.model import commands, intents, messages


def _answering(desk: Desk) -> None:
    desk.hear("ready", cost=cost_view(hourly=0.5))
    desk.core.press(intents.Send("Why?"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted(machine=machine_view("ready"))))


def test_no_key_of_a_question_reaches_the_answer_behind_it(seat: Seat, desk: Desk) -> None:
    _answering(desk)
    desk.core.press(intents.CloseWindow())
    seat.settle()
    for key in ("<Control-n>", "<Control-Shift-S>", "<F1>", "<Control-Key-2>", "<Prior>", "<Right>", "<Left>"):
        seat.key(key)
    assert desk.core.state.dialog is not None
    seat.key("<Escape>")
    assert desk.core.state.dialog is None
    assert not desk.bridge.all(commands.Cancel), "the Escape was the question's"
    assert not desk.bridge.all(commands.StopMachine)
    assert not seat.window.keys.is_open
    assert desk.core.state.tab == "chat"
    seat.key("<Escape>")
    assert len(desk.bridge.all(commands.Cancel)) == 1, "this one is the window's"


def test_tab_goes_round_in_a_question_and_the_table_of_keys_closes_and_cancels_nothing(seat: Seat, desk: Desk) -> None:
    _answering(desk)
    box = seat.window.chat.composer.text
    seat.focus(box)
    desk.core.press(intents.CloseWindow())
    seat.settle()
    buttons = seat.window.dialog.buttons
    reached = []
    for _ in range(4):
        reached.append(buttons.index(seat.root.focus_get()))
        seat.key("<Tab>")
    assert reached == [0, 1, 2, 0]
    check_buttons_fit(seat)
    seat.key("<Escape>")
    assert seat.root.focus_get() is box
    for leave in ("<Escape>", "<F1>", "<Return>"):
        seat.key("<F1>")
        assert seat.window.keys.is_open
        assert "Close" in seat.texts(seat.window.keys.cover)
        seat.key("<Control-n>")
        assert seat.window.keys.is_open
        seat.key(leave)
        assert not seat.window.keys.is_open
    seat.root.geometry("640x480+0+0")
    seat.wait(lambda: seat.root.winfo_height() == 480, "it is small")
    seat.focus(box)
    seat.key("<F1>")
    cover = seat.window.keys.cover
    assert cover is not None
    assert cover.winfo_reqheight() <= seat.root.winfo_height()
    assert not desk.bridge.all(commands.Cancel)
    assert len(desk.core.state.conversation.exchanges) == 1
