"""Large letters in a small window: what gives way, what stays, where the keyboard goes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.gui import Desk, cost_view, share
from tests.gui.seat import Seat
from tests.gui.test_window_views import exchange, show, talk
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.state import ExchangeStage, Notice, Press, Problem, StatusKind
from tlfif.gui.views.settings_tab import NEXT_START
from tlfif.history.listing import ConversationSummary
from tlfif.wire.money import AnswerCostView

LARGE = 22


def receipt(number: int) -> AnswerCostView:
    found: Any = {
        "job_id": f"j{number}", "created_at": 1000.0 * number, "status": "succeeded", "model": "smollm2", "image": "i",
        "instance_type": None, "engine": "llama",
        "attempt": 1, "queue_seconds": 0.1, "first_token_seconds": 0.2, "total_seconds": 3.0, "prompt_tokens": 5,
        "completion_tokens": 7, "cost": share(usd=0.0), "simulated_aws": share(),
    }  # fmt: skip
    return found  # type: ignore[no-any-return]  # as the server sends it


@pytest.mark.requirement("1.1.10")
@pytest.mark.parametrize("points", [11, 14, 16, 19, 22])
def test_the_smallest_window_shows_six_lines_of_conversation(
    desk: Desk, open_seat: Callable[..., Seat], points: int
) -> None:
    desk.hear("ready", cost=cost_view(hourly=0.526), idle_seconds_left=200.0)
    seat = open_seat(desk.core, points=points)
    seat.root.geometry("{}x{}+0+0".format(*seat.root.minsize()))
    one = exchange(1, answer=AnswerText(["line\n" * 40]), stage=ExchangeStage.DONE)
    talk(seat, one)
    text = seat.window.chat.conversation.text
    seen = text.winfo_height() - 2 * int(str(text.cget("pady"))) - 2 * int(str(text.cget("highlightthickness")))
    assert seen / (seat.window.look.line() + seat.window.look.px(1)) >= 6


@pytest.mark.requirement("1.1.10")
def test_large_letters_leave_stop_its_menu_and_say_the_rest_in_few_words(
    desk: Desk, open_seat: Callable[..., Seat]
) -> None:
    desk.hear("ready", cost=cost_view(hourly=0.526), idle_seconds_left=200.0)
    seat = open_seat(desk.core, points=LARGE)
    bar = seat.window.status_bar
    assert bar.headline.shown.startswith("Idle  ·  shuts down in 3 min")
    assert bar.cost.shown == "Free; on AWS $0.53 an hour"
    for widget in (bar.stop, bar.more):
        assert widget.winfo_viewable()
        assert widget.winfo_rootx() + widget.winfo_width() <= seat.root.winfo_rootx() + seat.root.winfo_width()
    labels = [bar._menu.entrycget(number, "label") for number in (0, 1)]
    assert labels == ["Stop and cancel the prompts", "Stop and keep the prompts for later"]
    bar._menu.invoke(1)
    assert desk.bridge.last(commands.StopMachine).jobs == "requeue"
    seat.root.geometry("1280x1000+0+0")
    seat.wait(lambda: "Stop machine ends it now" in bar.cost.shown, "there is space for all of it")


def test_a_lost_connection_is_said_in_few_words_too(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    desk.hear("ready")
    seat = open_seat(desk.core, points=LARGE)
    desk.say(messages.RetryStarted(attempt=2))
    seat.settle()
    assert seat.window.status_bar.headline.shown == "Connecting again (2 of 3)"


@pytest.mark.parametrize("kind", StatusKind)
def test_every_state_has_few_words(desk: Desk, kind: StatusKind) -> None:
    from tlfif.gui.presenters.status_line import BRIEF

    assert 0 < len(BRIEF[kind]) < 26


def test_where_there_is_no_room_the_list_of_conversations_opens_over_the_conversation(
    desk: Desk, open_seat: Callable[..., Seat]
) -> None:
    found = tuple(
        ConversationSummary(id=f"c{n}", title=f"Talk {n}", created_at=1.0, updated_at=2.0, exchanges=1) for n in (1, 2)
    )
    desk.hear("off")
    desk.say(messages.ConversationsListed(query="", found=found))
    seat = open_seat(desk.core, points=LARGE)
    chat = seat.window.chat
    assert not chat.history.winfo_viewable()
    seat.click(chat.composer.history_button)
    assert chat.history.list.canvas.winfo_viewable()
    assert not chat.conversation.winfo_viewable()
    seat.click(chat.history.back)
    assert not chat.history.winfo_viewable()
    seat.key("<Control-h>")
    assert chat.history.list.canvas.winfo_viewable()
    seat.key("<Control-l>")
    assert seat.root.focus_get() is chat.composer.text
    assert chat.composer.text.winfo_viewable()
    seat.key("<Control-h>")
    seat.click(chat.history.new)
    desk.core.press(intents.Send("Hello"))
    seat.settle()
    assert chat.conversation.winfo_viewable()


def test_a_message_leaves_the_prompt_in_sight(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    seat = open_seat(desk.core, points=LARGE)
    told = Problem(code="z", title="No server answers", message="It ended by itself. " * 3, advice="Press Connect.",
                   presses=(Press.RECONNECT,))  # fmt: skip
    show(seat, notices=(Notice(problem=told, at=1.0),))
    for widget in (seat.window.chat.composer.text, seat.window.chat.controls.idle.entry):
        assert widget.winfo_rooty() + widget.winfo_height() <= seat.root.winfo_rooty() + seat.root.winfo_height()
    assert "Press Connect." in seat.texts(seat.window.notices)


def test_in_a_narrow_window_a_message_has_the_whole_width(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    seat = open_seat(desk.core, size="640x480")
    told = Problem(code="z", title="No server answers", message="It ended by itself. " * 3, advice="Press Connect.",
                   presses=(Press.RECONNECT,))  # fmt: skip
    show(seat, notices=(Notice(problem=told, at=1.0),))

    def room_beside() -> int:
        words = seat.window.notices._cards[0].winfo_children()[2]
        return seat.window.notices.winfo_width() - words.winfo_width()

    assert room_beside() < 80
    seat.root.geometry("1000x600")
    seat.settle()
    assert room_beside() > 160, "the buttons stand beside it"


def test_keys_do_not_go_to_a_tab_that_is_hidden(seat: Seat, desk: Desk) -> None:
    desk.hear("off")
    seat.focus(seat.window.chat.composer.text)
    seat.key("<Control-Key-2>")
    assert seat.root.focus_get() is seat.window.tabs
    seat.type("lost")
    assert not seat.window.chat.composer.written()
    seat.key("<Right>")
    seat.wait(lambda: desk.core.state.tab == "machine", "the arrow goes to the next tab")
    seat.window.views["machine"].start.focus_force()
    seat.key("<Control-Key-1>")
    assert seat.root.focus_get() is seat.window.chat.composer.text


def test_a_narrow_table_of_receipts_keeps_what_counts(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    desk.hear("off", cost=cost_view(receipts=[receipt(1), receipt(2)]))
    seat = open_seat(desk.core, points=LARGE)
    desk.core.press(intents.ShowTab("cost"))
    seat.settle()
    table = seat.window.views["cost"].receipts
    columns = tuple(table.tree.cget("displaycolumns"))
    assert {"when", "real", "aws"} <= set(columns)
    assert "status" not in columns
    assert sum(int(table.tree.column(name, "width")) for name in columns) <= table.winfo_width()
    seat.root.geometry("1280x800+0+0")
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, font_size=11)))
    seat.wait(lambda: len(table.tree.cget("displaycolumns")) == 7, "there is space for every column")


def test_another_size_counts_at_once_and_what_follows_later_is_said(seat: Seat, desk: Desk) -> None:
    desk.hear("ready", cost=cost_view(hourly=0.526))
    desk.core.press(intents.ShowTab("cost"))
    desk.core.press(intents.ShowTab("settings"))
    seat.settle()
    tab = seat.window.views["settings"]
    assert NEXT_START not in seat.texts(tab)
    seat.root.geometry("1280x800+0+0")
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, font_size=LARGE)))
    seat.settle()
    assert NEXT_START in seat.texts(tab)
    assert not seat.window.views["cost"].budget.release.winfo_manager()
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, font_size=11)))
    seat.settle()
    assert NEXT_START not in seat.texts(tab)


@pytest.mark.requirement("1.5.2")
def test_all_conversations_can_be_deleted_and_the_safe_choice_comes_first(seat: Seat, desk: Desk) -> None:
    desk.core.press(intents.ShowTab("settings"))
    seat.settle()
    button = seat.window.views["settings"].delete_all
    button.invoke()
    seat.settle()
    first = seat.window.dialog.buttons[0]
    assert [str(one.cget("text")) for one in seat.window.dialog.buttons] == [
        "Keep them", "Delete here and in the server", "Delete here only",
    ]  # fmt: skip
    assert seat.root.focus_get() is first
    seat.key("<Escape>")
    assert desk.core.state.dialog is None
    assert not desk.bridge.all(commands.ForgetConversation)
    button.invoke()
    seat.settle()
    seat.click(seat.window.dialog.buttons[1])
    assert desk.bridge.last(commands.ForgetConversation).conversation_id is None


def test_the_letters_stay_when_the_window_keeps_its_size(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    seat = open_seat(desk.core, points=LARGE)
    values = desk.core.state.settings.values
    desk.core.press(intents.ChangeSettings(replace(values, geometry="901x600+0+0")))
    assert seat.window.look.points == LARGE
