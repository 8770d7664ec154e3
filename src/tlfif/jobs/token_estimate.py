"""About how many tokens a prompt has, from its text alone: only an engine can count, and it may not be running."""

import re
from collections.abc import Sequence

from tlfif.jobs.request import Message, ToolUse

A_MESSAGE = 5
"""What chat templates add to each."""
_PIECES = re.compile(r"(?P<word>[A-Za-z]+)|[0-9]|\s*\n\s*|(?P<signs>[!-/:-@\[-`{-~]+)|(?P<other>[^\x00-\x7f]+)")
_WORD_LETTERS, _SIGNS, _OTHER_BYTES = 5, 2, 2
"""Of one token; the numbers are so that English and programs come out a tenth too high."""


def tokens_about(messages: Sequence[Message], tools: ToolUse | None = None) -> int:
    """An estimate, for prompts of which nobody needs to know better; ``limits.tokens_at_least`` is a bound instead."""
    texts = [one.content + "".join(call.name + call.arguments for call in one.tool_calls) for one in messages]
    for tool in tools.offered if tools is not None else ():
        texts.append(f"{tool.name} {tool.description} {tool.parameters}")
    return A_MESSAGE * len(texts) + sum(_about(text) for text in texts)


def _about(text: str) -> int:
    return sum(_of_piece(piece) for piece in _PIECES.finditer(text))


def _of_piece(piece: re.Match[str]) -> int:
    match piece.lastgroup:
        case "word":
            return -(-len(piece[0]) // _WORD_LETTERS)
        case "signs":
            return -(-len(piece[0]) // _SIGNS)
        case "other":
            return -(-len(piece[0].encode(errors="replace")) // _OTHER_BYTES)
        case _:
            return 1
