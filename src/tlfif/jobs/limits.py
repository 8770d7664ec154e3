"""Validation of requests: what may be asked, with a stable code for each refusal. Nothing refused here is stored."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from tlfif.jobs.request import Message, Sampling, Task, ToolCall
from tlfif.kernel.errors import InvalidInputError, NotFoundError, PromptTooLongError
from tlfif.machines.policy import MAX_IDLE_TIMEOUT_MINUTES, MIN_IDLE_TIMEOUT_MINUTES

MAX_TOKENS_RANGE = (1, 2048)
TEMPERATURE_RANGE = (0.0, 2.0)
SEED_RANGE = (0, 2**32 - 2)
"""llama.cpp takes 2**32 - 1 to mean "random"; None means that here."""
WAIT_RANGE = (0.0, 30.0)
PAGE_RANGE = (1, 100)
MAX_CURSOR = 2**53 - 1
"""Beyond it other languages' numbers are no longer exact."""
MAX_MESSAGES = 256
MAX_EMBEDDED = 2048
"""Texts of one request for vectors: as many as OpenAI takes; programs send a thousand at a time."""
ROLES = ("system", "user", "assistant", "tool")
RANGES = {
    "temperature": TEMPERATURE_RANGE,
    "top_p": (0.0, 1.0),
    "top_k": (-1, 1_000_000),
    "min_p": (0.0, 1.0),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "repeat_penalty": (0.1, 2.0),
}
"""Of how words are chosen. ``top_k`` 0 and -1 mean all tokens; ``repeat_penalty`` 1 means none."""
MAX_STOPS = 64
MAX_STOP_LETTERS = 256
MAX_BIASED_TOKENS = 1024
"""vLLM's own limit."""
BIAS_RANGE = (-100.0, 100.0)
MAX_TOKEN_NUMBER = 2**24
"""More than any vocabulary has."""
LOGPROBS_RANGE = (0, 20)
MAX_NAME_LETTERS = 256
MAX_CALLS = 128
MAX_NOTES_BYTES = 64 * 1024
MIN_ANSWER_TOKENS = 16
"""A prompt that leaves fewer tokens than this for the answer is refused: nothing useful fits into less."""
MESSAGE_TOKENS = 1
"""What any chat template adds to a message at least; most add four or five."""
LONGEST_TOKEN_BYTES = 128
"""No token of the vocabularies in use stands for more text without a space in it (SmolLM2: 80 bytes)."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
FUNCTION_NAME = re.compile(r"[0-9A-Za-z_.:/-]{1,128}")
"""OpenAI takes 64 letters, digits, ``_`` and ``-``, Anthropic 128; servers of the Model Context Protocol have more."""
_JOB_ID = re.compile(r"[0-9A-Za-z_-]{1,80}")


def check_text(text: str, *, what: str = "prompt") -> str:
    """``text`` if a model can read it: not blank, no control characters but tab and line ends, no lone surrogates.

    Raises InvalidInputError: ``<what>_empty`` or ``<what>_not_text``.
    """
    if _SURROGATE.search(text):
        raise InvalidInputError(
            f"The {what} has half of a character in it (a lone surrogate), which no model can read. "
            "Type it again instead of pasting.",
            code=f"{what}_not_text",
        )
    found = _CONTROL.search(text)
    if found:
        raise InvalidInputError(
            f"The {what} has an invisible control character in it (U+{ord(found.group()):04X}). "
            "Remove it: only line breaks and tabs are allowed.",
            code=f"{what}_not_text",
        )
    if not text.strip():
        raise InvalidInputError(f"The {what} is empty. Type something first.", code=f"{what}_empty")
    return text


def check_messages(messages: list[Message], task: Task = Task.CHAT) -> tuple[Message, ...]:
    """``messages`` if a model can do the ``task`` with them: known roles, readable text, a last message that can be
    answered (the user's, a tool's) or gone on with (the assistant's).

    Raises InvalidInputError: ``messages_empty``, ``messages_too_many``, ``role_unknown``, ``last_message_not_user``,
    ``message_name_invalid``, ``tool_call_invalid``, or what :func:`check_text` raises.
    """
    most = MAX_EMBEDDED if task is Task.EMBEDDING else 1 if task is Task.COMPLETION else MAX_MESSAGES
    if not messages:
        raise InvalidInputError("There is no message to answer.", code="messages_empty")
    if len(messages) > most:
        raise InvalidInputError(
            f"The conversation has {len(messages)} messages; at most {most} {'is' if most == 1 else 'are'} taken.",
            code="messages_too_many",
        )
    checked = tuple(_check_message(message) for message in messages)
    if messages[-1].role == "system" or messages[-1].tool_calls:
        raise InvalidInputError(
            "The last message must be the user's or a tool's, which is answered, or the beginning of the assistant's "
            "answer, which is gone on with.",
            code="last_message_not_user",
        )
    return checked


def _check_message(message: Message) -> Message:
    if message.role not in ROLES:
        raise InvalidInputError(f"The role of a message must be one of {', '.join(ROLES)}.", code="role_unknown")
    if message.name is not None and not _readable(message.name):
        raise InvalidInputError(
            f"The name of a message must be 1 to {MAX_NAME_LETTERS} letters without control characters.",
            code="message_name_invalid",
        )
    _check_calls(message)
    if message.role == "tool":
        # It is what some program printed, which its caller can hardly type again.
        return replace(message, content=_SURROGATE.sub("\ufffd", _CONTROL.sub("", message.content)))
    if message.content or not message.tool_calls:
        check_text(message.content, what="system" if message.role == "system" else "prompt")
    return message


def _check_calls(message: Message) -> None:
    ids = [call.id for call in message.tool_calls]
    problem = ""
    if message.tool_calls and message.role != "assistant":
        problem = "Only the assistant's messages have tool_calls."
    elif len(ids) > MAX_CALLS:
        problem = f"A message has {len(ids)} tool_calls; at most {MAX_CALLS} are taken."
    elif (message.role == "tool") != (message.tool_call_id is not None):
        problem = "A tool's message needs tool_call_id, and no other has one."
    elif not all(map(_readable, [*ids, *([message.tool_call_id] if message.tool_call_id is not None else [])])):
        problem = f"The id of a tool call must be 1 to {MAX_NAME_LETTERS} letters without control characters."
    elif not all(_is_call(call) for call in message.tool_calls):
        problem = "A tool call must have a function's name (letters, digits, _ . : / -, at most 128) and readable text."
    if problem:
        raise InvalidInputError(problem, code="tool_call_invalid")


def _is_call(call: ToolCall) -> bool:
    unreadable = _SURROGATE.search(call.arguments) or _CONTROL.search(call.arguments)
    return FUNCTION_NAME.fullmatch(call.name) is not None and not unreadable


def _readable(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME_LETTERS and not _CONTROL.search(text) and not _SURROGATE.search(text)


def check_max_tokens(value: int, *, name: str = "max_tokens") -> int:
    """Completion tokens, 1 to 2048. ``name`` is the caller's name for it, used in the message, here and below.

    Raises InvalidInputError ``max_tokens_out_of_range``.
    """
    low, high = MAX_TOKENS_RANGE
    if not low <= value <= high:
        raise InvalidInputError(f"{name} must be a whole number from {low} to {high}.", code="max_tokens_out_of_range")
    return value


def check_in_range(field: str, value: float, *, name: str = "") -> float:
    """A value of one of :data:`RANGES`. Raises InvalidInputError ``FIELD_out_of_range``."""
    low, high = RANGES[field]
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidInputError(
            f"{name or field} must be a number from {low:g} to {high:g}.", code=f"{field}_out_of_range"
        )
    return value


def check_temperature(value: float, *, name: str = "temperature") -> float:
    """Sampling temperature, 0 (always the likeliest word) to 2. Raises ``temperature_out_of_range``."""
    return float(check_in_range("temperature", value, name=name))


def check_seed(value: int, *, name: str = "seed") -> int:
    """Random seed, 0 to 2**32 - 2. Raises ``seed_out_of_range``."""
    low, high = SEED_RANGE
    if not low <= value <= high:
        raise InvalidInputError(f"{name} must be a whole number from {low} to {high}.", code="seed_out_of_range")
    return value


def check_sampling(asked: Sampling) -> Sampling:
    """``asked``, if each value that is set is within its range.

    Raises InvalidInputError: ``FIELD_out_of_range`` of :data:`RANGES` and ``seed``, ``stop_invalid``,
    ``logit_bias_invalid``."""
    for field in RANGES:
        value = getattr(asked, field)
        if value is not None:
            check_in_range(field, value)
    if asked.seed is not None:
        check_seed(asked.seed)
    _check_stop(asked.stop)
    _check_bias(asked.logit_bias)
    return asked


def _check_stop(stop: Sequence[str]) -> None:
    good = all(0 < len(one) <= MAX_STOP_LETTERS and not _SURROGATE.search(one) for one in stop)
    if len(stop) > MAX_STOPS or not good:
        raise InvalidInputError(
            f"stop takes at most {MAX_STOPS} texts of 1 to {MAX_STOP_LETTERS} letters.", code="stop_invalid"
        )


def _check_bias(bias: Sequence[tuple[int, float]]) -> None:
    low, high = BIAS_RANGE
    good = all(0 <= token < MAX_TOKEN_NUMBER and low <= value <= high for token, value in bias)
    if len(bias) > MAX_BIASED_TOKENS or not good:
        raise InvalidInputError(
            f"logit_bias takes the numbers of at most {MAX_BIASED_TOKENS} tokens, each with a value from {low:g} to "
            f"{high:g}.",
            code="logit_bias_invalid",
        )


def check_logprobs(value: int) -> int:
    """How many of the likeliest tokens are told beside each token, 0 to 20. Raises ``logprobs_out_of_range``."""
    low, high = LOGPROBS_RANGE
    if not low <= value <= high:
        raise InvalidInputError(f"logprobs must be a whole number from {low} to {high}.", code="logprobs_out_of_range")
    return value


def check_notes(value: str) -> str:
    """What a program's dialect keeps beside a request, at most 64 KiB. Raises ``notes_too_long``."""
    if len(value.encode(errors="replace")) > MAX_NOTES_BYTES:
        raise InvalidInputError(
            f"What is to be kept beside the request (metadata and the like) is longer than {MAX_NOTES_BYTES // 1024} "
            "KiB.",
            code="notes_too_long",
        )
    return value


def check_idle_minutes(value: float) -> float:
    """The idle time-out in seconds, from minutes. Zero, negative and infinite values are refused: none means "never".

    Raises InvalidInputError ``idle_timeout_out_of_range``.
    """
    if not (math.isfinite(value) and MIN_IDLE_TIMEOUT_MINUTES <= value <= MAX_IDLE_TIMEOUT_MINUTES):
        raise InvalidInputError(
            f"The idle time-out must be from {MIN_IDLE_TIMEOUT_MINUTES:g} to {MAX_IDLE_TIMEOUT_MINUTES:g} minutes. "
            "There is no value that means “never”: a forgotten machine costs money.",
            code="idle_timeout_out_of_range",
        )
    return float(value) * 60.0


def check_wait(value: float) -> float:
    """Long-poll seconds, 0 to 30. Raises ``wait_out_of_range``."""
    low, high = WAIT_RANGE
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidInputError(f"wait must be from {low:g} to {high:g} seconds.", code="wait_out_of_range")
    return float(value)


def check_cursor(value: int) -> int:
    """An event number to read after, 0 or more. Raises ``cursor_invalid``."""
    if not 0 <= value <= MAX_CURSOR:
        raise InvalidInputError("after must be the number of an event, 0 or more.", code="cursor_invalid")
    return value


def check_job_id(value: str) -> str:
    """``value`` if it has the form of a job's id; no store is asked about anything else. Raises NotFoundError."""
    if not _JOB_ID.fullmatch(value):
        raise NotFoundError(
            "There is no such job: a job's id begins with job_ and has 36 characters.", code="job_not_found"
        )
    return value


def check_page(value: int, *, name: str = "limit") -> int:
    """Rows per page, 1 to 100. Raises ``limit_out_of_range``."""
    low, high = PAGE_RANGE
    if not low <= value <= high:
        raise InvalidInputError(f"{name} must be a whole number from {low} to {high}.", code="limit_out_of_range")
    return value


def check_idempotency_key(value: str) -> str:
    """1 to 200 visible ASCII characters. Raises ``idempotency_key_invalid``."""
    if not _KEY.fullmatch(value):
        raise InvalidInputError(
            "The idempotency key must be 1 to 200 visible ASCII characters without spaces.",
            code="idempotency_key_invalid",
        )
    return value


def tokens_at_least(messages: Sequence[Message]) -> int:
    """A lower bound of the prompt's tokens, from its text alone.

    No token of the models in use covers more than one word, nor more than 128 bytes of one. A prompt that is too long
    by this bound is too long for certain; one that is not may still be, which the engine finds out.
    """
    tokens = 0
    for message in messages:
        words = message.content.encode().split()
        tokens += MESSAGE_TOKENS + max(len(words), sum(map(len, words)) // LONGEST_TOKEN_BYTES)
    return tokens


def fit_max_tokens(
    *, prompt_tokens: int, asked: int | None, default: int, context: int, is_estimate: bool = False
) -> int:
    """Completion tokens that fit behind the prompt: ``asked``, or as much of ``default`` as there is space for.

    ``is_estimate``: ``prompt_tokens`` is the lower bound of :func:`tokens_at_least`, which the message says.

    Raises PromptTooLongError with ``tokens`` (of the prompt), ``limit`` (what the prompt may have beside the answer
    asked for) and ``longest_answer`` (what may be asked for beside this prompt; 0 where no answer fits).
    """
    space = context - prompt_tokens
    need = asked if asked is not None else MIN_ANSWER_TOKENS
    if space < need:
        longest = space if space >= MIN_ANSWER_TOKENS else 0
        counted = f"at least {prompt_tokens}" if is_estimate else f"{prompt_tokens}"
        raise PromptTooLongError(
            _too_long(counted, need=need, longest=longest, context=context),
            details={
                "tokens": prompt_tokens,
                "limit": max(0, context - need),
                "context": context,
                "longest_answer": longest,
            },
        )
    return asked if asked is not None else min(default, space)


def _too_long(counted: str, *, need: int, longest: int, context: int) -> str:
    """What does not fit, and what would: the shorter answer where one fits, else the shorter prompt."""
    if longest:
        return (
            f"The prompt has {counted} tokens, and this model holds {context} for prompt and answer together: "
            f"an answer of {need} does not fit behind it. Ask for at most {longest}, or shorten the prompt."
        )
    if context <= need:
        return (
            f"This model holds {context} tokens for prompt and answer together: an answer of {need} leaves the prompt "
            "no space. Ask for a shorter answer, or choose another model."
        )
    return (
        f"The prompt has {counted} tokens; with {need} kept for the answer, "
        f"this model's limit is {context - need} tokens. Shorten the prompt."
    )
