"""Markdown in answers: a few signs become styles, and no character is lost, however the words arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.gui.look.markup import (
    BLOCK,
    BOLD,
    BULLETS,
    CODE,
    FENCE,
    HEADING,
    HIDDEN,
    ITEMS,
    LANGUAGE,
    MAX_LINE,
    Piece,
    Reading,
    read,
)

SIGNS = st.text(st.sampled_from("a b*`~#-+1.\n\t_\\é😀"), max_size=80)


def written(*texts: str) -> list[Piece]:
    """What stands there after these texts have come, neighbours of one style as one."""
    reading = Reading()
    signs: list[Piece] = []
    for text in texts:
        found = read(reading, text)
        if found.again:
            while signs and signs[-1][0] != "\n":
                signs.pop()
        signs += [(sign, styles) for piece, styles in found.pieces for sign in piece]
        reading = found.reading
    joined: list[Piece] = []
    for sign, styles in signs:
        if joined and joined[-1][1] == styles:
            joined[-1] = (joined[-1][0] + sign, styles)
        else:
            joined.append((sign, styles))
    return joined


def original(pieces: list[Piece]) -> str:
    return "".join(next((BULLETS[one] for one in styles if one in BULLETS), text) for text, styles in pieces)


def seen(pieces: list[Piece]) -> str:
    return "".join(text for text, styles in pieces if HIDDEN not in styles)


def with_style(pieces: list[Piece], style: str) -> list[str]:
    return [text for text, styles in pieces if style in styles and HIDDEN not in styles]


@given(SIGNS)
def test_no_character_is_lost_and_only_signs_are_hidden(text: str) -> None:
    pieces = written(text)
    assert original(pieces) == text
    hidden = {sign for piece, styles in pieces if HIDDEN in styles for sign in piece}
    assert hidden <= set("*`~# \t")


@given(st.lists(st.text(st.sampled_from("a *`~#-1.\n"), max_size=8), max_size=15))
def test_words_that_come_one_by_one_look_as_if_they_had_come_at_once(texts: list[str]) -> None:
    assert written(*texts) == written("".join(texts))


@given(st.text(max_size=200))
def test_any_text_at_all_is_taken(text: str) -> None:
    assert original(written(text)) == text


@pytest.mark.parametrize(
    ("text", "style", "found"),
    [
        ("So **very** bold", BOLD, ["very"]),
        ("**a** and ***b***", BOLD, ["a", "b"]),
        ("2 ** 3 ** 4", BOLD, []),
        ("**open", BOLD, []),
        (r"\**no**", BOLD, []),
        ("**not `a**` here", BOLD, []),
        ("Type `ls -l` or ``a`b``.", CODE, ["ls -l", "a`b"]),
        ("`open", CODE, []),
        ("## A title", HEADING, ["A title"]),
        ("#no title", HEADING, []),
        ("- one\n* two", ITEMS[0], ["•", " one\n", "•", " two"]),
        ("  - deep", ITEMS[1], ["•", " deep"]),
        ("1. first **x**", ITEMS[0], ["1. first ", "x"]),
        ("a - b", ITEMS[0], []),
        ("* * *", ITEMS[0], []),
        ("```python\nx = '**'\n```\nend", BLOCK, ["python", "\n", "x = '**'\n", "\n"]),
        ("```python\nx", LANGUAGE, ["python"]),
        ("~~~~\n~~~\n~~~~", BLOCK, ["\n", "~~~\n"]),
    ],
)
def test_what_is_shown_how(text: str, style: str, found: list[str]) -> None:
    assert with_style(written(text), style) == found


def test_signs_are_hidden_and_the_rest_is_seen() -> None:
    assert seen(written("# Hello\nSay **this** or `that`.\n```\ncode\n```\n- **a**")) == (
        "Hello\nSay this or that.\n\ncode\n\n• a"
    )


def test_code_that_is_not_closed_yet_is_code_already() -> None:
    assert with_style(written("```\n", "a ", "= **1**"), BLOCK) == ["\n", "a = **1**"]


def test_only_the_line_under_way_is_written_again() -> None:
    reading = read(Reading(), "One line.\nThen **bo").reading
    assert read(reading, "ld").again is False
    found = read(reading, "ld** done")
    assert found.again is True
    assert original(found.pieces) == "Then **bold** done"


def test_a_last_line_that_bounds_code_is_known() -> None:
    assert read(Reading(), "```\na\n```").reading.ends_in_fence
    assert not read(Reading(), "```\na\n```\n").reading.ends_in_fence
    assert FENCE in written("```")[0][1]


def test_a_very_long_line_is_shown_as_it_is() -> None:
    line = "**a** " * MAX_LINE
    assert written(line) == [(line, ())]
