"""What the bridge keeps: past conversations, answers that still ran, other windows, what is deleted, settings."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.fakes.bridge import Window, an_ask, closed, deltas, machine_news, opened_windows, stage_of, until
from tests.fakes.gui import FakeWindowClient, Script, event, job_view, receipt_view, share
from tlfif.client.errors import NotPossibleError
from tlfif.gui.core import WindowCore
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.preferences import Preferences, load_preferences, save_preferences
from tlfif.gui.model.state import Exchange, ExchangeStage
from tlfif.gui.presenters.kept_conversations import exchange_of
from tlfif.history.arranging import MarkDeleted, Rename
from tlfif.history.history import History
from tlfif.history.kept import KeptExchange
from tlfif.jobs.events import EventKind


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Callable[..., Window]]:
    yield from opened_windows(tmp_path)


@pytest.mark.requirement("1.3.4")
def test_reopening_goes_on_where_the_answer_was(windows: Callable[..., Window]) -> None:
    first = windows(Script([*deltas("Half an ", "answer"), machine_news()], hang=True))
    first.bridge.send(an_ask())
    first.wait_for(messages.AnswerDelayed)
    first.bridge.close()
    script = Script([*deltas(" and more", first=4), event(5, EventKind.SUCCEEDED)])
    client = FakeWindowClient(script)
    client.job_answer = job_view(answer=None)
    again = windows(client=client)
    core = WindowCore(again.bridge)
    until(lambda: (core.poll(), stage_of(core) is ExchangeStage.DONE)[1], "the answer is whole")
    assert client.followed == [("job_1", 3)]
    assert str(core.state.conversation.exchanges[0].answer) == "Half an answer and more"


def test_a_start_before_the_window_was_reopened_stands_in_the_receipt_that_is_kept(
    windows: Callable[..., Window],
) -> None:
    first = windows(Script([*deltas("Half"), machine_news()], hang=True))
    first.bridge.send(an_ask())
    first.wait_for(messages.AnswerDelayed)
    first.bridge.close()
    end = event(5, EventKind.SUCCEEDED, receipt=receipt_view())
    client = FakeWindowClient(Script([*deltas(" and more", first=3), end]))
    client.job_answer = job_view(answer=None, simulated_aws=share(boot_usd=0.0002))
    again = windows(client=client)
    core = WindowCore(again.bridge)

    def line() -> str:
        core.poll()
        exchanges = core.state.conversation.exchanges
        return exchanges[0].receipt.line if exchanges and exchanges[0].receipt else ""

    until(lambda: "machine started for this (2.0 s)" in line(), "the window says so")
    kept = closed(again)
    assert "machine started for this (2.0 s)" in kept[0].receipt


def test_what_an_answer_cost_and_who_ended_it_are_kept(windows: Callable[..., Window]) -> None:
    client = FakeWindowClient(Script([*deltas("Half"), event(3, EventKind.CANCELLED, receipt=receipt_view())]))
    client.job_answer = job_view(status="cancelled", cancel_reason="stopped by you", answer="Half", cost=share())
    window = windows(client=client)
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    kept = closed(window)
    (one,) = kept
    assert (one.note, one.cost) == ("It ended because it was stopped by you.", "Cost $0.0004 · 0.0003 €")


@pytest.mark.parametrize(
    "items",
    [
        [*deltas("Half"), event(3, EventKind.FAILED, error_code="run_timeout", error_message="It took too long.")],
        [event(2, EventKind.FAILED, error_code="answer_empty", error_message="Nothing (./tlfif jobs) came.")],
        [event(2, EventKind.EXPIRED)],
        [event(2, EventKind.FAILED)],
        [*deltas("Whole"), event(3, EventKind.SUCCEEDED, receipt=receipt_view())],
        [*deltas("It was"), event(3, EventKind.SUCCEEDED, receipt=receipt_view(finish_reason="length"))],
    ],
)
def test_a_past_conversation_shows_what_the_live_one_showed(windows: Callable[..., Window], items: list[Any]) -> None:
    client = FakeWindowClient(Script(items))
    client.job_answer = job_view(receipt=None, answer=None, reasoning="Well, now.\n")
    window = windows(client=client)
    core = WindowCore(window.bridge)
    core.press(intents.Send("Hello"))

    def over() -> Exchange | None:
        core.poll()
        one = core.state.conversation.exchanges[0]
        return one if one.stage.is_over and (one.reasoning or one.job_id is None) else None

    live = until(over, "the answer has ended")
    conversation = live.conversation_id
    window.bridge.close()
    history = History(window.folder / "history.db")
    kept = history.conversation(conversation)
    history.close()
    assert kept is not None
    past = exchange_of(kept.exchanges[0])

    def shown(one: Exchange) -> Any:
        receipt = one.receipt and (one.receipt.line, one.receipt.cost)
        return (one.stage, str(one.answer), one.reasoning, one.problem, one.status, receipt)

    assert shown(past) == shown(live)


def test_another_answer_that_fails_leaves_the_one_before_in_the_history(windows: Callable[..., Window]) -> None:
    end = event(9, EventKind.SUCCEEDED, receipt=receipt_view())
    window = windows(Script([*deltas("Hi"), end]), Script([NotPossibleError("Used up.", code="budget_locked")]))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    window.bridge.send(structs.replace(an_ask("x2"), instead_of="x1", setting="temperature 1.2"))
    window.wait_for(messages.AnswerFailed)
    kept = closed(window)
    assert [(one.id, one.follows, one.instead_of, one.setting) for one in kept] == [
        ("x1", None, None, ""),
        ("x2", None, "x1", "temperature 1.2"),
    ]


def test_a_history_that_cannot_be_kept_costs_no_answer_and_is_said_once(
    windows: Callable[..., Window], tmp_path: Path
) -> None:
    (tmp_path / "w").write_text("a file where the folder should be")
    window = windows(Script([*deltas("Hi"), event(3, EventKind.SUCCEEDED)]))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    assert [item.available for item in window.all(messages.HistoryProblemFound)] == [False]
    assert window.all(messages.AnswerExtended)[0].text == "Hi"
    (tmp_path / "w").unlink()
    window.bridge.send(commands.ListConversations(query=""))
    window.wait_for(messages.HistoryKept)
    done = messages.CommandDone(command="ListConversations")
    until(lambda: window.heard.extend(window.bridge.poll(100)) or done in window.heard, "it is done")


def test_an_answer_that_starts_over_is_kept_without_what_was_dropped(windows: Callable[..., Window]) -> None:
    restarted = event(4, EventKind.RESTARTED, reason="the machine died", attempt=1)
    script = Script([*deltas("Wrong ", "start"), restarted, *deltas("Right", first=5), event(6, EventKind.SUCCEEDED)])
    client = FakeWindowClient(script)
    client.job_answer = job_view(answer=None)
    window = windows(client=client)
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    kinds = [
        type(item).__name__
        for item in window.heard
        if isinstance(item, messages.AnswerExtended | messages.AnswerProgressed)
    ]
    assert [kind for kind, _ in groupby(kinds)] == [
        "AnswerExtended",
        "AnswerProgressed",
        "AnswerExtended",
        "AnswerProgressed",
    ]
    window.bridge.send(commands.LoadConversation(conversation_id="c1"))
    assert window.wait_for(messages.ConversationLoaded).conversation.exchanges[0].answer == "Right"


def test_the_history_is_searched_exported_and_deleted_behind_the_window(
    windows: Callable[..., Window], tmp_path: Path
) -> None:
    window = windows(Script([*deltas("Hi"), event(3, EventKind.SUCCEEDED)]))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    window.bridge.send(commands.ListConversations(query="hello"))
    listed = until(lambda: window.wait_for(messages.ConversationsListed, 2), "the search")
    assert (listed.query, [one.id for one in listed.found]) == ("hello", ["c1"])
    window.bridge.send(commands.Export(conversation_id="c1", path=tmp_path / "talk.md"))
    assert window.wait_for(messages.ConversationExported).path == str(tmp_path / "talk.md")
    assert "> Hello" in (tmp_path / "talk.md").read_text("utf-8")
    window.bridge.send(commands.Export(conversation_id="c1", path=tmp_path / "no" / "talk.md"))
    assert window.wait_for(messages.CommandFailed).command == "Export"
    window.bridge.send(commands.ForgetConversation(conversation_id="c1"))
    window.bridge.send(commands.ArrangeHistory(change=Rename("c1", "Still here")))
    window.bridge.send(commands.ListConversations(query="still"))
    until(lambda: [one.title for one in window.wait_for(messages.ConversationsListed, 3).found], "it was not marked")
    window.bridge.send(commands.ArrangeHistory(change=MarkDeleted("c1", 1.0)))
    window.bridge.send(commands.ForgetConversation(conversation_id="c1"))
    window.wait_for(messages.ConversationForgotten)
    window.bridge.send(commands.ForgetConversation(conversation_id=None))
    assert window.wait_for(messages.ConversationForgotten, 2).conversation_id is None


def test_two_windows_see_each_other_s_conversations(
    windows: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlfif.gui.bridge.archive.LOOK_SECONDS", 0.01)

    def foreign(count: int) -> None:
        """Until that window has heard of so many changes by the other one."""
        until(
            lambda: (
                one.heard.extend(one.bridge.poll(100))
                or sum(heard.foreign for heard in one.all(messages.HistoryChanged)) >= count
            ),
            "it is seen",
        )

    one = windows(Script([*deltas("Hi")], hang=True))
    one.bridge.send(an_ask())
    one.wait_for(messages.AnswerExtended)
    other = windows(Script([*deltas("Hi"), event(3, EventKind.SUCCEEDED)]))
    there = other.wait_for(messages.UnfinishedFound)
    assert (there.conversation, [found.id for found in there.exchanges]) == (None, ["x1"]), "the first one shows it"
    assert [found.running for found in other.wait_for(messages.ConversationsListed).found] == [True]
    other.bridge.send(commands.Follow(exchange_id="x1", job_id="job_1", after=0))
    foreign(1)
    other.bridge.send(commands.ArrangeHistory(change=Rename("c1", "Named there")))
    foreign(2)
    one.bridge.send(commands.LoadConversation(conversation_id="c1", again=True))
    again = one.wait_for(messages.ConversationLoaded)
    assert (again.again, again.conversation.title, again.conversation.exchanges[0].status) == (
        True, "Named there", "succeeded",
    )  # fmt: skip


def test_a_prompt_sent_while_the_file_is_opened_is_none_that_was_left_unfinished(
    windows: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = History.unfinished

    def late(history: History) -> list[KeptExchange]:
        time.sleep(0.1)  # meanwhile the prompt is there
        return read(history)

    monkeypatch.setattr(History, "unfinished", late)
    window = windows(Script([*deltas("Hi")], hang=True))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerExtended)
    window.wait_for(messages.ConversationsListed)
    assert not window.all(messages.UnfinishedFound)


def test_what_was_deleted_just_before_the_window_closes_is_gone_at_the_server_and_here(
    windows: Callable[..., Window], tmp_path: Path
) -> None:
    window = windows(Script([*deltas("MARKER"), event(3, EventKind.SUCCEEDED)]))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)
    window.bridge.send(commands.ArrangeHistory(change=MarkDeleted("c1", 1.0)))
    window.bridge.send(commands.ForgetConversation(conversation_id="c1", at="this computer"))
    window.bridge.close()
    assert window.client.done == ["delete job_1"]
    assert not any(b"marker" in file.read_bytes().lower() for file in (tmp_path / "w").iterdir())


@pytest.mark.requirement("1.4.4")
def test_what_is_deleted_in_the_window_is_gone_from_its_files(windows: Callable[..., Window], tmp_path: Path) -> None:
    window = windows(Script([*deltas("MARKER"), event(3, EventKind.SUCCEEDED)]))
    window.bridge.send(an_ask())
    window.wait_for(messages.AnswerPriced)

    def left() -> bool:
        return any(b"marker" in file.read_bytes().lower() for file in (tmp_path / "w").iterdir())

    assert left()
    window.bridge.send(commands.ArrangeHistory(change=MarkDeleted("c1", 1.0)))
    window.bridge.send(commands.ForgetConversation(conversation_id="c1"))
    until(lambda: not left(), "the text is gone")
    window.wait_for(messages.ConversationForgotten)


def test_deleted_text_that_the_disk_does_not_let_go_is_said(
    windows: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, *, rewrite: bool) -> bool:
        raise sqlite3.OperationalError(f"database or disk is full, rewrite {rewrite}")

    monkeypatch.setattr("tlfif.gui.bridge.archive.remove_deleted_bytes", refuse)
    window = windows()
    window.bridge.send(commands.ForgetConversation(conversation_id=None))
    assert "still among the bytes of the file" in window.wait_for(messages.HistoryProblemFound).message


def test_a_history_that_was_set_aside_is_said_at_the_start(windows: Callable[..., Window], tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "history.db").write_bytes(b"no database at all " * 50)
    window = windows()
    trouble = window.wait_for(messages.HistoryProblemFound)
    assert trouble.available
    assert "Nothing was deleted" in trouble.message


@pytest.mark.requirement("1.5.5")
def test_settings_are_written_once_and_read_again(windows: Callable[..., Window]) -> None:
    window = windows()
    values = Preferences(font_size=9, system="Ö", geometry="900x600+0+0")
    for size in (10, 12, 14):
        window.bridge.send(commands.KeepPreferences(preferences=replace(values, font_size=size)))
    window.wait_for(messages.Connected)
    window.bridge.close()
    found, fault = load_preferences(window.folder / "window.json")
    assert (found, fault) == (replace(values, font_size=14), "")


def test_a_temperature_that_nobody_chose_is_the_models_own(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    for kept, wanted in (({"temperature": 0.7}, None), ({"temperature": 0.2}, 0.2), ({"temperature": None}, None)):
        path.write_text(json.dumps(kept), "utf-8")
        assert load_preferences(path) == (Preferences(temperature=wanted), "")
    save_preferences(path, Preferences(temperature=0.7))
    assert load_preferences(path)[0].temperature == 0.7, "chosen since"
