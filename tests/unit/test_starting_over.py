"""An answer that starts over while it is read: what its reader has in the end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.control.submit_job import Submission
from tlfif.dialects.answer import Answer
from tlfif.dialects.starting_over import MARK, Steady
from tlfif.jobs.pieces import CallPiece, Piece
from tlfif.jobs.request import AnswerForm, Message, Sampling, Tool, ToolUse
from tlfif.kernel.errors import AnswerError

MESSAGES = [Message(role="user", content="Hello")]
SEEDED = Submission(messages=MESSAGES, sampling=Sampling(seed=1))
RANDOM = Submission(messages=MESSAGES)
WITH_TOOLS = Submission(messages=MESSAGES, sampling=Sampling(seed=1), tools=ToolUse(offered=(Tool(name="f"),)))
JSON = Submission(messages=MESSAGES, form=AnswerForm())


def read(asked: Submission, *attempts: list[Piece]) -> Answer:
    """What a reader has after these attempts, the last of which ended."""
    steady, seen = Steady(asked), Answer()
    for number, attempt in enumerate(attempts):
        if number:
            steady.started_over()
        for piece in attempt:
            for new in steady.more(piece):
                seen.add(new)
    for new in steady.ended():
        seen.add(new)
    return seen


def words(*texts: str) -> list[Piece]:
    return [Piece(text=text) for text in texts]


@pytest.mark.requirement("2.4.7")
@given(text=st.text(max_size=12), cuts=st.lists(st.lists(st.integers(0, 12), max_size=3), min_size=2, max_size=3))
def test_attempts_that_say_the_same_are_read_once_however_they_are_cut(text: str, cuts: list[list[int]]) -> None:
    attempts = []
    for number, cut in enumerate(cuts):
        edges = [0, *sorted(min(at, len(text)) for at in cut), len(text)]
        pieces = words(*(text[a:b] for a, b in pairwise(edges)))
        attempts.append(pieces if number == len(cuts) - 1 else pieces[:-1])
    assert read(SEEDED, *attempts).text == text


def test_reasoning_is_aligned_by_itself() -> None:
    first = [Piece(reasoning="Hm, "), Piece(reasoning="well."), Piece(text="Hi ")]
    second = [Piece(reasoning="Hm, well."), Piece(text="Hi there")]
    seen = read(SEEDED, first, second)
    assert (seen.reasoning, seen.text) == ("Hm, well.", "Hi there")


@pytest.mark.requirement("2.4.7")
@pytest.mark.parametrize(
    ("second", "rest"),
    [
        (words("Hello"), "Hello"),
        (words("Hi", " you"), "Hi you"),
        (words("Hi"), "Hi"),
        ([], ""),
    ],
)
def test_other_words_follow_a_mark_whole(second: list[Piece], rest: str) -> None:
    assert read(SEEDED, words("Hi ", "there"), second).text == f"Hi there{MARK}{rest}"


def test_without_a_seed_the_second_attempt_follows_a_mark() -> None:
    assert read(RANDOM, words("Hi "), words("Hi ", "there")).text == f"Hi {MARK}Hi there"
    assert read(RANDOM, [], words("Hi")).text == "Hi", "nothing was sent yet"
    assert read(RANDOM, words("a"), words("b"), words("c")).text == f"a{MARK}b{MARK}c"


def test_a_third_attempt_is_held_against_the_words_behind_the_mark() -> None:
    assert read(SEEDED, words("one"), words("two"), words("two", "!")).text == f"one{MARK}two!"


@pytest.mark.parametrize("asked", [JSON, Submission(messages=MESSAGES, logprobs=0)])
def test_json_and_logprobs_cannot_go_on_behind_a_mark(asked: Submission) -> None:
    with pytest.raises(AnswerError) as over:
        read(asked, words("{"), words("{}"))
    assert over.value.code == "started_over"


def test_calls_keep_the_ids_that_were_sent() -> None:
    def called(name: str, *arguments: str) -> list[Piece]:
        head, *rest = arguments
        return [
            Piece(tool_calls=(CallPiece(index=0, id=name, name="f", arguments=head),)),
            *(Piece(tool_calls=(CallPiece(index=0, arguments=more),)) for more in rest),
        ]

    first, second = called("id-1", "", '{"a"'), called("id-2", '{"a": ', "1}")
    (call,) = read(WITH_TOOLS, first, second).tool_calls
    assert (call.id, call.name, call.arguments) == ("id-1", "f", '{"a": 1}')
    with pytest.raises(AnswerError):
        read(WITH_TOOLS, first, called("id-2", '{"b"'))
    with pytest.raises(AnswerError):
        read(WITH_TOOLS, first, words("No call."))


def test_tools_that_are_only_offered_are_no_hindrance() -> None:
    assert read(WITH_TOOLS, words("Hi"), words("Yo")).text == f"Hi{MARK}Yo"
