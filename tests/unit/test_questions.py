"""The checks behind the benchmark's score of answers."""

import pytest

from bench.questions import QUESTIONS, is_english, is_json, items, leaks_template, loops


def test_there_are_a_hundred_questions_and_none_says_what_it_expects() -> None:
    assert len({question.prompt for question in QUESTIONS}) == len(QUESTIONS) == 100
    told = [one.prompt for one in QUESTIONS if one.kind in {"fact", "sum"} and one.check(one.prompt)]
    assert told == ["Which is larger, 3 or 30? Answer with the number."]  # one of two has to be chosen


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("I will be kind. I will be kind. I will be kind.", True),
        ("One thing.\nA line that comes again\n" + "A line that comes again\n" * 3, True),
        ("A cloud is water that floats, and rain is water that falls.", False),
        ("no no no", False),
        ("", False),
    ],
)
def test_a_text_that_ends_in_the_same_words_loops(answer: str, expected: bool) -> None:
    assert loops(answer) is expected


def test_marks_of_a_chat_template_are_leaks() -> None:
    assert all(
        leaks_template(one) for one in ("Paris.<|im_end|>", "Paris.\nUser:\nAnd Spain?", "[INST] Hello", "Hi</s>")
    )
    assert not any(leaks_template(one) for one in ("The user is right.", "x < y", "Assistants help."))


def test_english_is_told_from_other_languages_and_short_answers_may_be_any() -> None:
    assert is_english("A cloud is made of small drops of water that float in the air above the ground.")
    assert is_english("Bonjour")
    assert not is_english("Der Hund schläft neben dem Fenster, und draußen regnet es schon seit heute früh ohne Ende.")
    assert not is_english("Солнце светит днём и ночью " * 3)


def test_lists_and_json_are_recognised_in_the_forms_that_models_write() -> None:
    assert items(3)("1. red\n2. blue\n3. green")
    assert items(3)("red, blue, green")
    assert not items(3)("red and blue")
    assert is_json('{"name": "Anna"}')
    assert is_json('Here:\n```json\n{"name": "Anna"}\n```')
    assert not is_json("name: Anna")
    assert not is_json("[1]")
