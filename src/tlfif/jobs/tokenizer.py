"""Counting tokens where the engine is not running."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.jobs.jobs import Message


class Tokenizer(ABC):
    """Counts the tokens of a conversation exactly as the engine will: chat template and special tokens
    included.

    For a person's own model file (``file:PATH``) whose vocabulary is of an unknown kind, the count is an
    upper bound instead: never less than the engine's, at most one token for each byte.
    """

    @abstractmethod
    async def count(self, model: str, messages: Sequence[Message]) -> int:
        """Prompt tokens of ``messages`` for ``model`` (a name known to the model store).

        Raises ModelError if the model's file cannot be read."""

    @abstractmethod
    async def count_if_over(self, model: str, messages: Sequence[Message], *, limit: int) -> int | None:
        """None where the prompt has at most ``limit`` tokens, else its count.

        Cheap where the text is so short that it must fit: then neither the file nor the vocabulary is
        touched, and a model that is still being fetched is no error. Raises ModelError as :meth:`count`."""
