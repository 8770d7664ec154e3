"""Counting tokens where neither the engine nor its vocabulary is at hand."""

from collections.abc import Sequence

from tlfif.jobs.jobs import Message
from tlfif.jobs.tokenizer import Tokenizer

MESSAGE_TOKENS = 4
"""A chat template puts at least this much around a message: begin, role, end, line break."""


class WordTokenizer(Tokenizer):
    """A lower bound: no word is less than one token. A prompt that is refused by it is too long for certain; the few
    between this bound and the truth are refused by the engine on the machine, and the job says so.

    The vocabulary itself would make the Lambda's start slower for every prompt, to catch one in thousands earlier.
    """

    async def count(self, model: str, messages: Sequence[Message]) -> int:  # noqa: ARG002  # the bound is the same
        """At least so many tokens."""
        return sum(MESSAGE_TOKENS + len(message.content.split()) for message in messages)

    async def count_if_over(self, model: str, messages: Sequence[Message], *, limit: int) -> int | None:
        """See the port, for the lower bound."""
        counted = await self.count(model, messages)
        return counted if counted > limit else None
