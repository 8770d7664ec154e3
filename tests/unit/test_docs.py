"""Pages name only files, tests and pages that are there, and their tables say what the code says."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
FOLDERS = "src|docs|infra|images|tests|bench|dev|requirements"
FAULTS = ("test_faults_at_launch", "test_faults_of_machines", "test_faults_of_services", "test_killed_functions")
NUMBERED = {
    "surprises/complaints.md": [str(number) for number in range(1, 13)],
}
"""Pages that owe a line to each point of a list, in its order."""


@cache
def sources_of_tests() -> dict[str, list[str]]:
    """The sources of the modules with each test."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        source = path.read_text("utf-8")
        for name in set(re.findall(r"def (test_\w+)", source)):
            found.setdefault(name, []).append(source)
    return found


def anchors(page: Path) -> set[str]:
    heads = [line.lstrip("# ") for line in page.read_text("utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_and_test_that_a_page_names_is_there(page: Path) -> None:
    quoted = re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))
    files = [one for one in quoted if re.fullmatch(rf"({FOLDERS})/[\w./-]*|pyproject\.toml", one)]
    assert [one for one in files if not (ROOT / one).exists()] == []
    named = [re.fullmatch(r"(test_\w+)(?:\[(.+)\])?", one) for one in quoted]
    for name, parameter in [found.groups() for found in named if found]:
        sources = sources_of_tests().get(name, [])
        assert sources, name
        assert not parameter or any(re.search(rf"\b{parameter}\b", source) for source in sources), parameter


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("page", NUMBERED)
def test_every_point_has_its_line_in_order(page: str) -> None:
    assert re.findall(r"^\| (\d[\d.]*) \|", (DOCS / page).read_text("utf-8"), re.MULTILINE) == NUMBERED[page]


def test_every_fault_on_aws_that_is_tested_stands_on_its_page() -> None:
    page = (DOCS / "reference" / "aws-faults.md").read_text("utf-8")
    modules = [ROOT / "tests" / "aws" / f"{name}.py" for name in FAULTS]
    tested = {
        name for path in modules for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"`(test_\w+)[`\[]", page)) - set(FAULTS) == tested


def test_tables_say_what_the_code_says() -> None:
    done = subprocess.run([sys.executable, "dev/tables.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
