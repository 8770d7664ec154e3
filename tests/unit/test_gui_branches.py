"""Branches: a prompt that is edited, another answer, and the way between them."""

import pytest

from tests.fakes.gui import Desk, accepted, event, job_view, model_view, receipt_view, share
from tests.unit.test_gui_chat import answered, finish, say_next
from tlfif.client.errors import NotPossibleError
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.presenters.branches import versions
from tlfif.gui.views.exchange_lines import EARLIER, NAMES, foot_of, head_of, name_of
from tlfif.history.branches import path_to
from tlfif.jobs.events import EventKind


def said(desk: Desk) -> list[str]:
    """What the model was sent last."""
    return [one["content"] for one in desk.bridge.last(commands.Ask).asking["messages"]]


def shown(desk: Desk) -> list[str]:
    return [f"{one.prompt}: {one.answer}" for one in desk.core.state.conversation.exchanges]


def edit(desk: Desk, exchange_id: str, prompt: str, answer: str) -> None:
    desk.core.press(intents.EditPrompt(exchange_id))
    assert desk.core.state.composer.draft is not None
    say_next(desk, prompt, answer)


@pytest.mark.requirement("1.4.7")
def test_an_edited_prompt_begins_a_branch_and_both_stay_reachable() -> None:
    desk = answered("one", prompt="First")
    say_next(desk, "Second", "two")
    say_next(desk, "Third", "three")
    second = desk.core.state.conversation.exchanges[1].id
    edit(desk, second, "Second, but shorter", "2")
    assert shown(desk) == ["First: one", "Second, but shorter: 2"]
    assert said(desk) == ["First", "one", "Second, but shorter"]
    say_next(desk, "Fourth", "four")
    assert said(desk) == ["First", "one", "Second, but shorter", "2", "Fourth"]
    edited = desk.core.state.conversation.exchanges[1]
    assert versions(desk.core.state.conversation) == {edited.id: (second, edited.id)}
    assert (NAMES[EARLIER], ("who", "prompt", "first", "action", "do-earlier")) in head_of(edited, (2, 2))

    desk.core.press(intents.TurnVersion(edited.id, -1))
    assert shown(desk) == ["First: one", "Second: two", "Third: three"]
    assert desk.bridge.last(commands.KeepBranch).tip == desk.core.state.conversation.exchanges[-1].id
    say_next(desk, "Fifth", "five")
    assert said(desk)[-3:] == ["Third", "three", "Fifth"]
    desk.core.press(intents.TurnVersion(second, 1))
    assert shown(desk) == ["First: one", "Second, but shorter: 2", "Fourth: four"]
    desk.core.press(intents.TurnVersion(edited.id, 1))
    assert shown(desk)[-1] == "Fifth: five", "round at the end"


def test_the_first_prompt_can_be_edited_and_editing_can_be_left() -> None:
    desk = answered("one", prompt="First")
    first = desk.last.id
    desk.core.press(intents.EditPrompt(first))
    before = desk.core.state.composer
    assert (before.editing, before.draft and before.draft.text) == (first, "First")
    desk.core.press(intents.LeaveEditing())
    assert (desk.core.state.composer.editing, desk.core.state.composer.clear) == ("", before.clear + 1)
    edit(desk, first, "Other", "another")
    assert said(desk) == ["Other"]
    assert desk.core.state.composer.editing == ""


def test_an_edited_prompt_that_is_refused_is_still_one_that_is_edited() -> None:
    desk = answered("one", prompt="First")
    say_next(desk, "Second", "two")
    first, second = desk.core.state.conversation.exchanges
    desk.core.press(intents.EditPrompt(second.id))
    desk.core.press(intents.Send("Changed"))
    error = NotPossibleError("Full.", code="queue_full")
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=error, accepted=False))
    assert desk.core.state.composer.editing == second.id
    assert shown(desk) == ["First: one"]
    desk.core.press(intents.Send("Changed again"))
    assert desk.bridge.last(commands.Ask).follows == first.id


def test_another_answer_further_up_is_a_branch_too() -> None:
    desk = answered("one", prompt="First")
    say_next(desk, "Second", "two")
    first = desk.core.state.conversation.exchanges[0].id
    desk.core.press(intents.Regenerate(first))
    assert said(desk) == ["First"]
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted("job_3")))
    new = desk.last.id
    desk.core.press(intents.TurnVersion(new, -1))
    assert shown(desk) == ["First: one", "Second: two"]
    assert not desk.core.state.composer.can_send, "the other version is being answered"
    finish_of(desk, new)
    assert desk.core.state.composer.can_send
    desk.core.press(intents.TurnVersion(first, 1))
    assert shown(desk) == ["First: 1"]


def finish_of(desk: Desk, exchange_id: str) -> None:
    desk.say(messages.AnswerExtended(exchange_id=exchange_id, text="1", seq=3))
    other = [one for one in desk.core.state.conversation.others if one.id == exchange_id]
    assert str(other[0].answer) == "1"
    over = event(4, EventKind.SUCCEEDED, receipt=receipt_view())
    desk.say(messages.AnswerProgressed(exchange_id=exchange_id, event=over))


@pytest.mark.requirement("1.4.7")
def test_a_loop_or_a_gap_in_what_was_kept_ends_the_path() -> None:
    assert path_to({"a": "b", "b": "a"}, "b") == ["a", "b"]
    assert path_to({"a": "gone"}, "a") == ["a"]
    assert path_to({}, "a") == []


def test_one_short_line_of_what_an_answer_took_and_the_rest_on_request() -> None:
    desk = answered("one")
    one = desk.last.id
    desk.say(messages.AnswerPriced(exchange_id=one, job=job_view(cost=share(usd=0.0), simulated_aws=share(usd=0.1))))
    text = "".join(piece for piece, _ in foot_of(desk.last))
    assert "3.0 s · no cost" in text
    assert "first word" not in text
    desk.core.press(intents.ShowDetails(one))
    text = "".join(piece for piece, _ in foot_of(desk.last))
    assert "first word" in text
    assert "on AWS" in text
    assert "Fewer details" in text


def test_the_notice_about_another_model_stands_once_and_the_speed_is_said_while_words_come() -> None:
    desk = answered("one")
    models = {"wanted": model_view("tinyllama"), "fallback": model_view("smollm2"), "code": "offline"}
    for prompt in ("Second", "Third"):
        desk.core.press(intents.Send(prompt))
        desk.say(messages.FallbackChosen(exchange_id=desk.last.id, **models))
        finish(desk, "two")
    assert [len(one.marks) for one in desk.core.state.conversation.exchanges] == [0, 1, 0]
    desk.core.press(intents.Send("Fourth"))
    desk.say(messages.AnswerExtended(exchange_id=desk.last.id, text="word", seq=1))
    desk.pass_time(2.0)
    desk.say(messages.AnswerExtended(exchange_id=desk.last.id, text="word " * 16, seq=2))
    assert desk.last.status == "about 10 tokens/s"


@pytest.mark.requirement("1.4.13")
def test_two_answers_are_compared_and_one_of_them_goes_on() -> None:
    desk = answered("one", prompt="First")
    first = desk.last.id
    desk.core.press(intents.CompareWith(first, model="smollm2", temperature=1.2))
    sent = desk.bridge.last(commands.Ask)
    assert (sent.asking["model"], sent.asking["temperature"], sent.setting) == ("smollm2", 1.2, "temperature 1.2")
    new = desk.last.id
    assert desk.core.state.conversation.compared == (first, new)
    desk.say(messages.AnswerAccepted(exchange_id=new, accepted=accepted("job_2")))
    finish(desk, "two")
    assert name_of(desk.last).endswith("temperature 1.2")
    desk.core.press(intents.ChooseVersion(first))
    assert (shown(desk), desk.core.state.conversation.compared) == (["First: one"], ())
    assert desk.bridge.last(commands.KeepBranch).tip == first
    desk.core.press(intents.CompareVersions(first, new))
    assert desk.core.state.conversation.compared == (first, new)
    desk.core.press(intents.CompareVersions(first, "gone"))
    desk.core.press(intents.EndComparing())
    assert desk.core.state.conversation.compared == ()
    desk.core.press(intents.CompareVersions(first, new))
    say_next(desk, "Second", "three")
    assert (desk.core.state.conversation.compared, said(desk)) == ((), ["First", "one", "Second"])


@pytest.mark.requirement("1.4.12")
def test_only_addresses_of_the_web_and_of_letters_are_opened_and_a_conversation_is_printed() -> None:
    desk = answered("one")
    for address in ("https://a.org/b", "mailto:me@a.org", "file:///etc/passwd", "javascript:alert(1)", "http://a b"):
        desk.core.press(intents.OpenLink(address))
    assert [one.address for one in desk.bridge.all(commands.OpenLink)] == ["https://a.org/b", "mailto:me@a.org"]
    desk.core.press(intents.PrintConversation("c1"))
    assert desk.bridge.last(commands.Print).conversation_id == "c1"
