"""Ten prompts in English that any sound model answers, with checks that a babbling one fails."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenPrompt:
    """``expects`` is a pattern that the answer must have somewhere, whatever its case. The answer is made at
    temperature 0."""

    name: str
    prompt: str
    expects: str
    max_tokens: int = 32

    def passes(self, answer: str) -> bool:
        """Whether the answer is sensible: what is expected stands in it, and it is mostly words, not repetition."""
        return re.search(self.expects, answer, re.IGNORECASE) is not None and not _babbles(answer)


GOLDEN_PROMPTS = (
    GoldenPrompt(name="capital", prompt="Complete the sentence: The capital of France is", expects=r"\bParis\b"),
    GoldenPrompt(name="sky", prompt="What color is the sky on a clear day?", expects=r"\bblue\b"),
    GoldenPrompt(
        name="water", prompt="At what temperature in degrees Celsius does water boil?", expects=r"\b100\b|hundred"
    ),
    GoldenPrompt(name="week", prompt="How many days are in a week?", expects=r"\b(7|seven)\b"),
    GoldenPrompt(name="hot", prompt="What is the opposite of hot?", expects=r"\bcold\b"),
    GoldenPrompt(name="up", prompt="What is the opposite of up?", expects=r"\bdown\b"),
    GoldenPrompt(name="ocean", prompt="What is the largest ocean on Earth?", expects=r"\bPacific\b"),
    GoldenPrompt(name="language", prompt="What language is spoken in France?", expects=r"\bFrench\b"),
    GoldenPrompt(name="play", prompt="Who wrote Romeo and Juliet?", expects=r"\bShakespeare\b"),
    GoldenPrompt(name="gravity", prompt="What force pulls things to the ground?", expects=r"\bgravit"),
)
"""Chosen among 37 by asking SmolLM2-135M, the smallest model that is served: it answers all of them at temperature 0,
and nine of ten at 0.6, which stands for another processor's rounding. No prompt contains what it expects, so a model
that only repeats passes none."""


def _babbles(answer: str) -> bool:
    """Whether one word makes up more than half of a long answer, or less than half of it are letters and spaces."""
    words = answer.lower().split()
    if len(words) >= 12 and max(words.count(word) for word in set(words)) * 2 > len(words):
        return True
    plain = sum(character.isalpha() or character.isspace() for character in answer)
    return len(answer) > 20 and plain * 2 < len(answer)
