# ruff: noqa: RUF001  # letters of other scripts are meant
"""Text in any script: found in the history by parts of its words, and cut between its signs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.history.history import History
from tlfif.history.titles import title_of
from tlfif.wording.scripts import cut_at, folded, place_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def keep(history: History, number: int = 1, *, prompt: str) -> None:
    one = f"x{number}"
    history.add(conversation_id=f"c{number}", exchange_id=one, key="k", prompt=prompt, model="", asked_at=1.0)


@pytest.mark.parametrize(
    ("prompt", "query"),
    [
        ("東京都の天気予報", "天気"),  # no blanks between words, and words of two signs
        ("这是一个关于机器学习的问题", "机器学习"),
        ("สวัสดีครับ ภาษาไทยไม่มีช่องว่าง", "ไทย"),
        ("Die Krankenversicherungsbeiträge steigen", "versicherung"),
        ("Straße und Fuß", "STRASSE"),
        ("STRASSE", "straße"),
        ("İstanbul'da hava", "istanbul"),
        ("ışık hızı", "ISIK HIZI"),
        ("Ελλάδα και θάλασσα", "ΘΑΛΑΣΣΑ"),
        ("ёлка в лесу", "елка"),
        ("e\u0301cole", "école"),
        ("ﬁnance", "finance"),
        ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("한국어 문장", "국어"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם עולם", "שלום"),
        ("emoji 👨‍👩‍👧 here", "👨‍👩‍👧"),
    ],
)
def test_every_script_is_found_by_parts_of_its_words(path: Path, prompt: str, query: str) -> None:
    history = History(path)
    keep(history, 1, prompt=f"{prompt} {'x ' * 50}")
    keep(history, 2, prompt="Something else")
    (found,) = history.conversations(query)
    assert (found.id, found.snippet[:4]) == ("c1", prompt[:4])
    history.close()


@pytest.mark.parametrize(("prompt", "query"), [("か", "が"), ("กา", "กี"), ("कि", "की"), ("가", "각")])
def test_signs_that_are_other_letters_are_told_apart(path: Path, prompt: str, query: str) -> None:
    history = History(path)
    keep(history, prompt=prompt)
    assert history.conversations(query) == []
    history.close()


@pytest.mark.parametrize("sign", ["👨‍👩‍👧", "🇩🇪", "e\u0301", "👍🏽", "ก็"])
def test_a_title_ends_between_signs(sign: str) -> None:
    for filling in range(40, 60):
        title = title_of("w" * filling + sign * 30)
        assert title.removesuffix("…").lstrip("w").replace(sign, "") == ""


def test_an_accent_typed_apart_is_no_other_sign() -> None:
    assert cut_at("abe\u0301d", 3) == 2
    assert cut_at("\u0301" * 9, 4) == 4  # nothing else is left


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text(alphabet="aß\u0130é\u0301語🇩 \n", max_size=30))
def test_a_place_in_the_folded_text_is_found_in_the_text(before: str) -> None:
    text = before + "x"
    assert text[place_of(text, len(folded(before))) :].lstrip("\u0301") == "x"


@given(st.text(max_size=20), st.integers(1, 20))
def test_what_is_cut_is_never_longer_than_asked_for(text: str, limit: int) -> None:
    assert 0 < cut_at(text, limit) <= limit
