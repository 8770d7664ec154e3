"""Markdown in answers: signs become styles, and no character is lost, however the words arrive."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlfif.gui.markup import pieces as md
from tlfif.gui.markup.mathematics import as_text
from tlfif.gui.markup.pieces import Piece, visible, written
from tlfif.gui.markup.reading import MAX_LINE, MAX_OPEN, Reading, read

SIGNS = st.text(st.sampled_from("a b*`~#-+1.\n\t_\\é😀|>$[]()<&"), max_size=80)


def drawn(*texts: str, columns: int = 80) -> list[Piece]:
    """What stands there after these texts have come, neighbours of one style as one."""
    reading = Reading()
    signs: list[tuple[str, tuple[str, ...]]] = []
    for text in texts:
        found = read(reading, text, columns=columns)
        kept = len(signs) - len(found.gone)
        assert "".join(sign for sign, _ in signs[kept:]) == found.gone
        signs = signs[:kept] + [(sign, styles) for piece, styles in found.pieces for sign in piece]
        reading = found.reading
    joined: list[Piece] = []
    for sign, styles in signs:
        if joined and joined[-1][1] == styles:
            joined[-1] = (joined[-1][0] + sign, styles)
        else:
            joined.append((sign, styles))
    return joined


def with_style(pieces: list[Piece], style: str) -> list[str]:
    hidden = {md.HIDDEN, md.SOURCE}
    return [text for text, styles in pieces if style in styles and not hidden & set(styles)]


@pytest.mark.requirement("1.4.11")
@given(SIGNS)
@settings(deadline=None)
def test_no_character_is_lost_and_only_signs_are_hidden(text: str) -> None:
    pieces = drawn(text)
    assert written(pieces) == text
    hidden = {sign for piece, styles in pieces if md.HIDDEN in styles for sign in piece}
    assert not hidden & set("aé😀\n")


@given(st.lists(st.text(st.sampled_from("a *`~#-1.\n>_"), max_size=8), max_size=15))
@settings(max_examples=60, deadline=None)
def test_words_that_come_one_by_one_look_as_if_they_had_come_at_once(texts: list[str]) -> None:
    assert drawn(*texts) == drawn("".join(texts))


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_at_all_is_taken(text: str) -> None:
    assert written(drawn(text)) == text


@pytest.mark.parametrize(
    ("text", "style", "found"),
    [
        ("So **very** bold", md.BOLD, ["very"]),
        ("**a** and ***b***", md.BOLD, ["a", "b"]),
        ("2 ** 3 ** 4", md.BOLD, []),
        ("**open", md.BOLD, []),
        (r"\**no**", md.BOLD, []),
        ("*soft* _too_ snake_case_name", md.ITALIC, ["soft", "too"]),
        ("~~gone~~ ~once~", md.STRUCK, ["gone"]),
        ("Type `ls -l` or ``a`b``.", md.CODE, ["ls -l", "a`b"]),
        ("`open", md.CODE, []),
        ("## A title ##", md.HEADINGS[1], ["A title"]),
        ("#no title", md.HEADINGS[0], []),
        ("- one\n* two", md.ITEMS[1], ["•\t", "one\n", "•\t", "two"]),
        ("1. a\n   - deep\n\n   on", md.ITEMS[2], ["•\t", "deep\n"]),
        ("1. a\n   - deep\n\n   on", md.INSIDE[1], ["on"]),
        ("7) first **x**", md.ITEMS[1], ["7)\t", "first ", "x"]),
        ("- [ ] open\n- [x] done", md.ITEMS[1], ["•\t", "☐ ", "open\n", "•\t", "☑ ", "done"]),
        ("a - b", md.ITEMS[1], []),
        ("> said\n> more\n\nend", md.QUOTE, ["said\n", "more\n"]),
        ("a\n\n* * *\n", md.RULE, ["─" * 24, "\n"]),
        ("```python\nx = '**'\n```\nend", md.BLOCK, ["x = '**'\n"]),
        ("```python\nx", md.LANGUAGE, ["python\t", "Copy code", "\n"]),
        ("~~~~\n~~~\n~~~~", md.BLOCK, ["~~~\n"]),
        ("See [the *page*](https://a.org/x_y) or https://b.org/c.", md.LINK, ["the ", "page", "https://b.org/c"]),
        ("[bad](javascript:x) [file](file:///etc) ![](x)", md.LINK, []),
        ("<https://a.org> <mailto:me@a.org>", md.LINK, ["https://a.org", "mailto:me@a.org"]),
        ("It is $x^2$ for $5 or $6, \\(\\alpha\\)", md.MATHEMATICS, ["x²", "α"]),
        ("from $0.08 to $0.09", md.MATHEMATICS, []),
    ],
)
def test_what_is_shown_how(text: str, style: str, found: list[str]) -> None:
    assert with_style(drawn(text), style) == found
    assert drawn(*text) == drawn(text)


def test_signs_are_hidden_and_the_rest_is_seen() -> None:
    assert visible(drawn("# Hello\nSay **this** &amp; `that`\\*.\n```\ncode\n```\n- **a**")) == (
        "Hello\nSay this & that*.\ncode\tCopy code\ncode\n\n•\ta"
    )


TABLE = "| Name | Price |\n|:--|--:|\n| **Tea** | 1.50 |\n| 茶 | `20` |\n"


@pytest.mark.requirement("1.4.12")
def test_a_table_stands_in_columns_and_is_copied_as_it_was_written() -> None:
    assert visible(drawn(TABLE)) == "Name   Price\n────────────\nTea     1.50\n茶        20\n"
    assert drawn(*TABLE) == drawn(TABLE)
    narrow = visible(drawn("| a | b |\n|-|-|\n| one | so many words that they go on |", columns=20))
    assert narrow.splitlines()[2:] == ["one   so many words", "      that they go", "      on"]


def test_a_table_that_is_longer_than_what_is_read_anew_stays_a_table() -> None:
    rows = "".join(f"| row {number} | value |\n" for number in range(MAX_OPEN // 10))
    pieces = drawn(TABLE, rows[:MAX_OPEN], rows[MAX_OPEN:], "\nend")
    assert "|" not in visible(pieces)
    assert written(pieces) == f"{TABLE}{rows}\nend"


def test_only_the_open_block_is_written_again() -> None:
    before = read(Reading(), "# Done\n\nAlso *done*\n\n- item\n- Then\n  **bo").reading
    assert before.open == "- Then\n  **bo"
    assert read(before, "ld").gone == ""
    found = read(before, "ld** done")
    assert found.gone == "**bo"
    assert written(found.pieces) == "**bold** done"


def test_a_word_costs_the_same_in_a_long_answer_as_in_a_short_one() -> None:
    for long in ("word\n" * 1500, "- item\n" * 1500, "> line\n" * 1500, "```\n" + "code\n" * 1500, TABLE * 40):
        reading = Reading()
        for at in range(0, len(long), 500):
            reading = read(reading, long[at : at + 500]).reading
            assert len(reading.open) <= MAX_OPEN + 500


def test_the_end_of_a_line_of_code_has_its_ground() -> None:
    assert md.FENCE in read(Reading(), "```\na\n```").reading.end
    assert md.BLOCK in read(Reading(), "```\na").reading.end
    assert not read(Reading(), "```\na\n```\n").reading.end


def test_a_very_long_line_is_shown_as_it_is() -> None:
    line = "**a** " * MAX_LINE
    assert drawn(line) == [(line, ())]


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"E = mc^2", "E = mc²"),
        (r"\frac{a+b}{2} \le \sqrt{x_1}", "(a+b)/2 ≤ √x₁"),
        (r"\sum_{i=1}^{n} i", "∑ᵢ₌₁ⁿ i"),
        (r"e^{i\pi} + 1 = 0", "e^(iπ) + 1 = 0"),
        (r"\mathbb{R}^n \to \mathbb R", "ℝⁿ → ℝ"),
        (r"90^\circ, \text{if } \sin x \neq \Omega", "90°, if  sin x ≠ Ω"),
        (r"\unknown{x}", "unknownx"),
        (r"{open", "{open"),
    ],
)
def test_mathematics_becomes_text(formula: str, text: str) -> None:
    assert as_text(formula) == text


@given(st.text(st.sampled_from("\\frac{}^_ab12 ()$"), max_size=40))
@settings(deadline=None)
def test_any_formula_is_taken(formula: str) -> None:
    as_text(formula)
