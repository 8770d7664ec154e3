"""Errors as each dialect's clients read them, by the address that was asked."""

from collections.abc import Callable, Mapping

from tlfif.dialects.addresses import Dialect, dialect_of
from tlfif.dialects.anthropic_errors import anthropic_refusal
from tlfif.dialects.ollama_errors import ollama_refusal
from tlfif.dialects.openai_errors import openai_refusal
from tlfif.dialects.refusal import Refusal, Shaped

SHAPES: Mapping[Dialect, Callable[[Refusal], Shaped]] = {
    Dialect.OPENAI: openai_refusal,
    Dialect.ANTHROPIC: anthropic_refusal,
    Dialect.OLLAMA: ollama_refusal,
}


def shaped(refusal: Refusal, *, path: str) -> Shaped | None:
    """The refusal in the words of the dialect that is spoken at ``path``; None where that is TL-FIF's own."""
    dialect = dialect_of(path)
    return None if dialect is None else SHAPES[dialect](refusal)
