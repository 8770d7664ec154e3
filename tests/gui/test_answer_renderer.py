"""Markdown in the conversation: shown with its styles, copied as it was written, drawn again in its last line only."""

import tkinter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.gui import Desk
from tests.gui.seat import Seat
from tests.gui.test_window_views import exchange, talk
from tlfif.gui.markup import pieces as md
from tlfif.gui.markup.code_colours import KEYWORD, REMARK
from tlfif.gui.model import commands, intents, messages
from tlfif.gui.model.answer_text import AnswerText
from tlfif.gui.model.state import ExchangeStage
from tlfif.gui.views.answer_renderer import LONGEST

ANSWER = """Use **sorted** and `len`: 😀

- one point
* another **one**
1. numbered

```python
print("**not bold**")
```"""


def visible(text: tkinter.Text, name: str) -> str:
    """What can be seen of an answer: hidden signs are left out."""
    shown = text.tk.call(text, "get", "-displaychars", f"a0:{name}", f"a1:{name}")
    return str(shown)


def streamed(seat: Seat, *pieces: str, name: str = "e1") -> tkinter.Text:
    answer = AnswerText()
    one = exchange(1, id=name, answer=answer, stage=ExchangeStage.STREAMING)
    talk(seat, one)
    for piece in pieces:
        answer = answer.add(piece)
        talk(seat, replace(one, answer=answer))
    return seat.window.chat.conversation.text


@pytest.mark.requirement("1.1.6")
def test_signs_become_styles_and_the_copy_is_the_original(seat: Seat) -> None:
    talk(seat, exchange(1, answer=AnswerText([ANSWER]), stage=ExchangeStage.DONE))
    text = seat.window.chat.conversation.text
    seen = visible(text, "e1")
    assert seen.startswith("Use sorted and len: ")
    assert "•\tone point\n•\tanother one\n1.\tnumbered" in seen
    assert 'python\tCopy code\nprint("**not bold**")\n' in seen
    assert "```" not in seen
    bold = [text.get(*map(str, span)) for span in _ranges(text, md.BOLD)]
    assert bold == ["sorted", "one"]
    text.tag_add("sel", "a0:e1", "a1:e1")
    text.event_generate("<<Copy>>")
    assert seat.root.clipboard_get() == ANSWER
    assert seat.root.selection_get() == ANSWER


def test_part_of_a_list_is_copied_as_it_was_written(seat: Seat) -> None:
    talk(seat, exchange(1, answer=AnswerText(["+ one\n+ two"]), stage=ExchangeStage.DONE))
    text = seat.window.chat.conversation.text
    for start, end, copied in (("•", "o", "+ "), ("ne", "wo", "ne\n+ t"), ("one", "•", "one\n")):
        first = text.search(start, "a0:e1")
        text.tag_remove("sel", "1.0", "end")
        text.tag_add("sel", first, text.search(end, f"{first} +1c"))
        text.event_generate("<<Copy>>")
        assert seat.root.clipboard_get() == copied, "what is drawn in the place of a sign stands for all of it"


def test_the_copy_of_nothing_leaves_the_clipboard_alone(seat: Seat) -> None:
    seat.root.clipboard_clear()
    seat.root.clipboard_append("mine")
    seat.window.chat.conversation.text.event_generate("<<Copy>>")
    assert seat.root.clipboard_get() == "mine"


@pytest.mark.requirement("1.4.11")
def test_an_answer_that_streams_ends_as_if_it_had_come_at_once(seat: Seat) -> None:
    text = streamed(seat, *ANSWER)
    seen, spans = visible(text, "e1"), _all_ranges(text)
    talk(seat, name="d")
    talk(seat, exchange(1, answer=AnswerText([ANSWER]), stage=ExchangeStage.STREAMING), name="d")
    assert visible(text, "e1") == seen
    assert _all_ranges(text) == spans


def test_ids_as_the_window_makes_them_hold_hyphens_which_tk_reads_as_arithmetic(seat: Seat) -> None:
    name = "x-0f3c-5-1"
    text = streamed(seat, *ANSWER, name=name)
    seen, spans = visible(text, name), _all_ranges(text)
    talk(seat, name="d")
    text = streamed(seat, *ANSWER)
    assert visible(text, "e1") == seen
    assert _all_ranges(text) == spans
    assert seat.window.chat.conversation._renderer.original("a0:e1", "a1:e1") == ANSWER


@pytest.mark.parametrize("sign", ["", "**"])
def test_a_very_long_line_is_broken_for_the_eye_only(seat: Seat, sign: str) -> None:
    line = sign + "word and another " * 130 + sign
    whole = f"before\n\n{line}\n\nafter {line}"
    text = streamed(seat, *(whole[at : at + 400] for at in range(0, len(whole), 400)))
    shown = text.get("a0:e1", "a1:e1")
    assert max(map(len, shown.split("\n"))) <= LONGEST
    assert shown.count("\n") > 5
    assert all(part.endswith((" ", "**", "before")) for part in shown.split("\n") if part)
    text.tag_add("sel", "a0:e1", "a1:e1")
    text.event_generate("<<Copy>>")
    assert seat.root.clipboard_get() == whole
    text.tag_remove("sel", "1.0", "end")
    at = shown.index("\n", 100)  # a break of the window's own
    text.tag_add("sel", f"a0:e1 +{at}c", f"a0:e1 +{at + 5}c")
    text.event_generate("<<Copy>>")
    assert seat.root.clipboard_get() == shown[at + 1 : at + 5]


def test_an_answer_that_starts_over_begins_outside_of_code(seat: Seat) -> None:
    first = AnswerText(["```\ncode"])
    one = exchange(1, answer=first, stage=ExchangeStage.STREAMING)
    talk(seat, one)
    talk(seat, replace(one, answer=first.start_over().add("plain")))
    text = seat.window.chat.conversation.text
    assert visible(text, "e1") == "plain"
    assert not _ranges(text, md.BLOCK)


MORE = """See [the manual](https://docs.example.org/start).

```python
def one() -> int:
    return 1  # one 😀
```

| a | b |
|---|---|
| x | y |
"""


@pytest.mark.requirement("1.4.12")
def test_code_is_coloured_and_copied_links_show_where_they_lead_and_the_menu_knows_both(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    talk(seat, exchange(1, answer=AnswerText([MORE]), stage=ExchangeStage.DONE))
    view = seat.window.chat.conversation
    text, menu = view.text, view.menu
    seat.wait(lambda: _ranges(text, REMARK), "the code is painted")
    assert [text.get(*span) for span in _ranges(text, KEYWORD)] == ["def", "return"]
    assert [text.get(*span) for span in _ranges(text, REMARK)] == ["# one 😀"]
    link = text.search("the manual", "1.0")
    _point_at(seat, link)
    assert "https://docs.example.org/start" in seat.texts(text)
    _click(seat, link)
    assert desk.bridge.last(commands.OpenLink).address == "https://docs.example.org/start"
    _click(seat, text.search("Copy code", "1.0"))
    assert seat.root.clipboard_get() == "def one() -> int:\n    return 1  # one 😀"
    names = [entry.name for entry in menu.entries(text.search("return", "1.0"))]
    assert names[:3] == ["Copy code", "", "Copy answer"]
    assert {"Compare with", "Edit prompt", "Export conversation…", "Print…"} <= set(names)
    assert [entry.name for entry in menu.entries(link)][:2] == ["Open link", "Copy address"]
    text.tag_add("sel", text.search("x", text.search("a   b", "1.0")), "end")
    assert view._renderer.original(*map(str, text.tag_ranges("sel"))).startswith("| x | y |\n"), "a row is copied whole"


@pytest.mark.requirement("1.4.13")
def test_two_answers_stand_side_by_side_and_one_is_chosen(seat: Seat, desk: Desk) -> None:
    desk.hear("ready")
    talk(seat, exchange(1, answer=AnswerText(["first **words**"]), stage=ExchangeStage.DONE))
    desk.core.press(intents.CompareWith("e1", temperature=1.2))
    new = desk.last.id
    desk.say(messages.AnswerExtended(exchange_id=new, text="other ", seq=1))
    desk.say(messages.AnswerExtended(exchange_id=new, text="words", seq=2))
    seat.settle()
    compare = seat.window.chat.conversation.compare
    seen = seat.texts(compare)
    for text in ("first **words**", "other words", "temperature 1.2"):
        assert text in seen
    assert compare.columns[1].button.instate(["disabled"])
    seat.click(compare.columns[0].button)
    assert not compare.winfo_ismapped()
    assert "first" in text_of(seat)
    desk.core.press(intents.CompareVersions("e1", new))
    seat.settle()
    seat.focus(seat.window.chat.composer.text)
    seat.key("<Escape>")
    assert desk.core.state.conversation.compared == ("e1", new), "an answer under way is cancelled first"
    seat.key("<Escape>")
    assert not compare.winfo_ismapped()


def text_of(seat: Seat) -> str:
    return seat.window.chat.conversation.text.get("1.0", "end")


def _point_at(seat: Seat, index: str) -> tuple[int, int]:
    text = seat.window.chat.conversation.text
    text.see(index)
    x, y, wide, high = text.bbox(index) or (0, 0, 0, 0)
    text.event_generate("<Motion>", x=x + wide // 2, y=y + high // 2)
    seat.settle()
    return x + wide // 2, y + high // 2


def _click(seat: Seat, index: str) -> None:
    x, y = _point_at(seat, index)
    for kind in ("<Button-1>", "<ButtonRelease-1>"):
        seat.window.chat.conversation.text.event_generate(kind, x=x, y=y)
    seat.settle()


@given(st.lists(st.text(st.sampled_from("a *`-#\n😀"), max_size=6), max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("longest", [4, 1500])
def test_whatever_streams_is_copied_as_it_came(seat: Seat, longest: int, pieces: list[str]) -> None:
    seat.window.chat.conversation._renderer._longest = longest
    talk(seat, name="other")
    text = streamed(seat, *pieces)
    assert seat.window.chat.conversation._renderer.original("a0:e1", "a1:e1") == "".join(pieces)
    assert text.get("a1:e1", "a1:e1 +1c") == "\n"


def _ranges(text: tkinter.Text, tag: str) -> list[tuple[str, str]]:
    found = [str(index) for index in text.tag_ranges(tag)]
    return list(zip(found[::2], found[1::2], strict=True))


def _all_ranges(text: tkinter.Text) -> dict[str, list[tuple[str, str]]]:
    return {tag: _ranges(text, tag) for tag in text.tag_names() if tag.startswith("md-")}
