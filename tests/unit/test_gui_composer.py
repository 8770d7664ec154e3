"""What goes along with a prompt: files, model, persona; and what is remembered of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.gui import Desk
from tlfif.gui.bridge.files import read_file
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.attachments import MAX_FILE_BYTES, AttachedFile, about_tokens, prompt_with, text_in
from tlfif.gui.model.preferences import Chosen, Persona, Preferences, load_preferences, save_preferences
from tlfif.gui.presenters.attaching import files_words
from tlfif.gui.views.context import smallest_size, usual_size
from tlfif.gui.views.controls_bar import those_that_fit
from tlfif.history.kept import KeptConversation

POET = Persona(name="Poet", system="Answer in verse.", temperature=1.2, max_tokens=64)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\r\nb\rc", "a\nb\nc"),
        (b"\xef\xbb\xbfwith a mark", "with a mark"),
        ("Ähre".encode("utf-16"), "Ähre"),
        (b"page one\x0cpage two of many words", None),
        (b"page one" * 20 + b"\x0c" + b"page two", "page one" * 20 + "page two"),
        (b"\x89PNG\r\n\x1a\n\0\0", None),
        (b"caf\xe9", None),
        (b"", ""),
    ],
)
def test_what_is_text_and_what_is_not(content: bytes, text: str | None) -> None:
    assert text_in(content) == text


@pytest.mark.requirement("1.4.10")
@given(st.lists(st.text("`a\n", max_size=30), min_size=1, max_size=3))
def test_nothing_in_a_file_ends_its_block(texts: list[str]) -> None:
    files = tuple(AttachedFile(name=f"{number}.txt", text=text) for number, text in enumerate(texts))
    lines = prompt_with("Sort", files).split("\n")
    for one in files:
        opened = lines.index(f"{one.name}:") + 1
        closed = lines.index(lines[opened], opened + 1)
        assert "\n".join(lines[opened + 1 : closed]) == one.text.rstrip("\n")
        assert set(lines[opened]) == {"`"}


@pytest.mark.requirement("1.4.10")
def test_files_that_cannot_go_along_say_why(tmp_path: Path) -> None:
    desk = Desk()
    large = tmp_path / "large.txt"
    large.write_bytes(b"a" * (MAX_FILE_BYTES + 1))
    (tmp_path / "blank.txt").write_text(" \n")
    for name, why in (
        ("large.txt", "large.txt has 1.0 MB; at most 1 MB of text can go along."),
        ("blank.txt", "blank.txt is empty."),
        ("gone.txt", "gone.txt is not a file."),
        ("", f"{tmp_path.name} is not a file."),
    ):
        desk.core.press(intents.AttachFiles((tmp_path / name,)))
        desk.say(*(read_file(path) for path in desk.bridge.last(commands.ReadFiles).paths))
        assert desk.core.state.composer.problem == why
        assert desk.core.state.composer.files == ()
    desk.core.press(intents.AttachFiles(()))
    assert len(desk.bridge.all(commands.ReadFiles)) == 4, "nothing was chosen"
    for number in range(25):
        desk.say(messages.FileRead(name=f"{number}.txt", size=1, text="a"))
    assert len(desk.core.state.composer.files) == 20
    desk.say(messages.FileRead(name="1.txt", size=1, text="changed"))
    assert [one.text for one in desk.core.state.composer.files if one.name == "1.txt"] == ["changed"]


def test_their_size_is_said_and_whether_it_is_too_much() -> None:
    files = (AttachedFile(name="a", text="word" * 1000), AttachedFile(name="b", text="word" * 1050))
    assert files_words(files, None) == ("About 2,050 tokens in all.", False)
    assert files_words(files, 2048)[1]
    assert files_words((), 2048) == ("", False)
    assert about_tokens("é") == 1


@pytest.mark.requirement("1.4.9")
def test_a_persona_counts_before_the_settings_and_sampling_is_sent_only_where_it_is_set() -> None:
    desk = Desk()
    desk.core.press(intents.Send("Hello"))
    asking = desk.bridge.last(commands.Ask).asking
    assert asking["temperature"] is None
    assert [one["role"] for one in asking["messages"]] == ["user"]
    desk = Desk()
    values = replace(desk.core.state.settings.values, system="Be kind.", max_tokens=300)
    desk.core.press(intents.ChangeSettings(values))
    desk.core.press(intents.SavePersona("", replace(POET, name="  The \n poet ")))
    desk.core.press(intents.Send("Hello"))
    asking = desk.bridge.last(commands.Ask).asking
    assert (asking["temperature"], asking["max_tokens"]) == (1.2, 64)
    assert asking["messages"][0]["content"] == "Answer in verse."
    assert desk.core.state.settings.values.persona == "The poet"


def test_what_cannot_be_saved_is_named_and_a_new_name_keeps_its_conversations() -> None:
    desk = Desk()
    desk.core.press(intents.SavePersona("", POET))
    for old, persona, field in (
        ("", POET, "name"),
        ("", replace(POET, name=" "), "name"),
        ("", replace(POET, name="x" * 41), "name"),
        ("Poet", replace(POET, system="a\0b"), "system"),
        ("Poet", replace(POET, temperature=-1), "temperature"),
        ("Poet", replace(POET, max_tokens=0), "max_tokens"),
    ):
        desk.core.press(intents.SavePersona(old, persona))
        assert [name for name, _ in desk.core.state.settings.persona_problems] == [field]
    assert desk.core.state.settings.values.personas == (POET,)
    desk.core.press(intents.Send("Hello"))
    desk.core.press(intents.SavePersona("Poet", replace(POET, name="Bard")))
    assert desk.core.state.settings.persona_problems == ()
    values = desk.core.state.settings.values
    assert [one.persona for one in values.chosen] == ["Bard"]
    desk.core.press(intents.DeletePersona("Bard"))
    assert (desk.core.state.settings.values.personas, desk.core.state.settings.values.persona) == ((), "")


@pytest.mark.requirement("1.4.9")
def test_a_conversation_goes_on_with_its_model_and_persona() -> None:
    desk = Desk()
    desk.core.press(intents.SavePersona("", POET))
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, model="smollm2")))
    desk.core.press(intents.Send("Hello"))
    name = desk.core.state.conversation.id
    desk.core.press(intents.NewConversation())
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, model=None, persona="")))
    kept = KeptConversation(id=name, title="Hello", created_at=1.0, updated_at=1.0, exchanges=())
    desk.say(messages.ConversationLoaded(conversation=kept))
    values = desk.core.state.settings.values
    assert (values.model, values.persona) == ("smollm2", "Poet")
    desk.say(messages.ConversationForgotten(conversation_id=name))
    assert desk.core.state.settings.values.chosen == ()


def test_personas_are_written_and_read_and_bad_entries_left_out(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    whole = Preferences(personas=(POET,), persona="Poet", chosen=(Chosen(conversation_id="c"),), enter_sends=False)
    save_preferences(path, whole)
    assert load_preferences(path) == (whole, "")
    found = json.loads(path.read_text("utf-8"))
    found["personas"] += [{"name": ""}, {"name": "x", "temperature": "hot"}, {"name": "y", "other": 1}, 7]
    found["chosen"] = "nothing"
    path.write_text(json.dumps(found), "utf-8")
    kept, _ = load_preferences(path)
    assert (kept.personas, kept.chosen) == ((POET,), ())
    path.write_text(json.dumps({"temperature": 0.7, "seed": 3}), "utf-8")
    assert load_preferences(path)[0] == Preferences(seed=3), "windows before wrote the usual temperature down"


def test_how_large_the_window_is_within_what_panels_leave() -> None:
    assert usual_size(1.0, (1366, 768)) == (1120, 672)
    assert usual_size(2.0, (1366, 768)) == (1318, 576)
    assert usual_size(1.0, (3840, 2160)) == (1120, 760)
    assert smallest_size(1.0, (1366, 768)) == (640, 480)
    assert smallest_size(1.2, (1366, 768)) == (768, 576)
    assert smallest_size(2.0, (800, 480)) == (800, 480)


@pytest.mark.parametrize(
    ("space", "texts"),
    [(99, ("aaaa", "bbbb", "cccc")), (6, ("a", "b", "c")), (2, ("a", "", "c")), (1, ("", "", "c")), (0, ("", "", "c"))],
)
def test_of_the_three_sums_the_budget_stays_longest(space: int, texts: tuple[str, str, str]) -> None:
    assert those_that_fit((("aaaa", "bbbb", "cccc"), ("a", "b", "c")), space, len) == texts
