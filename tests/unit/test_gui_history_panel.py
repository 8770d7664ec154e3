"""The list of conversations: open, search, delete, export, and answers that still ran when the window was closed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.gui import Desk, accepted, event, job_view, share
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.state import Choice, ExchangeStage
from tlfif.history.history import ConversationSummary, KeptConversation, KeptExchange
from tlfif.jobs.events import EventKind
from tlfif.kernel.errors import StorageError


def kept(exchange_id: str = "x1", *, conversation: str = "c1", **changes: Any) -> KeptExchange:
    base: dict[str, Any] = {
        "id": exchange_id, "conversation_id": conversation, "job_id": f"job_{exchange_id}", "key": f"k-{exchange_id}",
        "prompt": "Hello", "answer": "Hi", "last_seq": 5, "status": "succeeded", "model": "smollm2",
        "receipt": "A receipt", "cost": "Cost $1", "note": "", "superseded": False, "asked_at": 1.0,
    }  # fmt: skip
    return KeptExchange(**{**base, **changes})


def conversation(*exchanges: KeptExchange, conversation_id: str = "c1") -> KeptConversation:
    return KeptConversation(
        id=conversation_id, title="Hello", created_at=1.0, updated_at=2.0, exchanges=exchanges or (kept(),)
    )


def summary(conversation_id: str = "c1") -> ConversationSummary:
    return ConversationSummary(id=conversation_id, title="A title", created_at=1.0, updated_at=2.0, exchanges=1)


def test_a_conversation_is_opened_with_everything_that_was_kept_and_goes_on() -> None:
    desk = Desk()
    desk.core.press(intents.OpenConversation("c1"))
    assert desk.bridge.last(commands.LoadConversation).conversation_id == "c1"
    failed = kept("x2", status="failed", note="It died.", answer="Half")
    unsent = kept("x3", status="sending", job_id=None, answer="", receipt="")
    desk.say(messages.ConversationLoaded(conversation=conversation(kept(), failed, unsent)))
    stages = [one.stage for one in desk.core.state.conversation.exchanges]
    assert stages == [ExchangeStage.DONE, ExchangeStage.FAILED, ExchangeStage.FAILED]
    first = desk.core.state.conversation.exchanges[0].receipt
    assert first is not None
    assert (first.line, first.cost) == ("A receipt", "Cost $1")
    problems = [one.problem.code for one in desk.core.state.conversation.exchanges if one.problem]
    assert problems == ["job_failed", "not_sent"]
    desk.core.press(intents.RetryAnswer("x3"))
    assert desk.bridge.last(commands.Ask).key == "k-x3"
    assert desk.bridge.last(commands.Ask).conversation_id == "c1"


def test_an_answer_under_way_elsewhere_is_shown_as_the_window_knows_it() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    one = desk.last
    desk.say(messages.AnswerAccepted(exchange_id=one.id, accepted=accepted()))
    desk.core.press(intents.NewConversation())
    desk.say(messages.AnswerExtended(exchange_id=one.id, text="More than is kept", seq=9))
    old = kept(one.id, conversation=one.conversation_id, status="running", answer="More", last_seq=4)
    desk.say(messages.ConversationLoaded(conversation=conversation(old, conversation_id=one.conversation_id)))
    assert str(desk.last.answer) == "More than is kept"
    assert desk.core.state.elsewhere == ()


def test_reopening_shows_the_newest_and_follows_every_answer_that_still_ran() -> None:
    desk = Desk()
    running = kept("x2", status="running", answer="Half", last_seq=7)
    other = kept("x9", conversation="c9", status="running", answer="", last_seq=0)
    unsent = kept("x3", status="sending", job_id=None)
    whole = conversation(kept(), running)
    desk.say(messages.UnfinishedFound(conversation=whole, exchanges=(other, unsent, running)))
    follows = [(one.exchange_id, one.job_id, one.after) for one in desk.bridge.all(commands.Follow)]
    assert follows == [("x9", "job_x9", 0), ("x2", "job_x2", 7)]
    assert [one.id for one in desk.core.state.conversation.exchanges] == ["x1", "x2"]
    assert [one.id for one in desk.core.state.elsewhere] == ["x9"]
    desk.say(messages.AnswerExtended(exchange_id="x2", text=" more", seq=8))
    desk.say(messages.AnswerProgressed(exchange_id="x2", event=event(9, EventKind.SUCCEEDED)))
    assert (str(desk.last.answer), desk.last.stage) == ("Half more", ExchangeStage.DONE)


def test_reopening_does_not_push_away_what_was_typed_meanwhile() -> None:
    desk = Desk()
    desk.core.press(intents.Send("New"))
    desk.say(messages.UnfinishedFound(conversation=conversation(), exchanges=(kept(status="running"),)))
    assert desk.last.prompt == "New"
    assert len(desk.core.state.elsewhere) == 1


def test_only_the_answer_to_the_last_search_counts() -> None:
    desk = Desk()
    desk.core.press(intents.SearchHistory("a"))
    desk.core.press(intents.SearchHistory("ab"))
    desk.say(messages.ConversationsListed(query="a", found=(summary("old"),)))
    assert desk.core.state.history.found == ()
    desk.say(messages.ConversationsListed(query="ab", found=(summary("new"),)))
    assert [one.id for one in desk.core.state.history.found] == ["new"]


def test_deleting_asks_and_then_deletes_for_good_and_cancels_what_runs() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    shown = desk.core.state.conversation.id
    desk.say(messages.ConversationsListed(query="", found=(summary(shown),)))
    desk.core.press(intents.DeleteConversation(shown))
    assert desk.core.state.dialog is not None
    assert "“A title” is deleted for good" in desk.core.state.dialog.text
    desk.core.press(intents.AnswerDialog(Choice.KEEP))
    assert not desk.bridge.all(commands.ForgetConversation)
    desk.core.press(intents.DeleteConversation(shown))
    desk.core.press(intents.AnswerDialog(Choice.DELETE))
    assert desk.bridge.last(commands.ForgetConversation).conversation_id == shown
    assert desk.bridge.last(commands.Cancel).job_id == "job_1"
    assert desk.core.state.conversation.exchanges == ()
    desk.say(messages.ConversationForgotten(conversation_id=shown))
    assert desk.bridge.last(commands.ListConversations).query == ""


def test_deleting_everything_says_what_it_means() -> None:
    desk = Desk()
    desk.core.press(intents.DeleteAllConversations())
    assert desk.core.state.dialog is not None
    assert desk.core.state.dialog.choices[0][0] is Choice.KEEP
    assert desk.core.state.dialog.escape is Choice.KEEP
    desk.core.press(intents.AnswerDialog(Choice.DELETE))
    assert desk.bridge.last(commands.ForgetConversation).conversation_id is None


def test_an_export_says_where_it_went_or_why_not() -> None:
    desk = Desk()
    path = Path("talk.md")
    desk.core.press(intents.ExportConversation("c1", path))
    assert desk.bridge.last(commands.Export).path == path
    desk.say(messages.ConversationExported(path=str(path)))
    assert desk.core.state.history.exported_to == "talk.md"
    refusal = StorageError("No room. Choose another place.", code="storage_failed")
    desk.say(messages.CommandFailed(command="Export", error=refusal))
    assert desk.core.state.notices[0].problem.message.startswith("No room")


@pytest.mark.parametrize("available", [True, False])
def test_trouble_with_the_file_is_a_message_not_silence(available: bool) -> None:
    desk = Desk()
    desk.say(messages.HistoryProblemFound(message="The file was set aside.", available=available))
    assert desk.core.state.history.available is available
    assert desk.core.state.notices[0].problem.message == "The file was set aside."


def test_the_list_is_read_again_when_an_answer_has_ended() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    before = len(desk.bridge.all(commands.ListConversations))
    desk.say(messages.AnswerPriced(exchange_id=desk.last.id, job=job_view(cost=share())))
    assert len(desk.bridge.all(commands.ListConversations)) == before + 1


def test_of_a_very_long_conversation_it_is_said_how_much_is_not_shown() -> None:
    desk = Desk()
    long = replace(conversation(kept("x8"), kept("x9")), earlier=98_000)
    desk.say(messages.ConversationLoaded(conversation=long))
    marks = [one.marks for one in desk.core.state.conversation.exchanges]
    assert marks == [("98,000 earlier answers are not shown here: Export writes them all.",), ()]
