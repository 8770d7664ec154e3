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
    max_tokens: int = 48

    def passes(self, answer: str) -> bool:
        """Whether the answer is sensible: what is expected stands in it, and it is mostly words, not repetition."""
        return re.search(self.expects, answer, re.IGNORECASE) is not None and not _babbles(answer)


GOLDEN_PROMPTS = (
    GoldenPrompt(name="capital", prompt="What is the capital of France?", expects=r"\bParis\b"),
    GoldenPrompt(name="sum", prompt="What is 2 + 2?", expects=r"\b(4|four)\b"),
    GoldenPrompt(name="sky", prompt="What colour is a clear sky at noon?", expects=r"\bblue\b"),
    GoldenPrompt(name="water", prompt="At how many degrees Celsius does water boil?", expects=r"\b100\b|hundred"),
    GoldenPrompt(name="week", prompt="How many days does a week have?", expects=r"\b(7|seven)\b"),
    GoldenPrompt(name="opposite", prompt="What is the opposite of hot?", expects=r"\bcold\b|\bcool\b"),
    GoldenPrompt(name="animal", prompt="Which animal barks, a dog or a fish?", expects=r"\bdogs?\b"),
    GoldenPrompt(name="planet", prompt="On which planet do people live?", expects=r"\bEarth\b"),
    GoldenPrompt(
        name="ocean", prompt="Name one ocean of the world.", expects=r"Pacific|Atlantic|Indian|Arctic|Southern"
    ),
    GoldenPrompt(name="sentence", prompt="Write one sentence about a cat.", expects=r"\b(cat|kitten|feline)s?\b"),
)


def _babbles(answer: str) -> bool:
    """Whether one word makes up more than half of a long answer, or less than half of it are letters and spaces."""
    words = answer.lower().split()
    if len(words) >= 12 and max(words.count(word) for word in set(words)) * 2 > len(words):
        return True
    plain = sum(character.isalpha() or character.isspace() for character in answer)
    return len(answer) > 20 and plain * 2 < len(answer)
