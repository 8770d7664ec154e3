"""Errors as each dialect's clients read them."""

from collections.abc import Callable, Mapping

from tlfif.dialects.addresses import Dialect
from tlfif.dialects.anthropic_errors import anthropic_refusal
from tlfif.dialects.ollama_errors import ollama_refusal
from tlfif.dialects.openai_errors import openai_refusal
from tlfif.dialects.refusal import Refusal, Shaped

SHAPES: Mapping[Dialect, Callable[[Refusal], Shaped]] = {
    Dialect.OPENAI: openai_refusal,
    Dialect.ANTHROPIC: anthropic_refusal,
    Dialect.OLLAMA: ollama_refusal,
}


def shaped(refusal: Refusal, dialect: Dialect | None) -> Shaped | None:
    """The refusal in the words of that dialect; None for TL-FIF's own."""
    return None if dialect is None else SHAPES[dialect](refusal)
