"""What is drawn for each state, and what is sent for each key and click; over a fake bridge."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.gui import Desk, accepted, cost_view, model_view
from tests.fakes.image_views import image_list
from tests.gui.seat import Seat
from tlfif.gui.look.palette import DARK
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.state import (
    LABELS,
    Choice,
    Conversation,
    Dialog,
    Exchange,
    ExchangeStage,
    Notice,
    Press,
    Problem,
    Receipt,
    StatusKind,
    StatusLine,
)
from tlfif.gui.views.keys_view import key_table

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "window.md"


def exchange(number: int, **changes: object) -> Exchange:
    base = Exchange(id=f"e{number}", conversation_id="c", key=f"k{number}", prompt=f"Question {number}", asked_at=1.0)
    return replace(base, **changes)


def show(seat: Seat, **changes: object) -> None:
    """Another state, drawn as the core would have it drawn."""
    core = seat.window.core
    old = core.state
    core.state = replace(old, **changes)
    seat.window.render(old, core.state)
    seat.settle()


def talk(seat: Seat, *exchanges: Exchange, name: str = "c") -> None:
    show(seat, conversation=Conversation(id=name, exchanges=exchanges))
    seat.wait(lambda: len(seat.window.chat.conversation._drawn) == len(exchanges), "all is drawn")


def written(seat: Seat) -> str:
    return seat.window.chat.conversation.text.get("1.0", "end")


@pytest.mark.parametrize("kind", StatusKind)
def test_each_status_says_what_it_costs_and_what_to_press(seat: Seat, kind: StatusKind) -> None:
    presses = (Press.START_MACHINE, Press.OPEN_COST)
    line = StatusLine(
        kind=kind, headline=f"It is {kind}", cost="It costs this.", advice="Do that.", countdown="3 s left",
        progress=0.4, presses=presses,
    )  # fmt: skip
    show(seat, status_line=line)
    shown = seat.texts(seat.window.status_bar)
    for text in (f"It is {kind}", "3 s left", "It costs this.", "Do that.", *(LABELS[one] for one in presses)):
        assert text in shown
    assert seat.window.status_bar.bar.winfo_ismapped()
    show(seat, status_line=replace(line, progress=None, presses=()))
    assert not seat.window.status_bar.bar.winfo_ismapped()
    assert "Show cost" not in seat.texts(seat.window.status_bar)


def test_a_button_of_the_status_line_does_what_it_says(seat: Seat, desk: Desk) -> None:
    desk.hear("off", held=True)
    seat.click(seat.window.status_bar.presses.buttons[Press.START_MACHINE])
    assert desk.bridge.all(commands.StartMachine)


@pytest.mark.requirement("1.1.3")
def test_stop_gpu_by_click_and_by_key_says_stopping_until_it_is_confirmed(seat: Seat, desk: Desk) -> None:
    assert seat.window.status_bar.stop.instate(["disabled"])
    desk.hear("ready")
    seat.click(seat.window.status_bar.stop)
    assert [one.jobs for one in desk.bridge.all(commands.StopMachine)] == ["cancel"]
    assert seat.window.status_bar.stop.cget("text") == "Stopping…"
    seat.click(seat.window.status_bar.stop)
    assert len(desk.bridge.all(commands.StopMachine)) == 1, "one press is enough"
    desk.hear("off")
    assert seat.window.status_bar.stop.cget("text") == "Stop machine"
    desk.hear("ready", machine_id="m2")
    seat.focus(seat.window.chat.composer.text)
    seat.key("<Control-Shift-S>")
    assert len(desk.bridge.all(commands.StopMachine)) == 2
    assert not seat.window.chat.composer.written()


@pytest.mark.requirement("1.1.1")
def test_a_prompt_is_typed_sent_by_key_and_its_answer_streams(seat: Seat, desk: Desk) -> None:
    desk.hear("off")
    box = seat.window.chat.composer
    seat.focus(box.text)
    seat.type("Why?\nBriefly, please.")
    assert box.written() == "Why?\nBriefly, please."
    seat.key("<Control-Return>")
    ask = desk.bridge.last(commands.Ask)
    assert ask.prompt == "Why?\nBriefly, please."
    assert not box.written()
    desk.say(messages.AnswerAccepted(exchange_id=ask.exchange_id, accepted=accepted()))
    for number, word in enumerate(["Because ", "it ", "is."], start=1):
        desk.say(messages.AnswerExtended(exchange_id=ask.exchange_id, text=word, seq=number))
        seat.settle()
        assert word.strip() in written(seat)
    assert "Why?" in written(seat)
    assert "Because it is." in written(seat)


@pytest.mark.requirement("1.1.1")
def test_an_empty_prompt_is_refused_in_words(seat: Seat, desk: Desk) -> None:
    desk.hear("off")
    seat.click(seat.window.chat.composer.send_button)
    assert not desk.bridge.all(commands.Ask)
    assert desk.core.state.composer.problem in seat.texts(seat.window.chat.composer)


def test_an_answer_that_starts_over_is_drawn_anew(seat: Seat) -> None:
    first = AnswerText(["half an ", "answer"])
    one = exchange(1, answer=first, stage=ExchangeStage.STREAMING)
    talk(seat, one)
    again = first.start_over().add("A whole one.")
    talk(seat, replace(one, answer=again, marks=("Started over: the machine was lost.",)))
    assert "half an" not in written(seat)
    assert "A whole one." in written(seat)
    assert "Started over: the machine was lost." in written(seat)


def test_a_problem_and_its_buttons_stand_under_the_answer(seat: Seat, desk: Desk) -> None:
    problem = Problem(code="x", title="It broke", message="The disk is full.", advice="Free some.",
                      presses=(Press.RETRY, Press.OPEN_MACHINE))  # fmt: skip
    talk(seat, exchange(1, stage=ExchangeStage.FAILED, problem=problem))
    for text in ("It broke. The disk is full. Free some.", "Try again", "Show machine"):
        assert text in written(seat)
    assert written(seat).count("Try again") == 1
    conversation = seat.window.chat.conversation
    start = next(start for name, start, _ in conversation.actions.places("e1") if name == "open_machine")
    x, y, wide, high = conversation.text.bbox(start) or (0, 0, 0, 0)
    for kind in ("<Motion>", "<Button-1>", "<ButtonRelease-1>"):
        conversation.text.event_generate(kind, x=x + wide // 2, y=y + high // 2)
    seat.wait(lambda: desk.core.state.tab == "machine", "the machine's tab is in front")
    assert "machine" in seat.window.views


def test_copy_regenerate_and_cancel_by_keys_alone(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    done = exchange(1, answer=AnswerText(["Forty-two."]), stage=ExchangeStage.DONE, receipt=Receipt(line="1 s"))
    talk(seat, done)
    seat.focus(seat.window.chat.conversation.text)
    seat.key("<Control-Down>")
    seat.key("<Return>")
    assert seat.root.clipboard_get() == "Forty-two."
    seat.key("<Right>")
    seat.key("<Return>")
    assert desk.bridge.last(commands.Ask).instead_of == "e1"
    seat.key("<Escape>")
    seat.settle()
    assert desk.core.state.conversation.exchanges[-1].stage is ExchangeStage.CANCELLING
    assert "Regenerate" not in written(seat)


@pytest.mark.requirement("1.1.6")
def test_reading_further_up_is_not_interrupted_by_new_words(seat: Seat) -> None:
    old = [exchange(n, answer=AnswerText(["long\n" * 30]), stage=ExchangeStage.DONE) for n in range(30)]
    growing = exchange(99, answer=AnswerText(["begin"]), stage=ExchangeStage.STREAMING)
    talk(seat, *old, growing)
    text = seat.window.chat.conversation.text
    assert seat.window.chat.conversation.is_following
    text.yview_moveto(0.2)
    text.event_generate("<Button-4>")
    seat.settle()
    seen = text.index("@10,10")
    talk(seat, *old, replace(growing, answer=growing.answer.add(" and\n" * 40)))
    assert text.index("@10,10") == seen
    assert seat.window.chat.conversation._jump.winfo_ismapped()
    seat.click(seat.window.chat.conversation._jump)
    assert seat.window.chat.conversation.is_following
    assert text.dlineinfo("end-1c")


@pytest.mark.requirement("1.1.4")
def test_the_idle_time_out_is_typed_checked_and_set(seat: Seat, desk: Desk) -> None:
    desk.hear("ready", idle_timeout_minutes=5.0)
    field = seat.window.chat.controls.idle
    assert field.entry.get() == "5"
    assert desk.core.state.machine.idle.range_text in field.hint.text
    assert not field.note.shown
    seat.focus(field.entry)
    field.entry.selection_range(0, "end")
    seat.key("<BackSpace>")
    seat.type("0")
    seat.key("<KeyRelease-0>")
    assert field.note.shown == desk.core.state.machine.idle.problem != ""
    seat.key("<BackSpace>")
    seat.type("12")
    seat.key("<KeyRelease-2>")
    desk.hear("ready", idle_timeout_minutes=5.0)
    assert field.entry.get() == "12", "what is being typed is left alone"
    seat.key("<Return>")
    assert desk.bridge.last(commands.SetIdleTimeout).minutes == 12


@pytest.mark.requirement("1.1.5")
def test_the_two_costs_stand_apart(seat: Seat, desk: Desk) -> None:
    desk.hear("ready", cost=cost_view(hourly=36.0))
    bar = seat.window.chat.controls
    assert desk.core.state.cost.real.text in bar._hints[0].text
    assert (bar.real.shown, bar.simulated.shown) == ("Estimate $0", "On AWS $1.00"), "few words in a small window"
    seat.root.geometry("1280x800+0+0")
    seat.wait(lambda: bar.real.shown == desk.core.state.cost.real.text, "there is space for the sentences")
    assert bar.simulated.shown == desk.core.state.cost.simulated.text
    before = bar.simulated.shown
    desk.pass_time(8)
    seat.settle()
    assert bar.simulated.shown != before
    assert "$" not in bar.real.shown
    assert "19.10 € of 20.00 €" in bar.left.shown


@pytest.mark.requirement("1.1.2")
def test_after_a_click_on_send_the_next_prompt_can_be_typed(seat: Seat, desk: Desk) -> None:
    composer = seat.window.chat.composer
    desk.say(messages.Connected())
    desk.hear("off")
    seat.focus(composer.text)
    composer.text.insert("1.0", "Hello")
    seat.click(composer.send_button)
    assert desk.bridge.last(commands.Ask).prompt == "Hello"
    assert seat.root.focus_get() is composer.text


@pytest.mark.requirement("1.1.9")
def test_a_question_is_answered_by_keys_and_stays_in_front(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    desk.core.press(intents.CloseWindow())
    seat.settle()
    dialog = desk.core.state.dialog
    assert dialog is not None
    assert seat.root.focus_get() is seat.window.dialog.buttons[0]
    assert dialog.text in seat.texts()
    seat.key("<Tab>")
    assert seat.root.focus_get() is seat.window.dialog.buttons[1]
    seat.key("<Control-n>")
    assert desk.core.state.dialog is dialog, "no shortcut works behind a question"
    seat.key("<Escape>")
    assert desk.core.state.dialog is None
    assert not seat.is_closed()


def test_a_dialog_of_any_choices_can_be_drawn(seat: Seat) -> None:
    choices = ((Choice.STOP, "Stop"), (Choice.LEAVE, "Leave"), (Choice.STAY, "Stay"))
    show(seat, dialog=Dialog(name="x", title="Sure?", text="Words. " * 30, choices=choices))
    assert [str(button.cget("text")) for button in seat.window.dialog.buttons] == ["Stop", "Leave", "Stay"]
    check_buttons_fit(seat)


def check_buttons_fit(seat: Seat) -> None:
    """A button that is cut off cannot be pressed."""
    cover = seat.window.dialog.cover
    assert cover is not None
    for button in seat.window.dialog.buttons:
        assert button.winfo_viewable()
        assert button.winfo_width() >= button.winfo_reqwidth()
        assert button.winfo_rootx() + button.winfo_width() <= cover.winfo_rootx() + cover.winfo_width()
        assert button.winfo_rooty() + button.winfo_height() <= cover.winfo_rooty() + cover.winfo_height()
        assert cover.winfo_width() <= seat.root.winfo_width()


@pytest.mark.parametrize("points", [11, 22])
def test_the_closing_question_fits(desk: Desk, open_seat: Callable[..., Seat], points: int) -> None:
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, font_size=points)))
    seat = open_seat(desk.core, points=points)
    desk.hear("ready", cost=cost_view(hourly=0.5))
    desk.core.press(intents.CloseWindow())
    seat.settle()
    assert len(seat.window.dialog.buttons) == 3
    check_buttons_fit(seat)


def test_messages_stay_until_dismissed(seat: Seat, desk: Desk) -> None:
    problem = Problem(code="y", title="No server answers", message="It is gone.", presses=(Press.RECONNECT,))
    show(seat, notices=(Notice(problem=problem, at=1.0),))
    assert "No server answers" in seat.texts(seat.window.notices)
    desk.core.press(intents.DismissNotice("y"))
    seat.settle()
    assert "No server answers" not in seat.texts(seat.window.notices)


def test_a_callback_that_raises_becomes_a_message(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    seat = open_seat(desk.core)
    seat.root.report_callback_exception = seat.window.failed
    seat.root.after(0, lambda: [][1])
    seat.wait(lambda: desk.core.state.notices, "a message")
    assert "IndexError" in seat.texts(seat.window.notices)


@pytest.mark.requirement("1.5.1")
@pytest.mark.parametrize("number", range(1, 6))
def test_each_tab_opens_by_its_number_and_shows_its_figures(seat: Seat, desk: Desk, number: int) -> None:
    desk.say(messages.ImagesUpdated(images=image_list()))
    desk.hear("ready", cost=cost_view(hourly=0.5), pids={"server": 1, "worker": 22, "engine": 33})
    seat.focus(seat.window.chat.composer.text)
    seat.key(f"<Control-Key-{number}>")
    name = list(seat.window.views)[-1] if number > 1 else "chat"
    assert desk.core.state.tab == name
    shown = seat.texts(seat.window.views[name])
    wanted = {"chat": "Send", "cost": "$1.00", "machine": "worker 22", "images": "45 s", "settings": "Seed"}
    assert wanted[name] in shown


@pytest.mark.requirement("1.5.1")
def test_the_budget_is_set_refused_and_released(seat: Seat, desk: Desk) -> None:
    desk.hear("off", cost=cost_view())
    desk.core.press(intents.ShowTab("cost"))
    seat.settle()
    card = seat.window.views["cost"].budget
    seat.focus(card.entry)
    seat.type("abc")
    seat.key("<KeyRelease-c>")
    assert card.problem.shown
    card.entry.delete(0, "end")
    seat.type("35")
    seat.key("<KeyRelease-5>")
    seat.key("<Return>")
    assert desk.bridge.last(commands.SetBudget).limit == "35"
    assert not card.release.winfo_ismapped()
    locked = cost_view()
    locked["budget"]["state"] = "locked"
    desk.say(messages.CostUpdated(cost=locked))
    seat.settle()
    seat.click(card.release)
    assert not desk.bridge.all(commands.UnlockBudget)
    desk.core.press(intents.AnswerDialog(Choice.GO_ON))
    assert desk.bridge.all(commands.UnlockBudget)


@pytest.mark.requirement("1.5.5")
def test_settings_count_at_once_and_bad_ones_are_named(seat: Seat, desk: Desk) -> None:
    desk.say(messages.ModelsListed(models=(model_view("tinyllama", "absent"), model_view("smollm2"))))
    desk.core.press(intents.ShowTab("settings"))
    seat.settle()
    tab = seat.window.views["settings"]
    entry = tab.entries["temperature"]
    assert entry.get() == "", "the model's own, until somebody sets one"
    for text, kept in (("9", None), ("abc", None), ("0.2", 0.2), ("", None)):
        seat.focus(entry)
        entry.delete(0, "end")
        seat.type(text)
        seat.key("<Return>")
        assert desk.core.state.settings.values.temperature == kept
        assert bool(tab._bad["temperature"].shown) == (text in {"9", "abc"})
    tab.size_box.set("150 %")
    tab.size_box.event_generate("<<ComboboxSelected>>")
    seat.settle()
    assert seat.window.look.points == 16
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, appearance="dark")))
    seat.settle()
    assert seat.window.look.palette is DARK
    assert str(seat.window.chat.composer.text.cget("background")) == DARK.field


@pytest.mark.requirement("1.1.11")
@pytest.mark.parametrize(("points", "size"), [(11, "640x480"), (11, "1366x768"), (22, "900x600"), (22, "1280x800")])
def test_what_one_needs_is_in_sight(desk: Desk, open_seat: Callable[..., Seat], points: int, size: str) -> None:
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, font_size=points)))
    seat = open_seat(desk.core, points=points, size=size)
    desk.hear("ready", cost=cost_view(hourly=0.5), idle_seconds_left=100.0)
    talk(seat, exchange(1, answer=AnswerText(["words"]), stage=ExchangeStage.DONE))
    window = seat.window
    wide, high = (int(part) for part in size.split("x"))
    composer, idle = window.chat.composer, window.chat.controls.idle.entry
    for widget in (window.status_bar.stop, composer.text, composer.send_button, idle, window.chat.conversation.text):
        right = widget.winfo_rootx() - window.root.winfo_rootx() + widget.winfo_width()
        bottom = widget.winfo_rooty() - window.root.winfo_rooty() + widget.winfo_height()
        assert widget.winfo_viewable()
        assert (right, bottom) <= (wide, high)
        assert widget.winfo_height() >= window.look.line()
    assert window.chat.conversation.text.winfo_height() >= 3 * window.look.line()


@pytest.mark.requirement("1.1.9")
def test_everything_is_reached_by_tab(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    seat.focus(seat.window.chat.composer.text)
    reached = set()
    for _ in range(40):
        seat.key("<Tab>")
        reached.add(str(seat.root.focus_get()))
    classes = {seat.root.nametowidget(name).winfo_class() for name in reached}
    assert "TLabel" not in classes, "a text has no frame that shows where one is"
    window = seat.window
    for widget in (
        window.status_bar.stop, window.tabs, window.chat.history.new, window.chat.history.search,
        window.chat.history.list.canvas,
        window.chat.conversation.text, window.chat.composer.text, window.chat.composer.send_button,
        window.chat.controls.idle.entry,
    ):  # fmt: skip
        assert str(widget) in reached


@pytest.mark.requirement("1.1.9")
def test_the_table_of_keys_is_the_manual_s(seat: Seat) -> None:
    seat.focus(seat.window.chat.composer.text)
    seat.key("<F1>")
    manual = HOWTO.read_text(encoding="utf-8")
    for keys, what in key_table("Ctrl"):
        assert what in seat.texts()
        assert f"| {keys} | {what} |" in manual
    seat.key("<Escape>")
    assert not seat.window.keys.is_open


def test_size_and_place_are_remembered_and_lost_screens_forgiven(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    kept = replace(desk.core.state.settings.values, geometry="950x640+5000+4000")
    desk.core.press(intents.ChangeSettings(kept))
    seat = open_seat(desk.core, size="1000x650")
    seat.wait(lambda: "1000x650" in desk.core.state.settings.values.geometry, "the size is kept", 5)
    assert seat.root.winfo_x() < 1280


def test_a_tab_that_is_clicked_while_news_come_stays_in_front(seat: Seat, desk: Desk) -> None:
    """The toolkit tells of the click later; what was drawn in between once turned back to the tab before."""
    desk.hear("off")
    seat.settle()
    seat.window.tabs.select(3)
    desk.hear("ready")
    seat.settle()
    assert (seat.window.tabs.index("current"), desk.core.state.tab) == (3, "images")


def test_of_a_long_past_the_newest_part_stands_there_and_scrolling_up_brings_the_rest(seat: Seat) -> None:
    many = [exchange(n, answer=AnswerText([f"answer {n}"]), stage=ExchangeStage.DONE) for n in range(300)]
    show(seat, conversation=Conversation(id="old", exchanges=tuple(many)))
    view = seat.window.chat.conversation
    seat.wait(lambda: view.is_drawn, "its newest part is drawn")
    assert re.findall("answer [0-9]+", written(seat)) == [f"answer {n}" for n in range(240, 300)]
    for _ in range(30):
        view._drag("moveto", "0.0")
        seat.settle()
    assert re.findall("answer [0-9]+", written(seat)) == [f"answer {n}" for n in range(300)]
    assert view.actions.places("e3"), "what was brought can be copied"
    view.follow()
    more = exchange(300, answer=AnswerText(["answer 300"]), stage=ExchangeStage.DONE)
    show(seat, conversation=Conversation(id="old", exchanges=(*many, more)))
    assert re.findall("answer [0-9]+", written(seat)) == [f"answer {n}" for n in range(241, 301)]
    assert not view.actions.places("e3")
    show(seat, conversation=Conversation(id="", exchanges=()))
    assert not written(seat).strip()
    assert view._welcome.winfo_ismapped()


def test_long_answers_are_drawn_few_at_a_time(seat: Seat) -> None:
    long = "line of an answer\n" * 200
    many = tuple(exchange(n, answer=AnswerText([long]), stage=ExchangeStage.DONE) for n in range(12))
    view = seat.window.chat.conversation
    core = seat.window.core
    old, core.state = core.state, replace(core.state, conversation=Conversation(id="long", exchanges=many))
    seat.window.render(old, core.state)
    assert len(view._drawn) == 1, "as many as 2,500 characters make"
    seat.wait(lambda: view.is_drawn, "the rest follows")
    assert len(view._drawn) == 12


@pytest.mark.requirement("1.5.3")
def test_the_machine_s_past_is_drawn(seat: Seat, desk: Desk) -> None:
    desk.hear("loading", phase="engine_start", eta_seconds=3.0)
    desk.core.press(intents.ShowTab("machine"))
    seat.settle()
    assert "loading the model" in seat.texts(seat.window.views["machine"])
    desk.hear("off", reason="idle for 5 minutes")
    seat.settle()
    assert "Machine shut down: idle for 5 minutes" in seat.texts(seat.window.views["machine"])


@pytest.mark.requirement("1.4.7")
def test_versions_are_turned_by_click_and_keys_and_a_prompt_is_edited(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    done = {"answer": AnswerText(["old words"]), "stage": ExchangeStage.DONE}
    first, other = exchange(1, **done), replace(exchange(2, prompt="Other", **done), number=1)
    after = replace(exchange(3, follows="e1", **done), number=2)
    show(seat, conversation=Conversation(id="c", exchanges=(first, after), others=(other,)))
    view = seat.window.chat.conversation
    seat.wait(lambda: view.is_drawn and len(view._drawn) == 2, "all is drawn")
    assert " 1/2 " in written(seat)
    start = next(start for name, start, _ in view.actions.places("e1") if name == "later")
    view.text.see(start)
    x, y, wide, high = view.text.bbox(start) or (0, 0, 0, 0)
    for kind in ("<Motion>", "<Button-1>", "<ButtonRelease-1>"):
        view.text.event_generate(kind, x=x + wide // 2, y=y + high // 2)
    seat.wait(lambda: "Other" in written(seat), "the other version is there")
    assert "Question" not in written(seat)
    assert " 2/2 " in written(seat)
    seat.focus(view.text)
    seat.key("<Alt-Left>")
    assert "Question 3" in written(seat)
    seat.focus(seat.window.chat.composer.text)
    seat.key("<Control-Up>")
    for _ in range(9):
        if view.text.get(*map(str, view.text.tag_ranges("chosen"))) == "Edit":
            break
        seat.key("<Right>")
    seat.key("<Return>")
    box = seat.window.chat.composer
    assert box.written() == "Question 3"
    assert "branch" in seat.texts(box)
    seat.type("?")
    assert box.written() == "Question 3?", "the prompt has the keyboard at once"
    seat.key("<Escape>")
    assert not box.written()
    seat.focus(view.text)
    seat.type("Hi")
    assert box.written() == "Hi", "what is typed beside the box goes into it"


def test_what_is_hidden_stays_hidden_in_a_new_theme(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    desk.core.press(intents.ShowTab("machine"))
    seat.settle()
    start = seat.window.views["machine"].start
    assert not start.winfo_manager(), "a machine runs"
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, appearance="dark")))
    seat.settle()
    assert not start.winfo_manager()


def test_no_timer_of_any_part_outlives_the_window(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[str] = []
    seat.window.chat.conversation.after(10_000, lambda: None)
    destroy = seat.root.destroy
    monkeypatch.setattr(seat.root, "destroy", lambda: left.append(str(seat.root.tk.call("after", "info"))) or destroy())
    seat.window.leave()
    assert left == [""]
