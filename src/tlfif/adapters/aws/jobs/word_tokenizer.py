"""Counting tokens without the engine or its vocabulary."""

from collections.abc import Sequence

from tlfif.jobs.jobs import Message
from tlfif.jobs.tokenizer import Tokenizer

MESSAGE_TOKENS = 4
"""A chat template puts at least this much around a message: begin, role, end, line break."""


class WordTokenizer(Tokenizer):
    """A lower bound: a word is at least one token. A prompt that it refuses is certainly too long; one that it passes
    wrongly is refused by the engine, and the job fails with that reason.

    The vocabulary itself would make the Lambda's start slower for every prompt, to catch one in thousands earlier.
    """

    async def count(self, model: str, messages: Sequence[Message]) -> int:  # noqa: ARG002  # the bound is the same
        """At least so many tokens."""
        return sum(MESSAGE_TOKENS + len(message.content.split()) for message in messages)

    async def count_if_over(self, model: str, messages: Sequence[Message], *, limit: int) -> int | None:
        """See the port, for the lower bound."""
        counted = await self.count(model, messages)
        return counted if counted > limit else None
