"""How much of a conversation is sent, at the terminal and in the window alike."""

import pytest

from tlfif.client.conversation_window import dropped_words, how_many_to_drop, messages_of
from tlfif.client.errors import RefusedError


def too_long(tokens: object, limit: object) -> RefusedError:
    return RefusedError("Too long.", code="prompt_too_long", details={"tokens": tokens, "limit": limit})


@pytest.mark.parametrize(
    ("sizes", "extra", "tokens", "limit", "dropped"),
    [
        ([100, 100, 100], 100, 400, 390, 1),
        ([100, 100, 100], 100, 400, 290, 2),
        ([100, 100, 100], 100, 400, 1, 3),
        ([], 100, 400, 100, 0),
        ([100], 100, 0, 0, 1),
        ([100], 100, "many", 0, 1),
        ([100] * 8, 200, None, None, 3),
        ([], 100, None, None, 0),
    ],
)
def test_how_many_are_dropped(sizes: list[int], extra: int, tokens: object, limit: object, dropped: int) -> None:
    assert how_many_to_drop(too_long(tokens, limit), sizes, extra_size=extra) == dropped


def test_too_many_messages_go_one_by_one_and_other_refusals_drop_nothing() -> None:
    many = RefusedError("Too many.", code="messages_too_many")
    assert how_many_to_drop(many, [5, 5], extra_size=1) == 1
    assert how_many_to_drop(many, [], extra_size=1) == 0
    assert how_many_to_drop(RefusedError("Full.", code="queue_full"), [5, 5], extra_size=1) == 0


def test_the_oldest_comes_first_and_the_question_last() -> None:
    assert messages_of([("a", "b")], "c", system="Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert messages_of([], "c", system="  \n") == [{"role": "user", "content": "c"}]


def test_what_was_left_out_is_counted() -> None:
    assert "the oldest question and its answer were left out, 1 is kept" in dropped_words(1, left=1)
    assert "the oldest 2 questions and their answers were left out, none is left" in dropped_words(2, left=0)
