"""The pages on RQL 1, its 105 surprises and the twelve complaints name all of them, and nothing that is not there."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RQL_1 = ROOT / "docs" / "requirements" / "rql-1.md"
SURPRISES = ROOT / "docs" / "surprises" / "rql-1-against-aws.md"
COMPLAINTS = ROOT / "docs" / "surprises" / "complaints.md"
PAGES = [RQL_1, SURPRISES, COMPLAINTS]
FOLDERS = "src|docs|infra|images|tests|bench|dev|requirements"
STATES = ["solved", "left out", "answered", "image", "account", "open"]
BECAME = {"kept", "otherwise", "left out", "image"}
LINES_OF_RQL_1 = {1: 3, 2: 3, 3: 5, 4: 3, 5: 6, 6: 4, 7: 3, 8: 4, 9: 3, 10: 4, 11: 3}
"""Sections of RQL 1, and how many lines each has."""
PARTS_OF_1_1 = 6


def rows(page: Path) -> list[list[str]]:
    """The cells of each row that begins with a number."""
    lines = page.read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \d", line)]


@cache
def names_of_tests() -> frozenset[str]:
    sources = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    return frozenset(name for source in sources for name in re.findall(r"def (test_\w+)", source))


def anchors(page: Path) -> set[str]:
    heads = [line.lstrip("# ") for line in page.read_text("utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_and_test_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    quoted = re.findall(r"`([^`\n]+)`", text)
    files = [one for one in quoted if re.match(rf"({FOLDERS})/|pyproject\.toml$", one)]
    names = [one for one in quoted if re.fullmatch(r"test_\w+", one)]
    assert files
    assert names
    assert [one for one in files if not (ROOT / one).exists()] == []
    assert sorted(set(names) - names_of_tests()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.is_file(), target
        assert not anchor or anchor in anchors(found), target


def test_every_surprise_stands_there_once_and_in_order() -> None:
    assert [int(row[0]) for row in rows(SURPRISES)] == list(range(1, 106))


def test_every_complaint_stands_there_once_and_in_order() -> None:
    assert [int(row[0]) for row in rows(COMPLAINTS)] == list(range(1, 13))


def test_every_line_of_rql_1_stands_there_once_and_in_order() -> None:
    wanted = ["1.1", *(f"1.1.{part}" for part in range(1, PARTS_OF_1_1 + 1)), "1.2", "1.3"]
    for section in range(2, 12):
        wanted += ["3"] * (section == 3)  # the router's own line says its size
        wanted += [f"{section}.{line}" for line in range(1, LINES_OF_RQL_1[section] + 1)]
    assert [row[0] for row in rows(RQL_1)] == wanted
    assert {word for row in rows(RQL_1) for word in row[1].split(", ")} == BECAME


def test_what_is_not_solved_yet_stands_at_the_top_as_in_the_rows() -> None:
    by_state: dict[str, list[int]] = {state: [] for state in STATES}
    for row in rows(SURPRISES):
        for state in row[-1].split(", "):
            by_state[state].append(int(row[0]))
    head = dict(
        re.findall(rf"^\| ({'|'.join(STATES)}) \|.*\| ([\d, ]*) ?\|$", SURPRISES.read_text("utf-8"), re.MULTILINE)
    )
    for state in ("image", "account", "open"):
        assert [int(number) for number in head[state].split(", ")] == by_state[state], state
