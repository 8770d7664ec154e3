"""A hundred questions with checks: the ten golden prompts of the image pipeline are the first of them.

They are for models of a hundred million to a few billion parameters: short, in plain English, with one right answer
that a pattern can find, or with a form that a program can check. No question contains what it expects.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from tlfif.images.golden_prompts import GOLDEN_PROMPTS

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """``kind`` is fact, sum, form, language or long; ``check`` says whether an answer is right."""

    kind: str
    prompt: str
    check: Check
    max_tokens: int = 64


def has(pattern: str) -> Check:
    """The pattern stands somewhere, whatever its case."""
    return lambda answer: re.search(pattern, answer, re.IGNORECASE) is not None


def items(least: int) -> Check:
    """A list of at least so many lines that are numbered or have a bullet, or so many parts between commas."""

    def check(answer: str) -> bool:
        marked = re.findall(r"^\s*(?:\d+[.)]|[-*•])\s+\S", answer, re.MULTILINE)
        return len(marked) >= least or len([part for part in answer.split(",") if part.strip()]) >= least

    return check


def at_most_words(most: int) -> Check:
    """Some words, but no more than so many."""
    return lambda answer: 0 < len(answer.split()) <= most


def is_json(answer: str) -> bool:
    """The answer, or what it has between code fences, is a JSON object."""
    fenced = re.search(r"```(?:json)?\s*(.*?)```", answer, re.DOTALL)
    try:
        return isinstance(json.loads(fenced[1] if fenced else answer), dict)
    except ValueError:
        return False


def sentences(least: int) -> Check:
    """At least so many sentences."""
    return lambda answer: len(re.findall(r"[.!?](?:\s|$)", answer)) >= least


def ends(answer: str) -> bool:
    """The answer has words and is a whole sentence, not cut off."""
    return bool(re.search(r"\w", answer)) and answer.rstrip().endswith((".", "!", "?", '"', "”", "`", ")"))


_FACTS = (
    ("What is the capital of Italy?", r"\bRome\b"),
    ("What is the capital of Japan?", r"\bTokyo\b"),
    ("What is the capital of Germany?", r"\bBerlin\b"),
    ("What is the capital of Spain?", r"\bMadrid\b"),
    ("What is the capital of England?", r"\bLondon\b"),
    ("What is the capital of Russia?", r"\bMoscow\b"),
    ("What is the capital of Egypt?", r"\bCairo\b"),
    ("What is the capital of the United States?", r"\bWashington\b"),
    ("Which planet do we live on?", r"\bEarth\b"),
    ("Which planet is known as the red planet?", r"\bMars\b"),
    ("What is the largest planet of our solar system?", r"\bJupiter\b"),
    ("What does the Earth go around?", r"\bSun\b"),
    ("What goes around the Earth and shines at night?", r"\bMoon\b"),
    ("What is the chemical formula of water?", r"H2O|H₂O"),
    ("At what temperature in degrees Celsius does water freeze?", r"\b0\b|\bzero\b"),
    ("Which gas do people need to breathe?", r"\boxygen\b"),
    ("What do bees make?", r"\bhoney\b"),
    ("What is the opposite of big?", r"\bsmall\b|\blittle\b|\btiny\b"),
    ("What is the opposite of day?", r"\bnight\b"),
    ("What is the opposite of left?", r"\bright\b"),
    ("What is the opposite of open?", r"\bclosed?\b|\bshut\b"),
    ("What is the opposite of happy?", r"\bsad\b|\bunhappy\b"),
    ("What is the opposite of black?", r"\bwhite\b"),
    ("How many months are in a year?", r"\b12\b|\btwelve\b"),
    ("How many hours are in a day?", r"\b24\b|twenty-four"),
    ("How many minutes are in an hour?", r"\b60\b|\bsixty\b"),
    ("How many legs does a spider have?", r"\b8\b|\beight\b"),
    ("How many legs does a dog have?", r"\b4\b|\bfour\b"),
    ("Which day comes after Monday?", r"\bTuesday\b"),
    ("Which month comes after January?", r"\bFebruary\b"),
    ("Which season comes after winter?", r"\bspring\b"),
    ("What color is grass?", r"\bgreen\b"),
    ("What color is snow?", r"\bwhite\b"),
    ("What color is a ripe banana?", r"\byellow\b"),
    ("What color do you get if you mix blue and yellow?", r"\bgreen\b"),
    ("What is frozen water called?", r"\bice\b"),
    ("What animal says meow?", r"\bcats?\b|\bkittens?\b"),
    ("What animal barks?", r"\bdogs?\b"),
    ("What language is spoken in Germany?", r"\bGerman\b"),
    ("What language is spoken in Spain?", r"\bSpanish\b"),
    ("Who wrote Hamlet?", r"\bShakespeare\b"),
    ("Who painted the Mona Lisa?", r"\bVinci\b|\bLeonardo\b"),
    ("Who developed the theory of relativity?", r"\bEinstein\b"),
    ("Who was the first president of the United States?", r"\bWashington\b"),
    ("On which continent is Brazil?", r"\bSouth America\b"),
    ("On which continent is China?", r"\bAsia\b"),
    ("What is the longest river of Africa?", r"\bNile\b"),
    ("What is the highest mountain on Earth?", r"\bEverest\b"),
    ("What organ pumps blood through the body?", r"\bheart\b"),
    ("With what part of the body do people see?", r"\beyes?\b"),
)
_SUMS = (
    ("What is 2 + 2?", r"\b4\b|\bfour\b"),
    ("What is 3 + 5?", r"\b8\b|\beight\b"),
    ("What is 10 - 4?", r"\b6\b|\bsix\b"),
    ("What is 5 times 2?", r"\b10\b|\bten\b"),
    ("What is half of 10?", r"\b5\b|\bfive\b"),
    ("Which number comes after 9?", r"\b10\b|\bten\b"),
    ("Which is larger, 3 or 30? Answer with the number.", r"\b30\b|\bthirty\b"),
    ("What is 100 divided by 20?", r"\b5\b|\bfive\b"),
)
_FORMS: tuple[tuple[str, Check], ...] = (
    ("List three colors.", items(3)),
    ("List three animals that live on a farm.", items(3)),
    ("List four fruits.", items(4)),
    ("List five countries of Europe.", items(5)),
    ("Name three tools that a carpenter uses.", items(3)),
    ("Give three reasons to drink water, as a numbered list.", items(3)),
    (
        "Write the days of the week as a list.",
        has(r"Monday[\s\S]*Tuesday[\s\S]*Sunday|Sunday[\s\S]*Monday[\s\S]*Saturday"),
    ),
    ("Count from 1 to 5.", has(r"1\b[\s\S]*\b2\b[\s\S]*\b3\b[\s\S]*\b4\b[\s\S]*\b5")),
    ("Write the first five letters of the alphabet.", has(r"a\W+b\W+c\W+d\W+e|abcde")),
    ("Answer with yes or no: is fire hot?", has(r"\byes\b")),
    ("Answer with one word: what do cows drink?", at_most_words(12)),
    ('Write a JSON object with the field "name" set to "Anna".', is_json),
    ("Write a Python function that adds two numbers.", has(r"def \w+\(\w+\s*(?::\s*\w+)?,\s*\w+")),
    ("Write a Python program that prints Hello.", has(r"print\(\s*[\"']Hello")),
    ("Write one short sentence about the sea.", at_most_words(45)),
    ("Write an email of two sentences that thanks a colleague.", has(r"thank")),
)
_LANGUAGE: tuple[tuple[str, Check], ...] = (
    ("Say hello in French.", has(r"bonjour|salut")),
    ("Say thank you in Spanish.", has(r"gracias")),
    ("Say good morning in German.", has(r"guten morgen")),
    ("Translate to English: Guten Tag", has(r"good (day|afternoon|morning)|hello")),
    ("Translate to English: merci", has(r"thank")),
    ("Correct the sentence: She go to school.", has(r"\bgoes\b|\bwent\b|\bis going\b")),
    ("What is the plural of mouse, the animal?", has(r"\bmice\b")),
    ("What is the past tense of run?", has(r"\bran\b")),
)


def told(pattern: str, *, least: int = 1) -> Check:
    """A text of at least so many sentences that has the pattern; a short one must be whole, a long one may be cut."""
    return lambda answer: (least > 1 or ends(answer)) and sentences(least)(answer) and has(pattern)(answer)


_LONG: tuple[tuple[str, Check], ...] = (
    ("Explain in a few sentences what a cloud is.", told(r"water|vapou?r")),
    ("Explain in a few sentences how a bicycle works.", told(r"pedal|wheel")),
    ("Tell a short story about a fox.", told(r"\bfox", least=3)),
    ("Describe a forest in autumn.", told(r"leaves|tree", least=2)),
    ("Why do people sleep? Answer in two or three sentences.", told(r"rest|body|brain")),
    ("How is bread made?", told(r"flour|dough|yeast", least=2)),
    ("What is a computer? Explain it to a child.", told(r"machine|device|information")),
    ("Give a friend advice on how to learn a language.", told(r"practi[cs]e|learn", least=2)),
)

QUESTIONS: tuple[Question, ...] = (
    *(Question("fact", one.prompt, one.passes, one.max_tokens) for one in GOLDEN_PROMPTS),
    *(Question("fact", prompt, has(expected), 48) for prompt, expected in _FACTS),
    *(Question("sum", prompt, has(expected), 48) for prompt, expected in _SUMS),
    *(Question("form", prompt, check, 96) for prompt, check in _FORMS),
    *(Question("language", prompt, check, 48) for prompt, check in _LANGUAGE),
    *(Question("long", prompt, check, 256) for prompt, check in _LONG),
)

_LEAK = re.compile(
    r"<\|[a-z_]+\|>|</?s>|\[/?INST\]|<<SYS>>|^(?:user|assistant|system)\s*:?$", re.IGNORECASE | re.MULTILINE
)
_COMMON = frozenset(
    {"the", "a", "of", "to", "and", "in", "is", "are", "it", "that", "for", "on", "with", "as", "be", "by", "you", "i"}
)


def leaks_template(answer: str) -> bool:
    """Whether a mark of the chat template stands in it, or a turn that nobody took."""
    return _LEAK.search(answer) is not None


def loops(answer: str) -> bool:
    """Whether it ends in the same 3 to 30 words three times over, or one line is there four times."""
    words = answer.lower().split()
    for length in range(3, 31):
        if (
            len(words) >= 3 * length
            and words[-length:] == words[-2 * length : -length] == words[-3 * length : -2 * length]
        ):
            return True
    lines = [line.strip().lower() for line in answer.splitlines() if len(line.split()) >= 3]
    return any(lines.count(line) >= 4 for line in set(lines))


def is_english(answer: str) -> bool:
    """Whether a longer answer is written in Latin letters and has English's commonest words."""
    words = re.findall(r"[^\W\d_]+", answer.lower())
    latin = sum(character.isascii() for character in answer)
    return len(words) < 12 or (
        latin * 10 > len(answer) * 9 and sum(word in _COMMON for word in words) * 15 > len(words)
    )
