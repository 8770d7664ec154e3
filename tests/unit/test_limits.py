"""The first door, rule by rule: bounds belong to the range, what lies beyond has a stable code."""

import math
from dataclasses import replace

import pytest

from tlfif.jobs import limits
from tlfif.jobs.request import Message, Sampling, Task, ToolCall
from tlfif.kernel.errors import InvalidInputError, PromptTooLongError


def refusal(check, *args: object, **kwargs: object) -> str:
    """The code with which ``check`` refuses."""
    with pytest.raises(InvalidInputError) as caught:
        check(*args, **kwargs)
    assert caught.value.message.endswith((".", "money."))
    return caught.value.code


@pytest.mark.parametrize("text", ["a", " a ", "a\tb\r\nc", "ü 漢字 🦙", "</s> <|im_end|>", "\u200b"])
def test_text(text: str) -> None:
    assert limits.check_text(text) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "prompt_empty"),
        (" \t\r\n", "prompt_empty"),
        ("\u3000", "prompt_empty"),
        ("a\x00b", "prompt_not_text"),
        ("\x1b[31m", "prompt_not_text"),
        ("\x7f", "prompt_not_text"),
        ("\x85", "prompt_not_text"),
        ("a\ud83d", "prompt_not_text"),
        ("\udc00", "prompt_not_text"),
    ],
)
def test_text_that_is_none(text: str, code: str) -> None:
    assert refusal(limits.check_text, text) == code


def test_text_says_which_field() -> None:
    assert refusal(limits.check_text, "", what="system") == "system_empty"


def user(text: str = "Hi") -> Message:
    return Message(role="user", content=text)


CALLING = Message(role="assistant", content="", tool_calls=(ToolCall(id="a", name="weather.now", arguments="{}"),))
RESULT = Message(role="tool", content="4 °C", tool_call_id="a")


@pytest.mark.parametrize("last", [RESULT, replace(RESULT, content=""), Message(role="assistant", content="It is")])
def test_what_a_conversation_may_end_with(last: Message) -> None:
    assert limits.check_messages([user(), CALLING, last])[-1] == last


def test_what_a_program_printed_is_made_readable_instead_of_refused() -> None:
    printed = replace(RESULT, content="\x1b[31mred\x1b[0m\x00 \ud83d\n")
    assert limits.check_messages([user(), CALLING, printed])[-1].content == "[31mred[0m \ufffd\n"


def test_a_task_has_its_own_number_of_messages() -> None:
    assert len(limits.check_messages([user()] * 2048, Task.EMBEDDING)) == 2048
    assert refusal(limits.check_messages, [user()] * 2049, Task.EMBEDDING) == "messages_too_many"
    assert refusal(limits.check_messages, [user()] * 2, Task.COMPLETION) == "messages_too_many"


def test_messages() -> None:
    turns = [Message(role="system", content="Be brief."), user(), Message(role="assistant", content="Ho"), user()]
    assert limits.check_messages(turns) == tuple(turns)
    assert len(limits.check_messages([user()] * limits.MAX_MESSAGES)) == limits.MAX_MESSAGES


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], "messages_empty"),
        ([user()] * (limits.MAX_MESSAGES + 1), "messages_too_many"),
        ([Message(role="robot", content="Hi")], "role_unknown"),
        ([user(), Message(role="system", content="Be brief.")], "last_message_not_user"),
        ([user(), CALLING], "last_message_not_user"),
        ([user(), Message(role="tool", content="4 °C")], "tool_call_invalid"),
        ([Message(role="user", content="Hi", tool_call_id="a")], "tool_call_invalid"),
        ([replace(CALLING, role="user"), user()], "tool_call_invalid"),
        ([replace(CALLING, tool_calls=(ToolCall(id="", name="w", arguments=""),)), user()], "tool_call_invalid"),
        ([replace(CALLING, tool_calls=(ToolCall(id="a", name="w x", arguments=""),)), user()], "tool_call_invalid"),
        ([replace(CALLING, tool_calls=CALLING.tool_calls * 129), user()], "tool_call_invalid"),
        ([replace(user(), name="")], "message_name_invalid"),
        ([Message(role="assistant", content=" ")], "prompt_empty"),
        ([user(" ")], "prompt_empty"),
        ([Message(role="system", content=""), user()], "system_empty"),
    ],
)
def test_messages_that_cannot_be_answered(messages: list[Message], code: str) -> None:
    assert refusal(limits.check_messages, messages) == code


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("top_p", (0.0, 1.0), (-0.1, 1.1, math.nan)),
        ("top_k", (-1, 0, 40), (-2, 10**7)),
        ("min_p", (0.0, 1.0), (-0.1, 2)),
        ("presence_penalty", (-2.0, 2.0), (-2.1, 2.1)),
        ("frequency_penalty", (-2.0, 2.0), (-2.1, math.inf)),
        ("repeat_penalty", (0.1, 1.3), (0.0, 2.1)),
    ],
)
def test_how_words_are_chosen(field: str, good: tuple[float, ...], bad: tuple[float, ...]) -> None:
    for value in good:
        assert limits.check_sampling(Sampling(**{field: value}))
    for value in bad:
        assert refusal(limits.check_sampling, Sampling(**{field: value})) == f"{field}_out_of_range"


def test_stops_and_biases() -> None:
    assert limits.check_sampling(Sampling(stop=("\n",) * 64, logit_bias=((0, -100), (49_151, 100.0))))
    for stop in (("x",) * 65, ("",), ("x" * 257,), ("\ud83d",)):
        assert refusal(limits.check_sampling, Sampling(stop=stop)) == "stop_invalid"
    for bias in (((1, 0.0),) * 1025, ((-1, 0.0),), ((2**24, 0.0),), ((1, 100.1),), ((1, math.nan),)):
        assert refusal(limits.check_sampling, Sampling(logit_bias=bias)) == "logit_bias_invalid"


NUMBERS = [
    (limits.check_max_tokens, (1, 2048), (0, -1, 2049, 10**9), "max_tokens_out_of_range"),
    (
        limits.check_temperature,
        (0.0, 0.7, 2.0),
        (-0.01, 2.01, math.nan, math.inf, -math.inf, 1e9),
        "temperature_out_of_range",
    ),
    (limits.check_seed, (0, 2**32 - 2), (-1, 2**32 - 1, 10**12), "seed_out_of_range"),
    (limits.check_logprobs, (0, 20), (-1, 21), "logprobs_out_of_range"),
    (limits.check_wait, (0.0, 30.0), (-0.1, 30.1, math.nan, math.inf), "wait_out_of_range"),
    (limits.check_cursor, (0, 2**53 - 1), (-1, 2**53), "cursor_invalid"),
    (limits.check_page, (1, 100), (0, -1, 101), "limit_out_of_range"),
    (limits.check_idempotency_key, ("a", "~" * 200), ("", "a b", "é", "a\n", "a" * 201), "idempotency_key_invalid"),
]


@pytest.mark.parametrize(("check", "good", "value"), [(c, g, v) for c, g, _, _ in NUMBERS for v in g])
def test_inside(check, good: object, value: object) -> None:
    assert check(value) == value


@pytest.mark.parametrize(("check", "value", "code"), [(c, v, code) for c, _, b, code in NUMBERS for v in b])
def test_outside(check, value: object, code: str) -> None:
    assert refusal(check, value) == code


@pytest.mark.parametrize(("minutes", "seconds"), [(0.1, 6.0), (5, 300.0), (240, 14400.0)])
def test_idle_minutes_become_seconds(minutes: float, seconds: float) -> None:
    assert limits.check_idle_minutes(minutes) == pytest.approx(seconds)


@pytest.mark.requirement("3.6.6")
@pytest.mark.parametrize("minutes", [0, -1, 0.09, 240.1, 1e9, math.nan, math.inf, -math.inf])
def test_no_idle_time_out_means_for_ever(minutes: float) -> None:
    assert refusal(limits.check_idle_minutes, minutes) == "idle_timeout_out_of_range"


def fit(prompt: int, asked: int | None, default: int = 512) -> int:
    return limits.fit_max_tokens(prompt_tokens=prompt, asked=asked, default=default, context=2048)


def test_room_for_the_answer() -> None:
    assert fit(100, None) == 512
    assert fit(2000, None) == 48, "the default is cut to what fits"
    assert fit(2032, None) == 16
    assert fit(2000, 48) == 48


@pytest.mark.parametrize(
    ("prompt", "asked", "limit", "longest", "said"),
    [
        (2033, None, 2032, 0, "this model's limit is 2032 tokens. Shorten the prompt."),
        (2000, 49, 1999, 48, "Ask for at most 48, or shorten the prompt."),
        (30, 2048, 0, 2018, "Ask for at most 2018, or shorten the prompt."),
        (2033, 100, 1948, 0, "this model's limit is 1948 tokens. Shorten the prompt."),
        (5000, 1, 2047, 0, "this model's limit is 2047 tokens. Shorten the prompt."),
    ],
)
def test_no_room_for_the_answer(prompt: int, asked: int | None, limit: int, longest: int, said: str) -> None:
    with pytest.raises(PromptTooLongError) as caught:
        fit(prompt, asked)
    assert caught.value.code == "prompt_too_long"
    expected = {"tokens": prompt, "limit": limit, "context": 2048, "longest_answer": longest}
    assert caught.value.details == expected
    assert str(prompt) in caught.value.message
    assert caught.value.message.endswith(said)
    assert "limit is 0" not in caught.value.message
    if longest:
        assert fit(prompt, longest) == longest


def test_a_context_too_small_for_any_answer_is_no_limit_below_zero() -> None:
    with pytest.raises(PromptTooLongError, match="leaves the prompt no space") as caught:
        limits.fit_max_tokens(prompt_tokens=3, asked=None, default=512, context=1)
    assert caught.value.details["limit"] == 0


def test_an_estimate_says_that_it_is_one() -> None:
    with pytest.raises(PromptTooLongError, match="has at least 2033 tokens"):
        limits.fit_max_tokens(prompt_tokens=2033, asked=None, default=512, context=2048, is_estimate=True)


@pytest.mark.parametrize(
    ("texts", "tokens"),
    [
        (["Be brief.", " one  two\nthree "], 1 + 2 + 1 + 3),
        (["one\u00a0two\u2003three"], 1 + 1),  # a token may hold such a space
        (["x" * 127], 1 + 1),
        (["x" * 1000], 1 + 7),
        (["\u65e5" * 349_000], 1 + 8179),  # a megabyte without a space
        (["word " * 209_000], 1 + 209_000),
    ],
)
def test_the_least_number_of_tokens(texts: list[str], tokens: int) -> None:
    assert limits.tokens_at_least([Message(role="user", content=text) for text in texts]) == tokens
