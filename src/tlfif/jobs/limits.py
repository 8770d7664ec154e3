"""Validation of requests: what may be asked, with a stable code for each refusal. Nothing refused here is stored."""

import math
import re
from collections.abc import Sequence

from tlfif.jobs.request import Message, Sampling
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
ROLES = ("system", "user", "assistant")
MIN_ANSWER_TOKENS = 16
"""A prompt that leaves fewer tokens than this for the answer is refused: nothing useful fits into less."""
MESSAGE_TOKENS = 1
"""What any chat template adds to a message at least; most add four or five."""
LONGEST_TOKEN_BYTES = 128
"""No token of the vocabularies in use stands for more text without a space in it (SmolLM2: 80 bytes)."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
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


def check_messages(messages: list[Message]) -> tuple[Message, ...]:
    """``messages`` if a model can answer them: known roles, readable text, the last message by the user.

    Raises InvalidInputError: ``messages_empty``, ``messages_too_many``, ``role_unknown``, ``last_message_not_user``,
    or what :func:`check_text` raises.
    """
    if not messages:
        raise InvalidInputError("There is no message to answer.", code="messages_empty")
    if len(messages) > MAX_MESSAGES:
        raise InvalidInputError(
            f"The conversation has {len(messages)} messages; at most {MAX_MESSAGES} are taken.",
            code="messages_too_many",
        )
    for message in messages:
        if message.role not in ROLES:
            raise InvalidInputError(f"The role of a message must be one of {', '.join(ROLES)}.", code="role_unknown")
        check_text(message.content, what="system" if message.role == "system" else "prompt")
    if messages[-1].role != "user":
        raise InvalidInputError(
            "The last message must be the user's: that is the one to answer.", code="last_message_not_user"
        )
    return tuple(messages)


def check_max_tokens(value: int, *, name: str = "max_tokens") -> int:
    """Completion tokens, 1 to 2048. ``name`` is the caller's name for it, used in the message, here and below.

    Raises InvalidInputError ``max_tokens_out_of_range``.
    """
    low, high = MAX_TOKENS_RANGE
    if not low <= value <= high:
        raise InvalidInputError(f"{name} must be a whole number from {low} to {high}.", code="max_tokens_out_of_range")
    return value


def check_temperature(value: float, *, name: str = "temperature") -> float:
    """Sampling temperature, 0 (always the likeliest word) to 2. Raises ``temperature_out_of_range``."""
    low, high = TEMPERATURE_RANGE
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidInputError(f"{name} must be a number from {low:g} to {high:g}.", code="temperature_out_of_range")
    return float(value)


def check_seed(value: int, *, name: str = "seed") -> int:
    """Random seed, 0 to 2**32 - 2. Raises ``seed_out_of_range``."""
    low, high = SEED_RANGE
    if not low <= value <= high:
        raise InvalidInputError(f"{name} must be a whole number from {low} to {high}.", code="seed_out_of_range")
    return value


def check_sampling(asked: Sampling) -> Sampling:
    """``asked``, if each value that is set is within its range. Raises what the checks of its values raise."""
    if asked.temperature is not None:
        check_temperature(asked.temperature)
    if asked.seed is not None:
        check_seed(asked.seed)
    return asked


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
