"""What is asked at the command line is in the window's list, under way and ended, and goes with its job."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.desk import FakeClient, FakeDesk, events
from tests.unit.test_cli_answering import DONE
from tests.unit.test_cli_chat import lines
from tlfif.cli.answering import Answer
from tlfif.cli.arguments import AnswerOptions
from tlfif.cli.ask import _report
from tlfif.cli.chat import Talk
from tlfif.cli.kept_answers import KeptAnswers, forget_kept
from tlfif.history.history import History
from tlfif.history.listing import ConversationSummary
from tlfif.jobs.events import EventKind
from tlfif.kernel.data_folder import DataFolder, history_from_environment
from tlfif.wire.jobs import Accepted
from tlfif.wire.machines import NO_MACHINE

ACCEPTED: Accepted = {
    "job_id": "job_1", "status": "queued", "model": "smollm2", "created": True, "machine": {**NO_MACHINE},
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def listed(path: Path, query: str = "") -> list[ConversationSummary]:
    with closing(History(path)) as history:
        return history.conversations(query)


@pytest.mark.requirement("1.6.4")
async def test_an_answer_is_kept_while_it_comes_and_with_its_end(path: Path) -> None:
    desk = FakeDesk()
    kept = KeptAnswers(path, desk.console)
    kept.accepted("Hi. What is a cloud?", ACCEPTED)
    answer = Answer(job_id="job_1", status="succeeded", text="Vapour.", model="smollm2")
    assert kept._begun is not None
    await kept._begun
    (row,) = listed(path)
    assert (row.title, row.origin, row.running) == ("What is a cloud?", "command line", True)
    assert await _report(FakeClient(events(DONE)), answer, desk.console, as_json=False, kept=kept) == 0
    (row,) = listed(path, "vapour")
    assert not row.running
    with closing(History(path)) as history:
        whole = history.conversation(row.id)
    assert whole is not None
    (one,) = whole.exchanges
    assert (one.job_id, one.place, one.status) == ("job_1", NO_MACHINE["place"], "succeeded")


def test_a_talk_is_one_conversation_until_a_new_one_is_begun(path: Path) -> None:
    client, desk = FakeClient(*(events(text, EventKind.SUCCEEDED) for text in "ABC")), FakeDesk()
    talk = Talk(client, "smollm2", AnswerOptions(), desk.console, False, kept=KeptAnswers(path, desk.console))
    with asyncio.Runner() as runner:
        talk.loop(runner.run, lines("first one", "second", "/new", "third"))
    assert [(row.title, row.exchanges) for row in listed(path)] == [("Third", 1), ("First one", 2)]


async def test_a_file_that_does_not_let_it_is_said_and_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    desk = FakeDesk()
    kept = KeptAnswers(tmp_path / "file" / "history.db", desk.console)
    kept.accepted("P", ACCEPTED)
    await kept.ended(Answer(job_id="job_1", status="running", model="m"))
    assert desk.said.startswith("Not in the window's past conversations: ")
    nothing = KeptAnswers(None, desk.console)
    nothing.accepted("P", ACCEPTED)
    await nothing.ended(Answer(job_id="job_1", status="succeeded", model="m"))


@pytest.mark.requirement("1.6.4")
async def test_with_a_job_goes_what_was_kept_of_it_and_the_title_made_of_it(path: Path) -> None:
    desk = FakeDesk()
    kept = KeptAnswers(path, desk.console)
    for number, prompt in enumerate(("SECRET plan", "Another")):
        kept.accepted(prompt, {**ACCEPTED, "job_id": f"job_{number}"})
        await kept.ended(Answer(job_id=f"job_{number}", status="succeeded", text="SECRET", model="m"))
    with closing(History(path)) as history:
        history.add(conversation_id="w", exchange_id="w", key="w", prompt="In the window", model="", asked_at=1.0)
        history.accepted("w", job_id="job_w", model="m")
        history.finish("w", status="succeeded", seq=1)
    assert forget_kept(path, "job_w") == 0, "what the window keeps is deleted there"
    with closing(History(path)) as history:
        whole = history.conversation(kept._conversation)
    assert whole is not None
    assert whole.exchanges[1].follows == whole.exchanges[0].id
    assert forget_kept(path, "job_0") == 1
    with closing(History(path)) as history:
        whole = history.conversation(kept._conversation)
    assert whole is not None
    assert [one.follows for one in whole.exchanges] == [None], "it goes on from nothing now"
    assert [row.title for row in listed(path)] == ["In the window", "Another"]
    assert forget_kept(path, None) == 1
    assert [row.title for row in listed(path)] == ["In the window"]
    assert not any(b"secret" in file.read_bytes().lower() for file in path.parent.iterdir())
    assert forget_kept(path.with_name("none.db"), None) == 0


async def test_a_window_that_is_in_the_way_is_not_waited_for_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    History(path).close()
    monkeypatch.setattr("tlfif.history.history_file.QUICK_SECONDS", 0.01)
    desk = FakeDesk()
    kept = KeptAnswers(path, desk.console)
    with closing(sqlite3.connect(path, isolation_level=None)) as window:
        window.execute("BEGIN IMMEDIATE")
        kept.accepted("P", ACCEPTED)
        await kept.ended(Answer(job_id="job_1", status="succeeded", model="m"))
        window.execute("ROLLBACK")
    assert "Not in the window's past conversations" in desk.said


@pytest.mark.requirement("1.6.4")
def test_it_can_be_turned_off_for_all_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path))
    assert history_from_environment() == DataFolder(tmp_path).history
    monkeypatch.setenv("TLFIF_NO_HISTORY", "1")
    assert history_from_environment() is None
