"""Arabic and Hebrew: seen in their order, line by line, and copied as they were written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlfif.gui.markup import pieces as md
from tlfif.gui.markup.blocks import Line
from tlfif.gui.markup.pieces import visible, written
from tlfif.gui.markup.reading import Reading, read
from tlfif.gui.markup.right_to_left import in_order

HEBREW = "שלום עולם"
ARABIC = "سلام"


def seen(text: str, space: int = 1000) -> str:
    """As it is drawn, a letter a pixel."""
    pieces = read(Reading(), text, finish=lambda line: in_order(line, measure=len, space=space)).pieces
    assert written(pieces) == text
    return visible(pieces)


def test_words_stand_from_right_to_left_and_numbers_and_other_words_from_left_to_right() -> None:
    assert seen(HEBREW) == HEBREW[::-1]
    assert seen("abc " + HEBREW + " 12") == "abc 12 " + HEBREW[::-1]
    assert seen(f"{HEBREW} (x) **12**!") == "!12 (x) " + HEBREW[::-1]


def test_letters_that_join_are_drawn_joined() -> None:
    assert seen(ARABIC) == "\ufee1\ufefc\ufeb3"


def test_a_long_paragraph_is_broken_before_it_is_put_in_order() -> None:
    first, second = "אחת שתיים", "שלוש ארבע"
    assert seen(f"{first} {second}", space=12) == f" {first[::-1]}\n{second[::-1]}"


def test_items_and_tables_keep_their_place() -> None:
    assert seen(f"- {HEBREW}") == f"{HEBREW[::-1]} •"
    table = seen("| שם | Price |\n|-|-|\n| תה | 1.50 |")
    assert table.splitlines()[2] == "הת   1.50"


def test_what_reads_from_left_to_right_is_left_alone() -> None:
    line = Line((("plain", ()),))
    assert in_order(line, measure=len, space=1) is line


@pytest.mark.requirement("1.4.12")
@given(st.text(st.sampled_from("אב ab12*`-\nس(ل).\t|"), max_size=40), st.integers(1, 20))
@settings(deadline=None)
def test_any_text_is_copied_as_it_was_written(text: str, space: int) -> None:
    seen(text, space)


def test_the_line_is_set_to_the_right_by_what_it_begins_with() -> None:
    for text, expected in ((HEBREW, True), (f"a {HEBREW}", False)):
        reading = read(Reading(), text, finish=lambda line: in_order(line, measure=len, space=99)).reading
        assert (md.RIGHT_TO_LEFT in reading.end) is expected
