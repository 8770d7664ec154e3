"""The prompt's box by keys: it grows, sends, takes files, offers model and persona, and takes back what was refused."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.desk import a_personal_model
from tests.fakes.gui import Desk, model_view
from tests.gui.seat import Seat
from tlfif.client.errors import ServerFailedError
from tlfif.gui.bridge.files import read_file
from tlfif.gui.desktop.file_dialogs import FileDialogs
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.preferences import Persona
from tlfif.gui.views.composer_view import LINES, paths_in
from tlfif.gui.views.context import column


def lines(seat: Seat) -> int:
    return int(str(seat.window.chat.composer.text.cget("height")))


@pytest.mark.requirement("1.4.1")
def test_it_grows_to_ten_lines_and_enter_sends_or_not_as_one_likes(desk: Desk, open_seat: Callable[..., Seat]) -> None:
    seat = open_seat(desk.core, size="1280x800")
    desk.hear("ready")
    box = seat.window.chat.composer
    seat.focus(box.text)
    assert lines(seat) == 1
    for number in range(2, LINES + 3):
        seat.key("<Shift-Return>")
        assert lines(seat) == min(number, LINES)
    assert box._bar.winfo_ismapped()
    assert box.card.winfo_width() <= column(seat.window.look) + 4, "no wider than the lines of an answer"
    box.text.delete("1.0", "end")
    seat.type("a word ")
    box.text.edit_separator()
    box.text.insert("end", "and many others " * 20)
    seat.settle()
    assert 2 <= lines(seat) < LINES, "lines that are wrapped count"
    seat.key("<Control-z>")
    assert "others" not in box.written()
    seat.key("<Return>")
    assert desk.bridge.last(commands.Ask).prompt.startswith("a word")
    assert (box.written(), lines(seat)) == ("", 1)
    desk.core.press(intents.CancelAnswer(desk.last.id))
    desk.say(messages.AnswerDropped(exchange_id=desk.last.id))
    values = desk.core.state.settings.values
    desk.core.press(intents.ChangeSettings(replace(values, enter_sends=False)))
    assert "Ctrl+Enter sends" in seat.texts(box)
    seat.type("b")
    seat.key("<Return>")
    assert box.written() == "b\n"
    seat.key("<Control-Return>")
    assert desk.bridge.last(commands.Ask).prompt == "b"


@pytest.mark.requirement("1.3.5")
def test_what_is_refused_is_in_the_box_again_before_what_was_typed_since(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    box = seat.window.chat.composer
    seat.focus(box.text)
    seat.type("Why")
    seat.key("<Return>")
    seat.type("and then")
    full = ServerFailedError("No room left.", code="storage_failed")
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=full, accepted=False))
    seat.settle()
    assert box.written() == "Why\n\nand then"
    assert "No room left." in seat.texts(box)
    assert "Why" not in seat.window.chat.conversation.text.get("1.0", "end")
    assert "Try again" not in seat.texts(seat.window.chat)
    seat.type("x")
    assert "No room left." not in seat.texts(box)
    seat.key("<Return>")
    assert desk.bridge.last(commands.Ask).prompt == "Why\n\nand thenx"


@pytest.mark.requirement("1.4.10")
def test_files_are_attached_pasted_refused_and_removed(seat: Seat, desk: Desk, tmp_path: Path) -> None:
    desk.hear("ready")
    desk.say(messages.ModelsListed(models=(model_view("smollm2"),)))
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, model="smollm2")))
    box = seat.window.chat.composer
    notes, picture, long = (tmp_path / name for name in ("notes.txt", "picture.png", "long.txt"))
    notes.write_text("Milk\nBread\n", encoding="utf-8")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    long.write_text("word " * 4000, encoding="utf-8")
    seat.root.clipboard_clear()
    seat.root.clipboard_append(f"{notes.as_uri()}\n{picture}\n{long}")
    seat.focus(box.text)
    box.text.event_generate("<<Paste>>")
    seat.settle()
    asked = desk.bridge.last(commands.ReadFiles).paths
    assert asked == (notes, picture, long)
    desk.say(*(read_file(path) for path in asked))
    seat.settle()
    assert set(box.chips.buttons) == {"notes.txt", "long.txt"}
    assert "picture.png is not a text file. Only text can go along." in seat.texts(box)
    assert "more than the 2,048 that this model holds" in seat.texts(box)
    seat.click(box.chips.buttons["long.txt"])
    assert "about 3 tokens" in seat.texts(box)
    assert "in all" not in seat.texts(box)
    assert box.chips.winfo_ismapped()
    seat.type("Sort")
    seat.key("<Return>")
    assert desk.bridge.last(commands.Ask).prompt == "Sort\n\nnotes.txt:\n```\nMilk\nBread\n```"
    assert not box.chips.winfo_ismapped()
    full = ServerFailedError("No room left.", code="storage_failed")
    desk.say(messages.AnswerFailed(exchange_id=desk.last.id, error=full, accepted=False))
    seat.settle()
    assert (box.written(), set(box.chips.buttons)) == ("Sort", {"notes.txt"})
    assert paths_in("/usr is a folder") == ()
    assert paths_in(f"see {notes}") == ()
    assert paths_in("") == ()


@pytest.mark.requirement("1.4.9")
def test_model_and_persona_are_chosen_below_the_prompt_and_personas_are_edited(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    desk.say(messages.ModelsListed(models=(model_view("tinyllama", "absent"), model_view("smollm2"))))
    tools = seat.window.chat.composer.tools
    tools._fill_models()
    menu = tools._menus[tools.model]
    labels = [menu.entrycget(at, "label") for at in range(3)]
    assert labels == ["Let TL-FIF choose", "Tinyllama  ·  not downloaded", "Smollm2"]
    menu.invoke(2)
    assert desk.core.state.settings.values.model == "smollm2"
    assert "Smollm2" in str(tools.model.cget("text"))
    tools._fill_models()
    menu.invoke(0)
    assert desk.core.state.settings.values.model is None, "Tk takes an empty value for none"
    assert seat.root.focus_get() is seat.window.chat.composer.text
    mine = a_personal_model("anna-poems", base="smollm2")
    desk.say(messages.ModelsListed(models=(model_view("smollm2"),), personal=(mine,)))
    tools._fill_models()
    assert menu.entrycget(2, "label") == "anna-poems  ·  on Smollm2"
    menu.invoke(2)
    assert "anna-poems" in str(tools.model.cget("text"))
    desk.core.press(intents.ShowTab("settings"))
    seat.settle()
    card = seat.window.views["settings"].model
    assert "anna-poems: a personal model on top of Smollm2, 12.0 MB, for you alone. Smollm2: Apache" in seat.texts(card)
    desk.core.press(intents.ShowTab("chat"))
    seat.settle()
    menu.invoke(1)
    tools._fill_personas()
    tools._menus[tools.persona].invoke("end")
    seat.settle()
    view = tools.personas
    assert view is not None
    assert seat.root.focus_get() is view.entries["name"]
    seat.type("Poet")
    view.system.insert("1.0", "Answer in verse.")
    view.entries["temperature"].insert(0, "9")
    seat.key("<Return>")
    assert "The temperature must be a number from 0 to 2." in seat.texts(view.cover)
    view.entries["temperature"].delete(0, "end")
    view.entries["temperature"].insert(0, "1,2")
    seat.click(view.save_button)
    poet = Persona(name="Poet", system="Answer in verse.", temperature=1.2)
    values = desk.core.state.settings.values
    assert (values.personas, values.persona) == ((poet,), "Poet")
    assert view.tree.get_children() == ("Poet",)
    seat.key("<Escape>")
    assert view.cover is None
    assert "Poet" in str(tools.persona.cget("text"))
    seat.focus(seat.window.chat.composer.text)
    seat.type("Hi")
    seat.key("<Return>")
    asking = desk.bridge.last(commands.Ask).asking
    assert (asking["temperature"], asking["messages"][0]["content"]) == (1.2, "Answer in verse.")
    tools.edit_personas()
    seat.settle()
    seat.click(view.delete)
    assert desk.core.state.settings.values.personas, "it asks first"
    seat.click(view.delete)
    assert desk.core.state.settings.values.personas == ()
    assert str(view.entries["name"].get()) == ""


@pytest.mark.requirement("1.4.15")
def test_a_dialog_of_the_system_is_waited_for_while_the_window_goes_on(seat: Seat) -> None:
    def says(code: str) -> FileDialogs:
        return FileDialogs(seat.root, lambda **_: [sys.executable, "-c", code])

    moved = []
    seat.root.after(10, lambda: moved.append(True))
    asked = {"title": "Export", "start": Path("a.md")}
    assert says("print('/somewhere/a.md')").to_write(**asked, kinds=()) == Path("/somewhere/a.md")
    assert moved
    assert says("raise SystemExit(1)").to_write(**asked, kinds=()) is None
    assert says("print('/a b'); print('/c')").to_read(**asked) == (Path("/a b"), Path("/c"))


def test_the_menu_of_the_right_button_cuts_copies_and_pastes(seat: Seat, desk: Desk) -> None:
    box = seat.window.chat.composer
    seat.focus(box.text)
    seat.type("word")
    box.text.tag_add("sel", "1.0", "1.2")
    box.text.event_generate("<Button-3>", x=5, y=5)
    seat.settle()
    menu = seat.window.edit_menus.menu
    assert menu is not None
    labels = [menu.entrycget(at, "label") for at in range(5)]
    assert labels == ["Undo", "Cut", "Copy", "Paste", "Mark all"]
    menu.invoke(1)
    menu.unpost()
    assert (box.written(), seat.root.clipboard_get()) == ("rd", "wo")
    field = seat.window.chat.history.search
    seat.focus(field)
    seat.key("<Shift-F10>")
    menu = seat.window.edit_menus.menu
    assert menu is not None
    assert [menu.entrycget(at, "label") for at in range(4)] == ["Cut", "Copy", "Paste", "Mark all"]
    menu.invoke(2)
    menu.unpost()
    assert field.get() == "wo"
