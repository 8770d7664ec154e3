"""Conversations on this computer: kept, found, resumed, exported, and really gone when deleted."""

import json
import os
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlfif.history.arranging import MarkDeleted, MoveTo, NameFolder, Pin, PutAway, RemoveFolder, Rename
from tlfif.history.history import Changes, History, set_aside_text
from tlfif.history.history_export import as_json, as_markdown, branches_of, write_export
from tlfif.history.kept import KeptExchange
from tlfif.history.listing import LISTED, PAGE, found_by
from tlfif.history.titles import distinct_title, name_of, title_of
from tlfif.kernel.deleted_bytes import remove_deleted_bytes
from tlfif.kernel.errors import StorageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def keep(
    history: History, number: int = 1, *, prompt: str = "Hello", answer: str = "Hi", conversation: str = "c1"
) -> str:
    """A whole exchange."""
    one = f"x{number}"
    history.add(conversation_id=conversation, exchange_id=one, key=f"k{number}", prompt=prompt, model="", asked_at=1.0)
    history.accepted(one, job_id=f"job_{number}", model="smollm2")
    history.append(one, text=answer, after=2, seq=5)
    history.finish(one, status="succeeded", seq=6, receipt="A receipt", cost="Cost $1")
    return one


def kept_in(history: History) -> tuple[KeptExchange, ...]:
    """All of the one conversation."""
    whole = history.conversation("c1")
    assert whole is not None
    return whole.exchanges


@pytest.mark.requirement("1.4.3")
def test_what_was_kept_is_there_after_the_window_was_closed(path: Path) -> None:
    history = History(path, now=lambda: 50.0)
    keep(history, 1, prompt="What is\nit?", answer="This.")
    keep(history, 2, prompt="And that?", answer="That.")
    history.close()
    again = History(path)
    listed = again.conversations()
    assert [(one.id, one.title, one.exchanges, one.updated_at) for one in listed] == [("c1", "What is it?", 2, 50.0)]
    whole = again.conversation("c1")
    assert whole is not None
    kept = [(one.prompt, one.answer, one.status, one.job_id, one.model, one.receipt) for one in whole.exchanges]
    assert kept == [
        ("What is\nit?", "This.", "succeeded", "job_1", "smollm2", "A receipt"),
        ("And that?", "That.", "succeeded", "job_2", "smollm2", "A receipt"),
    ]
    assert again.conversation("c2") is None
    again.close()


def test_an_answer_under_way_is_found_with_its_cursor(path: Path) -> None:
    history = History(path)
    keep(history, 1)
    history.add(conversation_id="c1", exchange_id="x2", key="k2", prompt="P", model="", asked_at=2.0)
    history.accepted("x2", job_id="job_2", model="smollm2")
    history.append("x2", text="One ", after=2, seq=4)
    history.append("x2", text="two", after=4, seq=6)
    history.add(conversation_id="c2", exchange_id="x3", key="k3", prompt="P", model="", asked_at=3.0)
    history.close()
    again = History(path)
    found = [(one.id, one.job_id, one.answer, one.last_seq, one.status) for one in again.unfinished()]
    assert found == [("x2", "job_2", "One two", 6, "running"), ("x3", None, "", 0, "sending")]
    again.close()


def test_two_windows_that_read_the_same_answer_keep_it_once(path: Path) -> None:
    one, other = History(path), History(path)
    one.add(conversation_id="c", exchange_id="x", key="k", prompt="P", model="", asked_at=1.0)
    one.accepted("x", job_id="j", model="m")
    one.append("x", text="abc", after=2, seq=5)
    other.append("x", text="a", after=2, seq=3)
    other.append("x", text="bcd", after=3, seq=6)
    one.append("x", text="de", after=5, seq=7)
    assert other.unfinished()[0].answer == "abcde"
    one.finish("x", status="succeeded", seq=8)
    other.append("x", text="late", after=8, seq=9)
    whole = other.conversation("c")
    assert whole is not None
    assert whole.exchanges[0].answer == "abcde"
    one.close()
    other.close()


def test_starting_over_and_trying_again_drop_what_was_kept(path: Path) -> None:
    history = History(path)
    history.add(conversation_id="c", exchange_id="x", key="k", prompt="P", model="", asked_at=1.0)
    history.accepted("x", job_id="j", model="m")
    history.append("x", text="wrong", after=2, seq=5)
    history.start_over("x", seq=6)
    history.append("x", text="right", after=6, seq=9)
    history.finish("x", status="failed", seq=10, note="It failed.")
    whole = history.conversation("c")
    assert whole is not None
    assert (whole.exchanges[0].answer, whole.exchanges[0].note) == ("right", "It failed.")
    history.add(conversation_id="c", exchange_id="x", key="k2", prompt="P", model="", asked_at=1.0)
    whole = history.conversation("c")
    assert whole is not None
    again = whole.exchanges[0]
    assert (again.answer, again.note, again.status, again.job_id, again.key) == ("", "", "sending", None, "k2")
    history.close()


@pytest.mark.requirement("1.4.7")
def test_branches_are_kept_with_the_one_that_is_shown_and_exported_apart(path: Path) -> None:
    history = History(path)
    first = keep(history)
    second: dict[str, Any] = {"conversation_id": "c1", "prompt": "P", "model": "", "asked_at": 2.0}
    history.add(**second, exchange_id="a", key="k2", follows=first)
    history.add(**second, exchange_id="b", key="k3", follows=first, instead_of="a")
    history.add(**{**second, "prompt": "Deeper"}, exchange_id="c", key="k4")
    assert [(one.id, one.follows) for one in kept_in(history)] == [
        (first, None),
        ("a", first),
        ("b", first),
        ("c", "b"),
    ]
    whole = history.conversation("c1")
    assert whole is not None
    assert whole.tip == "c"
    shown, others = branches_of(whole)
    assert ([one.id for one in shown], [one.id for one in others]) == ([first, "b", "c"], ["a"])
    history.show_branch("c1", "a")
    whole = history.conversation("c1")
    assert whole is not None
    text = as_markdown(whole)
    assert [line for line in text.splitlines() if line.startswith(("# Another", "> "))][2:] == [
        "# Another branch, after “Hello”",
        "> P",
        "# Another branch, after “P”",
        "> Deeper",
    ]
    history.add(**second, exchange_id="c", key="k5")
    assert kept_in(history)[3].follows == "b", "tried again where it was"
    history.close()


def test_answers_that_were_replaced_become_branches(path: Path) -> None:
    history = History(path)
    for number, (name, instead_of, status) in enumerate(
        [("a", None, "succeeded"), ("b", None, "succeeded"), ("b2", "b", "succeeded"), ("b3", "b2", "failed"),
         ("c", None, "succeeded"), ("c2", "c", "succeeded")]
    ):  # fmt: skip
        history.add(
            conversation_id="c1",
            exchange_id=name,
            key=name,
            prompt=name,
            model="",
            asked_at=number,
            instead_of=instead_of,
        )
        history.finish(name, status=status, seq=1)
    history.close()
    with sqlite3.connect(path) as db:
        _back_to_7(db)
    db.close()
    again = History(path)
    assert {one.id: one.follows for one in kept_in(again)} == {
        "a": None, "b": "a", "b2": "a", "b3": "a", "c": "b2", "c2": "b2",
    }  # fmt: skip
    again.close()


def _back_to_7(db: sqlite3.Connection) -> None:
    """Make a file what the version before branches wrote."""
    for table, column in (
        ("exchanges", "follows"),
        ("exchanges", "brief"),
        ("exchanges", "setting"),
        ("conversations", "tip"),
    ):
        db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    db.execute("ALTER TABLE exchanges ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0")
    db.execute("PRAGMA user_version = 7")


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_a_history_of_the_version_before_is_taken_over(path: Path, version: int) -> None:
    history = History(path)
    keep(history, prompt="Hi! Hello the same?")
    keep(history, 2, prompt="Hi. Hello the same?", conversation="c2")
    history.close()
    with sqlite3.connect(path) as db:
        _back_to_7(db)
        db.executescript("DROP TABLE revision; DROP INDEX conversations_by_title; DROP INDEX conversations_in;")
        db.executescript("DROP INDEX conversations_deleted; PRAGMA foreign_keys = OFF;")
        for column in ("pinned", "archived", "folder", "origin", "deleted_at"):
            db.execute(f"ALTER TABLE conversations DROP COLUMN {column}")
        db.execute("DROP TABLE folders")
        db.execute("UPDATE conversations SET title = 'Hi! Hello the sa…'")
        if version < 6:
            db.executescript("ALTER TABLE exchanges DROP COLUMN code; ALTER TABLE exchanges DROP COLUMN reasoning;")
        if version < 5:
            db.executescript("DROP TABLE searched; DROP TABLE notes;")
            db.execute("CREATE VIRTUAL TABLE words USING fts5 (prompt, answer)")
            db.execute("INSERT INTO words (rowid, prompt, answer) SELECT number, prompt, answer FROM exchanges")
        if version < 4:
            db.execute("ALTER TABLE exchanges DROP COLUMN cost")
        if version < 3:
            db.execute("ALTER TABLE exchanges DROP COLUMN place")
        if version == 1:
            db.execute("DROP INDEX exchanges_instead")
            db.execute("ALTER TABLE exchanges DROP COLUMN instead_of")
        db.execute("UPDATE exchanges SET superseded = 1")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    for _ in range(2):
        again = History(path)
        assert again.set_aside is None
        (one,) = kept_in(again)
        cost = "Cost $1" if version >= 4 else ""
        assert (one.follows, one.instead_of, one.place, one.cost) == (None, None, "", cost)
        titles = {found.id: found.title for found in again.conversations("ELL")}
        assert titles == {"c1": "The same?", "c2": "The same? (2)"}, "made anew, and no two alike"
        again.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'words%'").fetchall() == []
    db.close()


def test_the_jobs_behind_a_conversation_are_known_with_the_place_where_they_are(path: Path) -> None:
    history = History(path)
    for number, place in ((1, ""), (2, "AWS eu-central-1"), (3, "")):
        name = f"x{number}"
        history.add(
            conversation_id=f"c{number % 2}",
            exchange_id=name,
            key=name,
            prompt="P",
            model="",
            asked_at=1.0,
            place=place,
        )
    history.accepted("x1", job_id="j1", model="m")
    history.finish("x1", status="succeeded", seq=1)
    history.accepted("x2", job_id="j2", model="m")
    assert [(one.id, one.place, one.is_open) for one in history.jobs_of(None)] == [
        ("j1", "", False),
        ("j2", "AWS eu-central-1", True),
    ]
    assert [one.id for one in history.jobs_of("c0")] == ["j2"]
    there = history.conversation("c0")
    assert there is not None
    assert there.exchanges[0].place == "AWS eu-central-1"
    history.close()


def test_the_servers_whole_answer_comes_before_the_pieces(path: Path) -> None:
    history = History(path)
    history.add(conversation_id="c", exchange_id="x", key="k", prompt="P", model="", asked_at=1.0)
    history.accepted("x", job_id="j", model="m")
    history.append("x", text="with a ho\ud83d", after=2, seq=5)
    history.finish("x", status="succeeded", seq=9, answer="without a hole")
    whole = history.conversation("c")
    assert whole is not None
    assert whole.exchanges[0].answer == "without a hole"
    history.close()


@pytest.mark.requirement("1.4.3")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("percent", {"c1"}),
        ("100%", {"c1"}),
        ("%", {"c1"}),
        ("_", set()),
        ('"quoted"', {"c2"}),
        ("it's", {"c2"}),
        ("quot", {"c2"}),
        ("WORDS percent", {"c1"}),
        ("words quoted", set()),
        ("Österreich", {"c3"}),
        ("AND", {"c3"}),
        ("NEAR(", set()),
        ("'; DROP TABLE exchanges; --", set()),
        ("   ", {"c1", "c2", "c3"}),
        ("words*", set()),
    ],
)
def test_searching_takes_every_sign_for_what_it_is(path: Path, query: str, found: set[str]) -> None:
    history = History(path)
    keep(history, 1, prompt="100% of the words", answer="one hundred percent", conversation="c1")
    keep(history, 2, prompt='he said "quoted"', answer="it's so", conversation="c2")
    keep(history, 3, prompt="salt and Österreich", answer="x", conversation="c3")
    listed = history.conversations(query)
    assert {one.id for one in listed} == found
    assert all(one.snippet for one in listed) == bool(query.strip())
    history.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(query=st.text(alphabet=st.characters(), max_size=30))
def test_no_query_breaks_the_search(tmp_path_factory: pytest.TempPathFactory, query: str) -> None:
    history = History(tmp_path_factory.mktemp("h") / "history.db")
    keep(history)
    history.conversations(query)
    history.close()


def test_what_is_deleted_is_gone_from_the_files_bytes(path: Path) -> None:
    history = History(path)
    keep(history, 1, prompt="the SECRETWORD of the house", answer="SECRETANSWER " * 500, conversation="c1")
    keep(history, 2, prompt="something kept", answer="KEPTANSWER", conversation="c2")
    assert history.conversations("secretword")
    assert history.delete("c1")
    assert not history.delete("c1")
    assert history.has_deleted_bytes
    assert remove_deleted_bytes(path, rewrite=True)
    history.deleted_bytes_removed()
    assert not history.has_deleted_bytes
    left = b"".join(file.read_bytes().lower() for file in path.parent.iterdir())
    assert b"secretword" not in left
    assert b"secretanswer" not in left
    assert history.conversations("secretword") == []
    assert [one.id for one in history.conversations("keptanswer")] == ["c2"]
    set_aside = path.with_name(f"{path.name}.unreadable-20260101-000000-abcd")
    set_aside.write_bytes(b"keptanswer")
    history.delete_all()
    assert remove_deleted_bytes(path, rewrite=True)
    left = b"".join(file.read_bytes().lower() for file in path.parent.iterdir())
    assert b"keptanswer" not in left
    assert history.conversations() == []
    history.close()


def test_an_answer_whose_conversation_was_deleted_meanwhile_is_not_kept(path: Path) -> None:
    history = History(path)
    history.add(conversation_id="c", exchange_id="x", key="k", prompt="P", model="", asked_at=1.0)
    history.accepted("x", job_id="j", model="m")
    history.delete("c")
    history.append("x", text="ghost", after=2, seq=3)
    history.finish("x", status="succeeded", seq=4)
    assert history.conversations() == []
    history.close()


@pytest.mark.requirement("1.4.3")
@pytest.mark.parametrize("damage", ["no database", "cut", "middle", "newer", "foreign"])
def test_a_file_that_cannot_be_read_is_set_aside_and_never_thrown_away(path: Path, damage: str) -> None:
    history = History(path)
    for number in range(40):
        keep(history, number, answer="words " * 200, conversation=f"c{number}")
    history.close()
    match damage:
        case "no database":
            path.write_bytes(b"this is no database, " * 100)
        case "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "middle":
            whole = bytearray(path.read_bytes())
            whole[4096 * 3 : 4096 * 5] = os.urandom(8192)
            path.write_bytes(whole)
        case "newer":
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA user_version = 99")
            db.close()
        case "foreign":
            path.unlink()
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE other (a)")
                db.execute("PRAGMA user_version = 1")
            db.close()
    before = path.read_bytes()
    again = History(path)
    assert again.set_aside is not None
    assert str(again.set_aside) in set_aside_text(again)
    assert ("written by a newer TL-FIF" in set_aside_text(again)) is (damage == "newer")
    assert again.set_aside.read_bytes()[100:] == before[100:]
    keep(again)
    assert len(again.conversations()) == 1
    again.close()


def test_a_good_file_is_not_set_aside(path: Path) -> None:
    History(path).close()
    again = History(path)
    assert again.set_aside is None
    assert set_aside_text(again) == ""
    again.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_only_its_owner_can_read_it(path: Path) -> None:
    path.touch(0o644)
    history = History(path)
    keep(history)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    history.close()


def test_a_folder_that_refuses_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="Answers still come"):
        History(tmp_path / "file" / "history.db")


def test_exports_for_people_and_for_programs(path: Path, tmp_path: Path) -> None:
    history = History(path)
    keep(history, 1, prompt="Two\nlines", answer="# not a title of ours")
    history.add(conversation_id="c1", exchange_id="x2", key="k", prompt="Broken", model="", asked_at=1.0)
    history.finish("x2", status="failed", seq=0, note="No answer.", reasoning="Well, now.")
    whole = history.conversation("c1")
    assert whole is not None
    text = as_markdown(whole)
    assert text.startswith("# Two lines\n")
    assert "> Two\n> lines" in text
    assert "*A receipt*" in text
    assert "*Cost $1*" in text
    assert "*failed: No answer.*" in text
    assert "## Thinking, before the answer\n\nWell, now.\n\n## Answer" in text
    write_export(whole, tmp_path / "out.JSON")
    found = json.loads((tmp_path / "out.JSON").read_text("utf-8"))
    assert [one["prompt"] for one in found["exchanges"]] == ["Two\nlines", "Broken"]
    write_export(whole, tmp_path / "out.md")
    assert (tmp_path / "out.md").read_text("utf-8") == text
    with pytest.raises(StorageError, match="another place"):
        write_export(whole, tmp_path / "nowhere" / "out.md")
    history.close()


def test_no_list_goes_through_all_exchanges(path: Path) -> None:
    """A plan's SCAN is of the conversations alone, by their index; exchanges are looked up (SEARCH)."""
    history = History(path)
    seen: list[str] = []
    history._db.set_trace_callback(seen.append)
    keep(history)
    history.conversations()
    history.conversations("word other")
    history.conversation("c1")
    history.jobs_of("c1")
    history.unfinished()
    history.delete("c1")
    history._db.set_trace_callback(None)
    plans = {
        statement: [row[3] for row in history._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in {one for one in seen if one.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}}
    }
    allowed = (
        "SCAN c USING INDEX conversations_by_time", "SCAN exchanges USING INDEX exchanges_open", "SCAN (subq",
        "SCAN revision", "SCAN folders",
    )  # fmt: skip
    scans = [
        step for plan in plans.values() for step in plan if step.startswith("SCAN") and not step.startswith(allowed)
    ]
    assert scans == []
    assert len(plans) > 12
    for statement in (LISTED, found_by(2)):
        plan = [
            row[3]
            for row in history._db.execute(
                f"EXPLAIN QUERY PLAN {statement}", ("a", "b", "a", "b", PAGE)[-statement.count("?") :]
            )
        ]
        assert not [step for step in plan if "TEMP B-TREE" in step]
    history.close()


def test_of_a_very_long_conversation_the_newest_exchanges_are_read(path: Path) -> None:
    history = History(path)
    for number in range(5):
        keep(history, number, prompt=f"Prompt {number}")
    part = history.conversation("c1", newest=2)
    assert part is not None
    assert ([one.prompt for one in part.exchanges], part.earlier) == (["Prompt 3", "Prompt 4"], 3)
    whole = history.conversation("c1", newest=5)
    assert whole is not None
    assert (len(whole.exchanges), whole.earlier) == (5, 0)
    assert "earlier" not in json.loads(as_json(whole))
    history.close()


def test_damage_found_while_the_window_is_open_sets_the_file_aside(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(path)
    for number in range(40):
        keep(history, number, answer="words " * 200, conversation=f"c{number}")
    history.close()
    with sqlite3.connect(path) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'revision'").fetchone()
    db.close()
    whole = bytearray(path.read_bytes())
    read_first = whole[4096 * (page - 1) : 4096 * page]
    whole[4096 * 3 :] = os.urandom(len(whole) - 4096 * 3)
    whole[4096 * (page - 1) : 4096 * page] = read_first
    path.write_bytes(whole)
    monkeypatch.setattr("tlfif.history.history_file.CHECKED_BYTES", 0)
    again = History(path)
    assert again.set_aside is None
    with pytest.raises(StorageError):
        [again.conversation(f"c{number}") for number in range(40)]
    assert again.set_aside is not None
    assert "Nothing was deleted" in set_aside_text(again)
    keep(again)
    assert [one.id for one in again.conversations()] == ["c1"]
    again.close()


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("a\n b\tc ", "A b c"),
        ("Hi there! Could you please explain what a cloud is? Thanks.", "Could you please explain what a cloud is?"),
        ("Hallo, bitte übersetze das ins Englische. Danke", "Übersetze das ins Englische"),
        ("```python\nprint(1)\n```\nWhat does **this** do?", "What does this do?"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("# Plan\n\nWrite [it](http://a.example) down", "Plan"),
        ("- one thing\n- another", "One thing"),
        ("> quoted\n> on\n\nand more", "Quoted on"),
        ("snake_case fails in `f(x)`", "snake_case fails in f(x)"),
        ("Is 3.5 more than 2? And why", "Is 3.5 more than 2?"),
        ("天気はどうですか。明日は", "天気はどうですか"),
        ("Hello", "Hello"),
        ("Please.", "Please"),
        ("!!!", "!!!"),
        ("Highway rules", "Highway rules"),
    ],
)
def test_a_title_says_what_was_asked_first(prompt: str, title: str) -> None:
    assert title_of(prompt) == title


def test_a_long_title_ends_at_a_word() -> None:
    assert len(title_of("w" * 500)) == 60
    assert title_of("Compare the " + "rivers of Europe by length and " * 9).endswith(" rivers of…")


@pytest.mark.requirement("1.4.8")
def test_no_two_titles_are_alike(path: Path) -> None:
    history = History(path)
    prompts = ["Hello. How are you?", "Hello. How are you?", "Hello. What now?", "Hello", "Hello", "Hello"]
    for number, prompt in enumerate(prompts):
        keep(history, number, prompt=prompt, conversation=f"c{number}")
    titles = [one.title for one in history.conversations()]
    assert sorted(titles) == [
        "Hello", "Hello (2)", "Hello (3)", "How are you?", "How are you? (2)", "What now?",
    ]  # fmt: skip
    taken = {"Compare two rivers"}
    assert distinct_title("Compare two rivers. By length.", taken.__contains__) == "Compare two rivers · By length"
    assert name_of("  a\x00 name\n ") == "a name"
    assert len(name_of("n" * 500)) == 120
    history.close()


@pytest.mark.requirement("1.4.8")
def test_what_an_owner_arranges_is_kept_and_seen_by_another_window(path: Path) -> None:
    one, other = History(path), History(path)
    assert (one.changes(), other.changes()) == (Changes.NONE, Changes.NONE)
    keep(one, 1, conversation="c1")
    keep(one, 2, conversation="c2")
    assert (one.changes(), other.changes(), other.changes()) == (Changes.OWN, Changes.FOREIGN, Changes.NONE)
    other.append("x1", text="of no interest to a list", after=6, seq=7)
    assert one.changes() is Changes.NONE
    for change in (
        NameFolder("f2", "work"), NameFolder("f1", "Zoo"), NameFolder("f2", "Älter"), MoveTo("c1", "f1"),
        Pin("c1", True), PutAway("c2", True), Rename("c2", "My name"),
    ):  # fmt: skip
        one.arrange(change)
    one.add(conversation_id="c3", exchange_id="x3", key="k", prompt="P", model="", asked_at=9e9, origin="command line")
    one.accepted("x3", job_id="j", model="m")
    listing = other.listing()
    rows = [(r.id, r.title, r.pinned, r.archived, r.folder, r.origin, r.running) for r in listing.found]
    assert rows == [
        ("c3", "P", False, False, "", "command line", True),
        ("c2", "My name", False, True, "", "", False),
        ("c1", "Hello", True, False, "f1", "", False),
    ]
    assert [folder.name for folder in listing.folders] == ["Älter", "Zoo"]
    other.arrange(RemoveFolder("f1"))
    assert [found.folder for found in one.conversations("Hello")] == ["", ""]
    assert [found.id for found in one.conversations("my NAME")] == ["c2"], "titles are searched, too"
    one.close()
    other.close()


def test_a_deletion_can_be_taken_back_until_it_is_done(path: Path) -> None:
    history = History(path)
    keep(history, 1, prompt="the SECRETWORD")
    history.add(conversation_id="c1", exchange_id="x2", key="k", prompt="P", model="", asked_at=2.0)
    history.accepted("x2", job_id="j", model="m")
    history.arrange(MarkDeleted("c1", 50.0))
    assert history.conversations() == history.conversations("secretword") == history.unfinished() == []
    assert history.conversation("c1") is None
    assert [(one.id, one.deleted_at) for one in history.listing().deleted] == [("c1", 50.0)]
    assert history.is_marked_deleted("c1")
    history.arrange(MarkDeleted("c1", None))
    assert not history.is_marked_deleted("c1")
    assert len(kept_in(history)) == 2
    assert [one.id for one in history.unfinished()] == ["x2"]
    history.close()


def test_of_two_programs_that_read_an_answer_the_first_one_ends_it(path: Path) -> None:
    one, other = History(path), History(path)
    one.add(conversation_id="c1", exchange_id="x", key="k", prompt="P", model="", asked_at=2.0)
    one.accepted("x", job_id="j", model="m")
    one.finish("x", status="cancelled", seq=7, note="By you.", answer="Half")
    other.accepted("x", job_id="j", model="m")
    other.finish("x", status="succeeded", seq=8)
    (kept,) = kept_in(other)
    assert (kept.status, kept.answer, kept.note) == ("cancelled", "Half", "By you.")
    one.close()
    other.close()
