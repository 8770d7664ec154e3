"""Write the tables in docs/ that say what the code says: ``python dev/tables.py``; ``--check`` only compares.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; the rest of a page is written by hand.
"""

import json
import re
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

from tlfif.adapters.local.fact_files import read_no_problems, read_surprises
from tlfif.doctor.surprises import Effect, Fact, Settled, Surprise
from tlfif.kernel.error_codes import SECTIONS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dev import requirements as rql  # noqa: E402  # started as a file, it finds the checkout first

DOCS = ROOT / "docs"
CLIENTS = ROOT / "tests" / "clients" / "results.json"
STATES = {
    Settled.SOLVED: "solved: built, and tests hold it",
    Settled.LEFT_OUT: "left out: what surprises is not built",
    Settled.ANSWERED: "answered: nothing to build",
    Settled.ACCOUNT: "the rest only a real account can show",
    Settled.OPEN: "open",
}
TABLE = re.compile(r"(<!-- table: (.+?) -->\n)(.*?)(<!-- end of table -->\n)", re.DOTALL)


def main(argv: list[str]) -> int:
    """With ``--check`` returns 1 where a page is not as it would be written, and says which."""
    stale = [page for page in sorted(DOCS.rglob("*.md")) if page.read_text("utf-8") != written(page)]
    for page in stale:
        print(
            page.relative_to(DOCS.parent), "is not current: python dev/tables.py" if argv == ["--check"] else "written"
        )
        if argv != ["--check"]:
            page.write_text(written(page), "utf-8")
    return int(argv == ["--check"] and bool(stale))


def written(page: Path) -> str:
    """The page with its tables made anew."""
    text = page.read_text("utf-8")
    return TABLE.sub(lambda found: found[1] + TABLES[found[2]](text) + found[4], text)


def table(head: str, rows: list[str]) -> str:
    """Markdown of a table; its lines without the outer bars."""
    return "".join(f"|{line}|\n" for line in (head, re.sub(r"[^|]+", "---", head), *rows))


def errors(section: str, _page: str) -> str:
    """The codes of one section."""
    without = "job" if section == "job" else "\u2013"
    rows = [
        f" `{code}` | {row.status or without} | {row.exit} | {row.meaning} | {row.remedy + ' ' * bool(row.remedy)}"
        for code, row in SECTIONS[section].items()
    ]
    return table(" Code | HTTP | Exit | What it means | What to do ", rows)


def clients(_page: str) -> str:
    """What the last run of tests/clients saw."""
    rows = []
    for name, seen in json.loads(CLIENTS.read_text("utf-8")).items():
        failed = [f"{deed}: {problem}" for deed, problem in seen["deeds"].items() if problem]
        verdict = "passed" if not failed else "; ".join(failed)
        rows.append(f" {name} | {seen['version']} | {', '.join(seen['deeds'])} | {verdict} ")
    return table(" Client | Version | What was done with it | Result ", rows)


def surprises_that(effect: Effect, _page: str) -> str:
    """The surprises with one effect, each under its number."""
    return "".join(_surprise(one) for one in read_surprises() if one.effect is effect)


def _surprise(one: Surprise) -> str:
    states = "; ".join(STATES[state] for state in one.states)
    held = ", ".join([*_requirements(one), *(f"`{test}`" for test in one.tests)])
    parts = [
        f"**{one.fact.rstrip('.')}.**",
        f"Promised: {_ended(one.promised)}",
        f"Since: {one.since}." if one.since else "",
        f"\n\nWhat TL-FIF does: {one.settled} ({states[:1].upper() + states[1:]}.)",
        f"\n\nCheck it yourself: {one.look}. Source: {one.source}. {_dates(one)}",
        f"Held by: {held}." if held else "",
    ]
    text = re.sub(r" *\n\n *", "\n\n", " ".join(part for part in parts if part))
    return f"\n### {one.number}\n\n{text}\n"


def _ended(text: str) -> str:
    return text if text.endswith((".", ".\u201d")) else f"{text}."


def _requirements(one: Surprise) -> list[str]:
    pages = {page.name[:2]: page.name for page in rql.chapters()[1:]}
    return [f"[{number}](../requirements/rql-2/{pages[number.split('.')[0].zfill(2)]})" for number in one.requirements]


def _dates(one: Fact) -> str:
    again = f", to be checked again by {_day(one.expires)}" if one.expires else "; it cannot change"
    return f"Checked on {_day(one.checked)}{again}."


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def worst_surprises(_page: str) -> str:
    """The five worst, the worst first."""
    found = sorted((one for one in read_surprises() if one.worst), key=lambda one: one.worst)
    return "".join(f"{one.worst}. {_link(one)} {one.fact} {one.settled}\n" for one in found)


def open_surprises(_page: str) -> str:
    """Those that are not settled, with what is missing, and those that wait for an account."""
    found = read_surprises()
    lines = [f"- {_link(one)} {one.fact} {one.settled}\n" for one in found if Settled.OPEN in one.states]
    waiting = ", ".join(_link(one) for one in found if Settled.ACCOUNT in one.states)
    return "".join(lines) + f"\nOnly a real account shows the rest of {waiting}.\n"


def groups_of_surprises(_page: str) -> str:
    """How many there are of each, and where."""
    found = read_surprises()
    return "".join(
        f"- [It {effect}]({effect.slug}.md): {', '.join(_link(one) for one in found if one.effect is effect)}\n"
        for effect in Effect
    )


def _link(one: Surprise) -> str:
    return f"[{one.number}]({one.effect.slug}.md#{one.number})"


def no_problems(_page: str) -> str:
    """What was looked at and is none."""
    return "".join(f"- **{one.name}.** {one.fact} Source: {one.source}. {_dates(one)}\n" for one in read_no_problems())


def proofs(_page: str) -> str:
    """Each requirement, what proves it, and how far."""
    held = rql.read_proofs()
    rows = [
        f" {one.number} {one.title} | {', '.join(f'`{test}`' for test in _tests(one, held))} | {rql.state(one, held)} "
        for one in rql.read()
    ]
    return table(" Requirement | Proof | State ", rows)


def _tests(one: rql.Requirement, held: rql.Proofs) -> list[str]:
    """The names of its tests, and the command that measures it."""
    named = [test.split("::")[1] for test in held.get(one.number, ())]
    return [*named, *re.findall(r"`([^`]+)`", one.paragraph(rql.MEASURED))]


def counts_of_requirements(_page: str) -> str:
    """How many are in which state."""
    held = rql.read_proofs()
    found = rql.read()
    states = [rql.state(one, held) for one in found]
    rows = [
        f" requirements | {len(found)} ",
        f" of them the owner's own wishes | {sum(one.is_wish for one in found)} ",
        f" proven or measured without an account | {sum(one.startswith(('proven', 'measured')) for one in states)} ",
        f" of these, with a rest that only an account proves | {sum(bool(one.step) for one in found)} ",
        f" only an account proves | {sum(state.startswith('account') for state in states)} ",
        f" not built yet | {sum(state.startswith('not built') for state in states)} ",
        f" tests that are named | {len({test for tests in held.values() for test in tests})} ",
    ]
    return table(" What | How many ", rows)


TABLES: dict[str, Callable[[str], str]] = {
    **{f"errors {name}": partial(errors, name) for name in SECTIONS},
    "clients": clients,
    "proofs": proofs,
    "requirements": counts_of_requirements,
    **{f"surprises that {effect}": partial(surprises_that, effect) for effect in Effect},
    "worst surprises": worst_surprises,
    "open surprises": open_surprises,
    "groups of surprises": groups_of_surprises,
    "no problems": no_problems,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
