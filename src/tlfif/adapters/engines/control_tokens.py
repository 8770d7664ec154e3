"""Text that a tokenizer would read as control tokens, and how it stays text.

A chat template writes a turn's begin and end as control tokens. Servers tokenize the text of messages together with the
template, so ``<|im_start|>`` in a pasted text would begin a turn that nobody took.
"""

import re
from collections.abc import Collection, Iterable

WORD_JOINER = "\u2060"
"""Has no width and no meaning: behind its first character it keeps a control token's text from being one."""
_ALIKE = re.compile(r"(?=(<[^<>\s]{1,64}>|\[[^\[\]\s]{1,64}\]))")
"""How the control tokens of all models known are written: ``<s>``, ``<|im_end|>``, ``[INST]``."""


def suspects(texts: Iterable[str]) -> set[str]:
    """Every piece of ``texts`` that is written as control tokens are; overlapping ones, too."""
    return {found for text in texts for found in _ALIKE.findall(text)}


def is_turn_mark(suspect: str) -> bool:
    """Whether it is written as turns are marked; some models' templates do so in plain text, without control tokens."""
    return suspect.startswith("<|") and suspect.endswith("|>")


def as_plain_text(text: str, control: Collection[str]) -> str:
    """``text`` with a word joiner in each of ``control``, wherever one begins."""
    if not control:
        return text
    return re.sub(f"{_ALIKE.pattern}.", lambda found: found[0] + (WORD_JOINER if found[1] in control else ""), text)
