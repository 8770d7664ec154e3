"""The facts that come with this program, as they lie in its package."""

from importlib.resources import files

from tlfif.doctor.surprises import NO_PROBLEM, Effect, Fact, Surprise, no_problems_of, surprises_of


def read_surprises() -> list[Surprise]:
    """Every surprise, by number."""
    return surprises_of(_texts())


def read_no_problems() -> list[Fact]:
    """What was checked and is no problem."""
    return no_problems_of(_texts())


def read_facts() -> list[Fact]:
    """Everything that was looked up and has a date."""
    texts = _texts()
    return [*surprises_of(texts), *no_problems_of(texts)]


def _texts() -> dict[str, str]:
    folder = files("tlfif.doctor") / "facts"
    return {name: (folder / f"{name}.toml").read_text("utf-8") for name in (*(one.slug for one in Effect), NO_PROBLEM)}
