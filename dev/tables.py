"""Write the tables in docs/ that say what the code says: ``python dev/tables.py``; ``--check`` only compares.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; the rest of a page is written by hand.
"""

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tlfif.kernel.error_codes import SECTIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CLIENTS = ROOT / "tests" / "clients" / "results.json"
TABLE = re.compile(r"(<!-- table: (.+?) -->\n)(.*?)(<!-- end of table -->\n)", re.DOTALL)
STATES = {
    "solved": "built, and the test named holds it",
    "left out": "what surprises is not built, so it cannot surprise",
    "answered": "nothing to build: a page says what is so",
    "account": "only a real AWS account can show the rest; "
    "[the list of these](../howto/first-day-on-aws.md#what-only-a-real-account-can-prove)",
    "open": "not solved; the line says what is missing",
}
"""Of a surprise: what its last column may say. The first three stand in most lines and are not counted."""


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


def states_of_surprises(page: str) -> str:
    """Which surprises wait for something, as the last column of their lines says."""
    found: dict[str, list[str]] = {state: [] for state in STATES}
    for number, states in re.findall(r"^\| (\d+) \|.*\| ([\w, ]+) \|$", page, re.MULTILINE):
        for state in states.split(", "):
            found[state].append(number)
    rows = []
    for state, meaning in STATES.items():
        counted = state in ("account", "open")
        rows.append(f" {state} | {meaning} | " + (", ".join(found[state]) + " " if counted else ""))
    return table(" State | Meaning | Numbers ", rows)


def clients(_page: str) -> str:
    """What the last run of tests/clients saw."""
    rows = []
    for name, seen in json.loads(CLIENTS.read_text("utf-8")).items():
        failed = [f"{deed}: {problem}" for deed, problem in seen["deeds"].items() if problem]
        verdict = "passed" if not failed else "; ".join(failed)
        rows.append(f" {name} | {seen['version']} | {', '.join(seen['deeds'])} | {verdict} ")
    return table(" Client | Version | What was done with it | Result ", rows)


TABLES: dict[str, Callable[[str], str]] = {
    **{f"errors {name}": partial(errors, name) for name in SECTIONS},
    "clients": clients,
    "surprises": states_of_surprises,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
