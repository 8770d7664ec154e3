"""Retired words stand nowhere in source and docs: one word for one thing, and the field's word where it has one.

Names are read as words: ``TruthLine`` and ``truth_line`` are both "truth line".
"""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(path for folder in ("src", "infra") for path in sorted((ROOT / folder).rglob("*.py"))),
    *(path for path in sorted((ROOT / "images").rglob("*")) if path.is_file() and path.suffix != ".pyc"),
    *sorted(set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs/requirements/proofs.md"}),  # names of tests alone
]

RETIRED = {
    "doorbell": ("doorbells?|ringers?", "notifier"),
    "right of way": ("right of way", "process priority"),
    "truth": ("(?<!source of )truths?", "status line"),
    "news": ("news", "messages"),
    "answer ink": ("answer ink", "answer renderer"),
    "log mover": ("log (?:mover|sync)", "checkpoint"),
    "living": (r"worker[./]living", "worker lifecycle"),
    "guilty": ("guilty", "confirmed"),
    "forgive": ("forgiv(?:e|es|en|ing)", "reset failures"),
    "own up": ("own(?:s|ed)? up", "record orphan"),
    "hands": (r"(?:plane|router)'?s hands|hands(?= =|\.[a-z])", "reconciler"),
    "chance": ("chances?", "jitter, rng"),
    "lot": ("(?<!a )lots?", "rng"),
    "door": ("doors?", "ingress, endpoint, validation"),
    "far": ("far (?:home|host|server|away)", "remote"),
    "as if on AWS": ("as if(?: on)? aws", "simulated AWS cost"),
    "dead man's schedule": ("dead man'?s? schedules?", "dead man's switch"),
    "stand-in": ("stand-ins?|answer stands in|stands in for it", "fallback model"),
    "desk": ("desks?", "this computer, profile, connection"),
    "rehearsal": ("rehears(?:al|als|e|es|ed|ing)", "practice mode"),
    "room": ("(?<!enough )(?<!no )(?<!make )(?<!is )rooms?(?! for)", "headroom (budget), space (window), folder"),
}
"""Patterns for text in lower case with its names taken apart, and what is said instead."""
RETIRED_NAMES = {
    "Heard": (r"\w*Heard\b", "what happened, in past tense: MachineUpdated"),
    "as_if": (r"\bas_if\b", "simulated"),
    "Home": (r"\bHome\b(?=\(|\]|,|:| \| None)|\bkernel[./]home\b|\bhome_from_environment\b", "DataFolder"),
    "Standing": (r"\bStanding\b(?! (?:cost|item))", "BudgetStatus"),
    "Wish": (r"\w*Wish\b", "EngineConfig"),
    "Question": (r"doctor.*: .*\bQuestion\b", "ProbeContext"),
}
"""Names that mean something else as plain words: patterns for the file's path, a colon and the text as it is."""
ALLOWED = {
    "budget_no_room": "an error code: programs go by it, and a code never changes its meaning",
    "forgiven_through": "a stored key: a file of an earlier version has it",
    "CREATE TABLE doorbells|ALTER TABLE doorbells": "a table of the first schema, renamed by a later migration",
    "no_door": "a value that a window of an earlier version reads",
    '"Door"|NAME-desk|\\{home\\}-desk': "names in the owner's account: another name would replace the resource",
    "as_if_aws": "a JSON key, beside simulated_aws for one release",
    "--as-if-aws": "an option, beside --simulated-aws for one release",
}
"""Texts that are looked past, each with its reason."""

_UNDER_WAY: tuple[str, ...] = ()
"""Which of them are still being replaced."""


def plain(text: str) -> str:
    """In lower case, with the words of names apart."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text).lower()


@cache
def lines() -> list[tuple[str, int, str, str]]:
    """All there are, without what is allowed: file, number, the line as it is and as :func:`plain` text."""
    allowed = re.compile("|".join(ALLOWED))
    return [
        (str(path.relative_to(ROOT)), number, rest, plain(rest))
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        for rest in [allowed.sub("", line)]
    ]


@cache
def whole(*, plainly: bool) -> str:
    """All lines in one text, in which a search is soon over."""
    return "\n".join(words if plainly else f"{place}: {rest}" for place, _, rest, words in lines())


@cache
def is_clean() -> bool:
    """Whether none of the words stands anywhere: one search for them all."""
    every = "|".join(pattern for pattern, _ in RETIRED.values())
    return not re.search(rf"\b(?:{every})\b", whole(plainly=True))


def found(word: str) -> list[str]:
    """Where it stands: file, line number and text."""
    places: list[str] = []
    pattern = re.compile(rf"\b(?:{RETIRED[word][0]})\b" if word in RETIRED else RETIRED_NAMES[word][0])
    if (word in RETIRED and is_clean()) or not pattern.search(whole(plainly=word in RETIRED)):
        return places
    for place, number, rest, words in lines():
        hit = pattern.search(words if word in RETIRED else f"{place}: {rest}")
        if hit:
            places.append(f"{place}:{number}: {hit.group()}")
    return places


@pytest.mark.parametrize("word", [one for one in (*RETIRED, *RETIRED_NAMES) if one not in _UNDER_WAY])
def test_a_retired_word_stands_nowhere(word: str) -> None:
    assert found(word) == [], f"say instead: {(RETIRED | RETIRED_NAMES)[word][1]}"


def test_what_is_under_way_is_in_the_lists() -> None:
    assert set(_UNDER_WAY) <= {*RETIRED, *RETIRED_NAMES}


@pytest.mark.parametrize(
    ("text", "word"),
    [("TruthLine", "truth"), ("truth_bar", "truth"), ("The doorbell rings.", "doorbell"), ("hands = it", "hands")],
)
def test_names_are_read_as_words(text: str, word: str) -> None:
    assert re.search(rf"\b(?:{RETIRED[word][0]})\b", plain(text))
