"""The sidebar on a real screen, with real keys: open, search and go to each match, name, move, pin, archive, delete and
take that back, all of it without a mouse, and the same with it."""

import tkinter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.gui import Desk, accepted
from tests.gui.seat import Seat
from tests.unit.test_gui_history_panel import conversation, kept
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.views.conversation_menu import underlined
from tlfif.gui.views.conversation_rows import Row
from tlfif.history.arranging import MarkDeleted, MoveTo, NameFolder, Pin, PutAway, RemoveFolder, Rename
from tlfif.history.listing import ConversationSummary, Folder

FOLDERS = (Folder(id="f1", name="House"),)


def row(number: int, **more: object) -> ConversationSummary:
    one = ConversationSummary(id=f"c{number}", title=f"Talk {number}", created_at=1, updated_at=2, exchanges=number)
    return replace(one, **more)  # type: ignore[arg-type]  # by name


def listed(desk: Desk, *rows: ConversationSummary, query: str = "") -> None:
    desk.say(messages.Connected(), messages.ConversationsListed(query=query, found=rows, folders=FOLDERS))


def arranged(desk: Desk) -> list[object]:
    return [one.change for one in desk.bridge.all(commands.ArrangeHistory)]


def choose(seat: Seat, name: str, inside: str = "") -> None:
    """A line of the menu that is open, or one of the menu inside of it."""
    menu = seat.window.chat.history.menu.menu
    assert menu is not None
    if inside:
        menu = menu.nametowidget(menu.entrycget(name, "menu"))
        name = inside
    menu.invoke(menu.index(name))
    menu.unpost()
    seat.settle()


def click(seat: Seat, one: Row, *, x: int = 40, button: int = 1) -> None:
    canvas = seat.window.chat.history.list.canvas
    y = (one.top + one.bottom) // 2 - round(canvas.canvasy(0))
    for event in (f"<Button-{button}>", f"<ButtonRelease-{button}>"):
        canvas.event_generate(event, x=x, y=y, rootx=canvas.winfo_rootx() + x, rooty=canvas.winfo_rooty() + y)
    seat.settle()


@pytest.mark.requirement("1.4.8")
def test_a_row_is_dragged_on_a_folder_and_out_of_it_and_is_drawn_while_tk_s_own_dialog_has_the_keys(
    seat: Seat, desk: Desk
) -> None:
    rows = seat.window.chat.history.list
    listed(desk, row(1, title="What was said about the garden in the spring (2)"), row(2, folder="f1"))
    seat.root.tk.eval("toplevel .__tk_filedialog; focus -force .__tk_filedialog")
    seat.settle()
    assert {"f1", "c2"} <= {one.key.removeprefix("group folder:") for one in rows.rows}
    rows._draw()
    assert any(text.endswith("… (2)") for text in texts(rows.canvas)), "what tells it from another one is seen"
    seat.root.tk.eval("destroy .__tk_filedialog")

    def middle(key: str) -> int:
        found = rows.row(key)
        assert found is not None
        return (found.top + found.bottom) // 2

    def drag(key: str, to: str) -> None:
        for event, at in (("<Button-1>", key), ("<B1-Motion>", to), ("<ButtonRelease-1>", to)):
            rows.canvas.event_generate(event, x=30, y=middle(at))
        seat.settle()

    drag("c1", "group folder:f1")
    assert arranged(desk)[-1] == MoveTo("c1", "f1")
    drag("c2", "c1")
    assert arranged(desk)[-1] == MoveTo("c2", "")
    before = len(arranged(desk))
    drag("c1", "c1")
    assert len(arranged(desk)) == before


def test_each_line_of_a_menu_has_a_letter_of_its_own() -> None:
    names = ["Copy answer", "Compare with", "Copy prompt", "", "Temperature 0", "Temperature 0.7", "C"]
    assert underlined(names) == [0, 8, 5, -1, 0, 12, -1]


def texts(canvas: tkinter.Canvas) -> set[str]:
    """What is drawn."""
    return {canvas.itemcget(item, "text") for item in canvas.find_withtag("row") if canvas.type(item) == "text"}


@pytest.mark.requirement("1.4.8")
def test_a_conversation_is_found_opened_named_moved_and_deleted_by_keys_alone(seat: Seat, desk: Desk) -> None:
    sidebar = seat.window.chat.history
    listed(desk, row(1), row(2, folder="f1"), row(3, archived=True))
    assert [one.key for one in sidebar.list.rows] == [
        "group folder:f1", "c2", "group January 1970", "c1", "group archived",
    ]  # fmt: skip
    seat.focus(seat.window.chat.composer.text)
    seat.key("<Control-f>")
    assert seat.root.focus_get() is sidebar.search
    seat.type("cat")
    seat.key("<KeyRelease-t>")
    assert desk.bridge.last(commands.ListConversations).query == "cat"
    listed(desk, row(1, snippet="…a cat sat…"), row(2), query="cat")
    seat.key("<Return>")
    assert desk.bridge.last(commands.LoadConversation).conversation_id == "c1"
    seat.key("<Tab>")
    assert seat.root.focus_get() is sidebar.list.canvas
    seat.key("<Down>")
    seat.key("<Return>")
    assert desk.bridge.last(commands.LoadConversation).conversation_id == "c2"
    texts = {"x1": "One cat.", "x2": "No dog.", "x3": "Two cats."}
    whole = conversation(*(kept(name, answer=text) for name, text in texts.items()))
    desk.say(messages.ConversationLoaded(conversation=whole))
    seat.settle()
    text = seat.window.chat.conversation.text
    spans = text.tag_ranges("match")
    assert [text.get(spans[at], spans[at + 1]) for at in range(0, len(spans), 2)] == ["cat", "cat"]
    seat.window.chat.conversation._lay_out_anew()
    assert len(text.tag_ranges("match")) == 4, "what is drawn anew is marked anew"
    seat.key("<F3>")
    assert sidebar.match_words.cget("text") == "Place 1 of 2"
    seat.picture("matches")
    seat.focus(sidebar.search)
    seat.key("<Escape>")
    assert not text.tag_ranges("match")
    listed(desk, row(1), row(2, folder="f1"), row(3, archived=True))

    seat.focus(sidebar.list.canvas)
    seat.key("<Down>")
    seat.key("<Down>")
    assert sidebar.list.cursor == "c1"
    seat.key("<F2>")
    entry = sidebar.list.entry
    assert entry is not None
    seat.type("new")
    seat.key("<Return>")
    assert arranged(desk)[-1] == Rename("c1", "new")
    assert seat.root.focus_get() is sidebar.list.canvas
    seat.key("<F2>")
    seat.type("other")
    seat.key("<Escape>")
    assert arranged(desk)[-1] == Rename("c1", "new"), "Escape leaves the name as it was"

    seat.key("<Shift-F10>")
    choose(seat, "Pin")
    seat.key("<Shift-F10>")
    choose(seat, "Move to folder", "House")
    seat.key("<Shift-F10>")
    choose(seat, "Archive")
    assert arranged(desk)[-3:] == [Pin("c1", True), MoveTo("c1", "f1"), PutAway("c1", True)]
    seat.key("<Shift-F10>")
    choose(seat, "Move to folder", "New folder…")
    made = arranged(desk)[-2]
    assert isinstance(made, NameFolder)
    folders = (*FOLDERS, Folder(id=made.folder_id, name=made.name))
    desk.say(messages.ConversationsListed(query="", found=(row(1, folder=made.folder_id),), folders=folders))
    seat.settle()
    assert seat.root.focus_get() is sidebar.list.entry, "its name is typed at once"
    desk.say(messages.ConversationsListed(query="", found=(row(4), row(1, folder=made.folder_id)), folders=folders))
    seat.settle()
    assert seat.root.focus_get() is sidebar.list.entry, "a list that comes meanwhile does not end that"
    seat.type("Cats")
    seat.key("<Return>")
    assert arranged(desk)[-1] == NameFolder(made.folder_id, "Cats")
    assert sidebar.list.entry is None
    seat.key("<Home>")
    assert sidebar.list.cursor == "group folder:f1"
    seat.key("<Left>")
    assert "folder:f1" in desk.core.state.history.closed
    seat.key("<Delete>")
    assert arranged(desk)[-1] == RemoveFolder("f1")

    desk.say(messages.ConversationsListed(query="", found=(row(1),), folders=folders))
    seat.key("<End>")
    assert sidebar.list.cursor == "c1"
    seat.key("<Delete>")
    assert arranged(desk)[-1] == MarkDeleted("c1", desk.clock.now())
    assert sidebar.undo.cget("text") == "Undo (60 s)"
    desk.pass_time(10)
    assert sidebar.undo.cget("text") == "Undo (50 s)"
    seat.picture("deleted")
    seat.key("<Control-z>")
    assert arranged(desk)[-1] == MarkDeleted("c1", None)
    assert not sidebar.undo_bar.winfo_ismapped()
    assert not desk.bridge.all(commands.Cancel), "no key of the list reaches an answer"


def test_the_same_with_the_mouse_and_the_list_is_as_wide_as_it_was_dragged(
    seat: Seat, desk: Desk, tmp_path: Path
) -> None:
    sidebar = seat.window.chat.history
    listed(desk, row(1), row(2), *(row(number) for number in range(4, 60)))
    click(seat, sidebar.list.rows[3])
    assert desk.bridge.last(commands.LoadConversation).conversation_id == "c2"
    click(seat, sidebar.list.rows[3], button=3)
    choose(seat, "Pin")
    click(seat, sidebar.list.rows[2], x=sidebar.list.canvas.winfo_width() - 12)
    choose(seat, "Delete")
    assert arranged(desk) == [Pin("c2", True), MarkDeleted("c1", desk.clock.now())]
    seat.click(sidebar.undo)
    assert arranged(desk)[-1] == MarkDeleted("c1", None)
    drawn = texts(sidebar.list.canvas)
    assert "Talk 4" in drawn
    assert "Talk 59" not in drawn, "only what can be seen is drawn"
    assert sidebar.list._bar.winfo_ismapped()
    before = sidebar.list.canvas.winfo_width()
    listed(desk, row(2))
    seat.settle()
    assert not sidebar.list._bar.winfo_ismapped()
    assert sidebar.list.canvas.winfo_width() == before, "nothing moves when the scroll bar goes"

    sash = sidebar._sash
    wide = sidebar.winfo_width()
    right = sidebar.winfo_rootx() + wide
    sash.event_generate("<B1-Motion>", rootx=right + 80, rooty=sidebar.winfo_rooty() + 9)
    sash.event_generate("<ButtonRelease-1>")
    seat.settle()
    assert sidebar.winfo_width() == wide + 80
    assert desk.core.state.settings.values.sidebar == 340
    seat.focus(sash)
    for _ in range(20):
        seat.key("<Left>")
    seat.key("<KeyRelease-Left>")
    assert desk.core.state.settings.values.sidebar == 200, "not narrower than that"

    desk.core.press(intents.ExportConversation("c2", tmp_path / "a.md"))
    desk.say(messages.ConversationExported(path=str(tmp_path / "a.md")))
    assert "a.md" in sidebar.note.shown


def test_a_running_conversation_stays_in_reach(seat: Seat, desk: Desk) -> None:
    sidebar = seat.window.chat.history
    listed(desk, row(1))
    desk.core.press(intents.Send("What is a cloud?"))
    running, begun = desk.last, desk.core.state.conversation.id
    desk.say(messages.AnswerAccepted(exchange_id=running.id, accepted=accepted()))
    assert seat.root.title() == "What is a cloud? – TL-FIF"
    click(seat, sidebar.list.rows[-1])
    desk.say(messages.ConversationLoaded(conversation=conversation()))
    seat.settle()
    assert [one.key for one in sidebar.list.rows][:2] == ["group running", begun]
    desk.say(messages.AnswerExtended(exchange_id=running.id, text="Vapour", seq=3))
    seat.settle()
    assert "Answering…" in texts(sidebar.list.canvas)
    seat.picture("running")
    click(seat, sidebar.list.rows[1])
    half = kept(running.id, conversation=begun, status="running", answer="Va", job_id="job_1")
    desk.say(messages.ConversationLoaded(conversation=conversation(half, conversation_id=begun)))
    desk.say(messages.AnswerExtended(exchange_id=running.id, text=" and light", seq=4))
    seat.settle()
    assert "Vapour and light" in seat.window.chat.conversation.text.get("1.0", "end")
