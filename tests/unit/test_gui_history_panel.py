"""The list of conversations: open, search, delete, export, and answers that still ran when the window was closed."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.gui import Desk, accepted, event
from tlfif.client.errors import RefusedError
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.state import Choice, ExchangeStage
from tlfif.gui.presenters.history import running_words
from tlfif.history.arranging import MarkDeleted, MoveTo, NameFolder, Rename
from tlfif.history.groups import grouped, when
from tlfif.history.kept import KeptConversation, KeptExchange
from tlfif.history.listing import ConversationSummary, DeletedConversation, Folder
from tlfif.jobs.events import EventKind
from tlfif.kernel.errors import StorageError


def kept(exchange_id: str = "x1", *, conversation: str = "c1", **changes: Any) -> KeptExchange:
    base: dict[str, Any] = {
        "id": exchange_id, "conversation_id": conversation, "job_id": f"job_{exchange_id}", "key": f"k-{exchange_id}",
        "prompt": "Hello", "answer": "Hi", "last_seq": 5, "status": "succeeded", "model": "smollm2",
        "receipt": "A receipt", "cost": "Cost $1", "note": "", "asked_at": 1.0,
    }  # fmt: skip
    return KeptExchange(**{**base, **changes})


def conversation(*exchanges: KeptExchange, conversation_id: str = "c1") -> KeptConversation:
    """Without branches: each goes on from the one before."""
    one_line: list[KeptExchange] = []
    for one in exchanges or (kept(),):
        one_line.append(replace(one, follows=one_line[-1].id if one_line else None))
    return KeptConversation(
        id=conversation_id, title="Hello", created_at=1.0, updated_at=2.0, exchanges=tuple(one_line)
    )


def summary(conversation_id: str = "c1") -> ConversationSummary:
    return ConversationSummary(id=conversation_id, title="A title", created_at=1.0, updated_at=2.0, exchanges=1)


def test_a_conversation_is_opened_with_everything_that_was_kept_and_goes_on() -> None:
    desk = Desk()
    desk.core.press(intents.OpenConversation("c1"))
    assert desk.bridge.last(commands.LoadConversation).conversation_id == "c1"
    failed = kept("x2", status="failed", note="It died.", answer="Half")
    unsent = kept("x3", status="sending", job_id=None, answer="", receipt="", setting="temperature 1.2")
    desk.say(messages.ConversationLoaded(conversation=conversation(kept(), failed, unsent)))
    stages = [one.stage for one in desk.core.state.conversation.exchanges]
    assert stages == [ExchangeStage.DONE, ExchangeStage.FAILED, ExchangeStage.FAILED]
    first = desk.core.state.conversation.exchanges[0].receipt
    assert first is not None
    assert (first.line, first.cost) == ("A receipt", "Cost $1")
    problems = [one.problem.code for one in desk.core.state.conversation.exchanges if one.problem]
    assert problems == ["job_failed", "not_sent"]
    assert desk.last.setting == "temperature 1.2"
    desk.core.press(intents.RetryAnswer("x3"))
    ask = desk.bridge.last(commands.Ask)
    assert (ask.key, ask.conversation_id) == ("k-x3", "c1")
    assert (ask.setting, desk.last.setting) == ("", ""), "it is asked with the usual settings and says no others"


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
    running = kept("x2", follows="x1", status="running", answer="Half", last_seq=7)
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


def doomed(desk: Desk) -> list[str]:
    """What can be brought back."""
    return [one.id for one in desk.core.state.history.deleted]


@pytest.mark.requirement("1.4.5")
def test_what_is_deleted_can_be_brought_back_for_a_minute_and_is_then_gone_at_the_server_too() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    shown = desk.core.state.conversation.id
    desk.say(messages.ConversationsListed(query="", found=(summary(shown), summary("c2"))))
    for name in (shown, "c2"):
        desk.core.press(intents.DeleteConversation(name))
        assert desk.bridge.last(commands.ArrangeHistory).change == MarkDeleted(name, desk.clock.now())
    assert desk.bridge.last(commands.Cancel).job_id == "job_1", "its answer would go on costing money"
    assert (desk.core.state.conversation.exchanges, desk.core.state.history.found) == ((), ())
    desk.core.press(intents.UndoDelete())
    assert desk.bridge.last(commands.ArrangeHistory).change == MarkDeleted("c2", None)
    assert desk.bridge.last(commands.LoadConversation).conversation_id == "c2", "nothing else is open"
    marked = (DeletedConversation(id=shown, title="A title", deleted_at=desk.clock.now()),)
    desk.say(messages.ConversationsListed(query="", found=(summary("c2"),), deleted=marked))
    desk.pass_time(59)
    assert (doomed(desk), desk.core.state.history.deleted[0].left) == ([shown], 1)
    assert not desk.bridge.all(commands.ForgetConversation)
    desk.pass_time(1.1)
    desk.pass_time(1.1)
    (forget,) = desk.bridge.all(commands.ForgetConversation)
    assert (forget.conversation_id, forget.at) == (shown, "this computer")
    desk.say(messages.ConversationForgotten(conversation_id=shown))
    assert desk.bridge.last(commands.ListConversations).query == ""
    desk.say(messages.ConversationsListed(query="", found=(summary("c2"),)))
    assert (doomed(desk), desk.core.state.history.forgetting) == ([], "")


def test_a_window_that_closes_deletes_at_once_what_it_deleted_itself() -> None:
    desk = Desk()
    other = DeletedConversation(id="c9", title="T", deleted_at=desk.clock.now() - 20)
    desk.say(messages.ConversationsListed(query="", found=(summary(),), deleted=(other,)))
    assert [one.left for one in desk.core.state.history.deleted] == [40]
    desk.core.press(intents.DeleteConversation("c1"))
    desk.core.press(intents.CloseWindow())
    assert [one.conversation_id for one in desk.bridge.all(commands.ForgetConversation)] == ["c1"]


@pytest.mark.requirement("1.4.5")
def test_what_was_deleted_before_the_window_was_killed_goes_when_it_is_opened_again() -> None:
    desk = Desk()
    old = DeletedConversation(id="c9", title="T", deleted_at=desk.clock.now() - 9000)
    ahead = DeletedConversation(id="c8", title="T", deleted_at=desk.clock.now() + 9000)
    desk.say(messages.ConversationsListed(query="", found=(), deleted=(old, ahead)))
    desk.pass_time(1)
    assert [one.conversation_id for one in desk.bridge.all(commands.ForgetConversation)] == ["c9"]
    assert [one.left for one in desk.core.state.history.deleted] == [0, 59], "a clock that was set back"


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


def test_a_conversation_that_has_begun_is_in_the_list_at_once_and_stays_there_when_another_is_opened() -> None:
    desk = Desk()
    desk.say(messages.ConversationsListed(query="", found=(summary(),)))
    desk.core.press(intents.Send("Hi. What is new?"))
    begun = desk.core.state.conversation.id
    desk.say(messages.ConversationsListed(query="", found=(summary(),)))
    assert next((one.id, one.title) for one in desk.core.state.history.found) == (begun, "What is new?")
    assert running_words(desk.core.state) == {begun: "Sending"}
    desk.core.press(intents.NewConversation())
    desk.say(messages.AnswerExtended(exchange_id=desk.core.state.elsewhere[0].id, text="Much", seq=3))
    assert running_words(desk.core.state) == {begun: "Answering…"}
    written = replace(summary(begun), title="What is new? (2)")
    desk.say(messages.ConversationsListed(query="", found=(written, summary())))
    assert len(desk.core.state.history.found) == 2


def test_another_program_s_change_is_seen_and_its_answers_are_read() -> None:
    desk = Desk()
    desk.say(messages.ConversationLoaded(conversation=conversation()))
    first = desk.last
    desk.say(messages.HistoryChanged(foreign=False))
    assert desk.bridge.last(commands.ListConversations).query == ""
    assert not desk.bridge.all(commands.LoadConversation)
    running = kept("x2", status="running", answer="Half", last_seq=7, follows="x1")
    desk.say(messages.UnfinishedFound(exchanges=(running,)), messages.HistoryChanged(foreign=True))
    assert desk.bridge.last(commands.LoadConversation).again
    desk.say(messages.UnfinishedFound(exchanges=(running,)))
    assert len(desk.bridge.all(commands.Follow)) == 1, "it is read already"
    renamed = replace(conversation(kept(), running), title="Renamed")
    desk.say(messages.ConversationLoaded(conversation=renamed, again=True))
    shown = desk.core.state.conversation
    assert (shown.title, [one.id for one in shown.exchanges]) == ("Renamed", ["x1", "x2"])
    assert shown.exchanges[0] is first, "what is the same is not drawn again"
    assert (desk.core.state.elsewhere, shown.is_busy) == ((), True)
    ended = conversation(kept(), kept("x2", answer="Half and half"))
    desk.say(messages.ConversationLoaded(conversation=ended, again=True))
    assert desk.last.stage is ExchangeStage.WAITING, "this window reads its end itself"
    desk.say(messages.AnswerProgressed(exchange_id="x2", event=event(9, EventKind.SUCCEEDED)))
    desk.say(messages.ConversationForgotten(conversation_id="c1"))
    assert desk.core.state.conversation.exchanges == ()


def test_a_refused_prompt_stands_in_the_box_and_is_not_read_back_into_the_conversation() -> None:
    desk = Desk()
    desk.say(messages.ConversationLoaded(conversation=conversation()))
    desk.core.press(intents.Send("Again?"))
    sent = desk.last
    desk.say(messages.AnswerFailed(exchange_id=sent.id, error=RefusedError("No.", code="queue_full"), accepted=False))
    stored = conversation(kept(), kept(sent.id, status="failed", follows="x1"))
    desk.say(messages.ConversationLoaded(conversation=stored, again=True))
    assert [one.id for one in desk.core.state.conversation.exchanges] == ["x1"]


def test_a_running_conversation_of_another_program_is_read_on_when_it_is_opened() -> None:
    desk = Desk()
    desk.core.press(intents.OpenConversation("c1"))
    desk.say(messages.ConversationLoaded(conversation=conversation(kept(status="running", answer="Ha", last_seq=4))))
    follow = desk.bridge.last(commands.Follow)
    assert (follow.exchange_id, follow.after) == ("x1", 4)


def test_a_search_goes_to_each_answer_that_has_its_words() -> None:
    desk = Desk()
    desk.core.press(intents.SearchHistory("Straße"))
    texts = {"x1": "die STRASSE", "x2": "nothing", "x3": "strasse", "x4": "Eine Straße."}
    desk.say(messages.ConversationLoaded(conversation=conversation(*(kept(n, answer=t) for n, t in texts.items()))))
    seen = []
    for step in (0, 1, 1, -1, -1):
        desk.core.press(intents.GoToMatch(step))
        matches = desk.core.state.history.matches
        assert matches is not None
        seen.append(matches.exchange_id)
    assert seen == ["x4", "x1", "x3", "x1", "x4"], "the newest first, as the list shows it; then round"
    desk.core.press(intents.SearchHistory("eine"))
    desk.core.press(intents.OpenConversation("c1"))
    matches = desk.core.state.history.matches
    assert matches is not None
    assert matches.exchanges == ("x4",)
    desk.core.press(intents.SearchHistory(""))
    assert desk.core.state.history.matches is None


def test_a_search_goes_into_every_branch() -> None:
    desk = Desk()
    desk.core.press(intents.SearchHistory("cat"))
    one, other = kept("x1", answer="A cat."), kept("x2", answer="Another cat.", instead_of="x1")
    last = kept("x3", answer="No dog.", follows="x2")
    branched = replace(conversation(), exchanges=(one, other, last))
    desk.say(messages.ConversationLoaded(conversation=branched))
    assert [one.id for one in desk.core.state.conversation.exchanges] == ["x2", "x3"]
    desk.core.press(intents.GoToMatch(1))
    assert [one.id for one in desk.core.state.conversation.exchanges] == ["x1"]
    desk.core.press(intents.GoToMatch(1))
    assert [one.id for one in desk.core.state.conversation.exchanges] == ["x2", "x3"]


def test_what_is_named_and_put_into_folders() -> None:
    desk = Desk()
    desk.core.press(intents.NewFolder("c1"))
    made, moved = (one.change for one in desk.bridge.all(commands.ArrangeHistory))
    assert (made.name, moved) == ("New folder", MoveTo("c1", made.folder_id))
    assert desk.core.state.history.naming == made.folder_id
    folders = (Folder(id=made.folder_id, name="New folder"),)
    desk.say(messages.ConversationsListed(query="", found=(), folders=folders))
    assert desk.core.state.history.naming == made.folder_id
    desk.core.press(intents.ArrangeHistory(NameFolder(made.folder_id, " House\n ")))
    assert desk.bridge.last(commands.ArrangeHistory).change == NameFolder(made.folder_id, "House")
    assert desk.core.state.history.naming == ""
    sent = len(desk.bridge.all(commands.ArrangeHistory))
    desk.core.press(intents.ArrangeHistory(Rename("c1", " \x00 ")))
    assert len(desk.bridge.all(commands.ArrangeHistory)) == sent, "a blank name is none"
    desk.core.press(intents.FoldGroup("archived"))
    assert "archived" not in desk.core.state.history.closed


def test_the_list_in_groups() -> None:
    today = date(2026, 12, 3)  # a Thursday

    def at(day: int, month: int = 12, year: int = 2026, **more: Any) -> ConversationSummary:
        when = datetime(year, month, day, 9, 30).timestamp()
        return replace(summary(f"{year}-{month}-{day}{len(more)}"), updated_at=when, **more)

    found = (
        at(3), at(3, running=True), at(2), at(2, pinned=True), at(1), at(30, 11), at(28, 11, folder="f1"), at(27, 11),
        at(3, 2, 2025), at(2, 2, 2025, archived=True), at(1, 2, 2025, folder="gone"),
    )  # fmt: skip
    folders = (Folder(id="f2", name="Empty"), Folder(id="f1", name="House"))
    groups = grouped(found, folders, running={"2026-12-10"}, closed={"archived"}, today=today)
    assert [(one.name, [row.id for row in one.conversations]) for one in groups] == [
        ("Answering now", ["2026-12-31", "2026-12-10"]),
        ("Pinned", ["2026-12-21"]),
        ("Empty", []),
        ("House", ["2026-11-281"]),
        ("Today", ["2026-12-30"]),
        ("Yesterday", ["2026-12-20"]),
        ("Earlier this week", ["2026-11-300"]),
        ("November", ["2026-11-270"]),
        ("February 2025", ["2025-2-30", "2025-2-11"]),
        ("Archived", ["2025-2-21"]),
    ]
    assert [one.closed for one in groups] == [False] * 9 + [True]
    assert [when(one.updated_at, today) for one in found[:1] + found[5:6] + found[7:9]] == [
        "09:30", "Monday 09:30", "27 Nov", "3 Feb 2025",
    ]  # fmt: skip
    (one,) = grouped(found, folders, searched=True, today=today)
    assert (one.name, len(one.conversations)) == ("11 conversations found", 11)
    assert grouped((), folders, searched=True, today=today) == []


def test_of_a_very_long_conversation_it_is_said_how_much_is_not_shown() -> None:
    desk = Desk()
    long = replace(conversation(kept("x8"), kept("x9")), earlier=98_000)
    desk.say(messages.ConversationLoaded(conversation=long))
    marks = [one.marks for one in desk.core.state.conversation.exchanges]
    assert marks == [("98,000 earlier answers are not shown here: Export writes them all.",), ()]
