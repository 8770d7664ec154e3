"""Markdown in the conversation: shown with its styles, copied as it was written, drawn again in its last line only."""

import tkinter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gui.seat import Seat
from tests.gui.test_window_views import exchange, talk
from tlfif.gui.look import markup
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


def test_signs_become_styles_and_the_copy_is_the_original(seat: Seat) -> None:
    talk(seat, exchange(1, answer=AnswerText([ANSWER]), stage=ExchangeStage.DONE))
    text = seat.window.chat.conversation.text
    seen = visible(text, "e1")
    assert seen.startswith("Use sorted and len: ")
    assert "• one point\n• another one\n1. numbered" in seen
    assert 'python\nprint("**not bold**")\n' in seen
    assert "```" not in seen
    bold = [text.get(*map(str, span)) for span in _ranges(text, markup.BOLD)]
    assert "".join(bold) == "**sorted****one**"
    text.tag_add("sel", "a0:e1", "a1:e1")
    text.event_generate("<<Copy>>")
    assert seat.root.clipboard_get() == ANSWER
    assert seat.root.selection_get() == ANSWER


def test_part_of_a_list_is_copied_as_it_was_written(seat: Seat) -> None:
    talk(seat, exchange(1, answer=AnswerText(["+ one\n+ two"]), stage=ExchangeStage.DONE))
    text = seat.window.chat.conversation.text
    text.tag_add("sel", "a0:e1", "a0:e1 +1c")
    text.event_generate("<<Copy>>")
    assert seat.root.clipboard_get() == "+"


def test_the_copy_of_nothing_leaves_the_clipboard_alone(seat: Seat) -> None:
    seat.root.clipboard_clear()
    seat.root.clipboard_append("mine")
    seat.window.chat.conversation.text.event_generate("<<Copy>>")
    assert seat.root.clipboard_get() == "mine"


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
    line = sign + "word and another " * 280 + sign
    whole = f"before\n{line}\nafter {line}"
    text = streamed(seat, *(whole[at : at + 400] for at in range(0, len(whole), 400)))
    shown = text.get("a0:e1", "a1:e1")
    assert max(map(len, shown.split("\n"))) <= LONGEST
    assert shown.count("\n") > 6
    assert all(part.endswith((" ", "**", "before")) for part in shown.split("\n"))
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
    assert not _ranges(text, markup.BLOCK)


def test_an_answer_that_counts_again_is_no_longer_grey(seat: Seat) -> None:
    one = exchange(1, answer=AnswerText(["First"]), stage=ExchangeStage.DONE, superseded=True)
    failed = exchange(2, stage=ExchangeStage.FAILED, instead_of="e1")
    talk(seat, one, replace(failed, stage=ExchangeStage.WAITING))
    text = seat.window.chat.conversation.text
    assert _ranges(text, "old")
    talk(seat, replace(one, superseded=False), failed)
    assert not _ranges(text, "old")
    assert "The answer above counts again." in text.get("1.0", "end")


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
