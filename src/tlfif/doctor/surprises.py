"""What surprised, and what was checked and is no problem: facts with a date on which they must be checked again. Pure.

The facts are data, ``doctor/facts/*.toml``; the pages of ``docs/surprises`` are made from them by ``dev/tables.py``.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What a surprise does to the owner."""

    CANNOT_WORK = "cannot work"
    LOSES = "loses an answer"
    COSTS = "costs money"
    LETS_IN = "lets somebody in"
    BREAKS = "breaks later"

    @property
    def slug(self) -> str:
        """The name of its file of facts and of its page."""
        return self.value.replace(" ", "-")


NO_PROBLEM = "no-problem"
"""The file of what was checked and is none."""


class Settled(StrEnum):
    """How far a surprise is settled; one may be in several states."""

    SOLVED = "solved"
    """Built, and tests hold it."""
    LEFT_OUT = "left out"
    """What surprises is not built, so it cannot surprise."""
    ANSWERED = "answered"
    """Nothing to build: a page says what is so."""
    ACCOUNT = "account"
    """Only a real AWS account can show the rest."""
    OPEN = "open"
    """Not settled; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that was looked up. ``source`` says where, ``checked`` when; after ``expires`` it must be looked up
    again. ``expires`` None: it cannot change."""

    name: str
    fact: str
    source: str
    checked: date
    expires: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise(Fact):
    """``promised`` is what was believed, ``fact`` what is true, ``since`` since when (empty: not known). ``settled``
    says what TL-FIF does about it, ``look`` how to check it oneself. ``requirements`` and ``tests`` hold it. ``worst``:
    its place among the worst, 0 for none."""

    number: int
    effect: Effect
    promised: str
    settled: str
    look: str
    states: tuple[Settled, ...]
    since: str = ""
    requirements: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    worst: int = 0


def surprises_of(texts: Mapping[str, str]) -> list[Surprise]:
    """Every surprise in the files of facts ``texts``, which are named by :attr:`Effect.slug`; by number.

    Raises ValueError, KeyError and TypeError for a file that is none.
    """
    found = [_surprise(effect, row) for effect in Effect for row in tomllib.loads(texts[effect.slug])["surprise"]]
    return sorted(found, key=lambda one: one.number)


def no_problems_of(texts: Mapping[str, str]) -> list[Fact]:
    """What was checked and is no problem."""
    rows = tomllib.loads(texts[NO_PROBLEM])["no_problem"]
    return [Fact(**{("name" if key == "what" else key): value for key, value in row.items()}) for row in rows]


def past_date(facts: Sequence[Fact], today: date) -> list[Fact]:
    """The facts that must be checked again, the longest due first."""
    due = [(one.expires, one) for one in facts if one.expires is not None and one.expires < today]
    return [one for _, one in sorted(due, key=lambda pair: pair[0])]


def _surprise(effect: Effect, row: Mapping[str, Any]) -> Surprise:
    fields = dict(row)
    states = fields.pop("state")
    lists = {name: tuple(fields.pop(name, ())) for name in ("requirements", "tests")}
    named = {
        **fields,
        **lists,
        "name": f"{fields['number']}. {fields['fact']}",
        "states": tuple(Settled(state) for state in states),
    }
    return Surprise(effect=effect, **named)
