"""The page to hand out is made from the sources, whole, and none of its links is dead."""

import re
import runpy
from html import escape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def html() -> str:
    made: str = runpy.run_path(str(ROOT / "dev/handout.py"))["handout"]()
    return made


def test_every_requirement_and_surprise_is_in_it(html: str) -> None:
    chapters = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs/requirements/rql-2").glob("[0-9]*.md"))
    numbers = re.findall(r"^### (\d+\.\d+\.\d+) ", chapters, re.MULTILINE)
    assert numbers
    assert [number for number in numbers if html.count(f'id="r{number}"') != 1] == []
    registers = [path for path in (ROOT / "docs/surprises").glob("*.md") if path.stem != "complaints"]
    surprises = [one for path in registers for one in re.findall(r"^### (\d+)$", path.read_text("utf-8"), re.MULTILINE)]
    assert len(surprises) > 100
    assert [one for one in surprises if not re.search(rf'id="[\w-]+-{one}">{one}</h3>', html)] == []


def test_none_of_its_links_is_dead(html: str) -> None:
    anchors = re.findall(r'id="([^"]+)"', html)
    links = re.findall(r'href="([^"]*)"', html)
    assert [link for link in links if not link.startswith(("https://", "http://", "#"))] == []
    assert sorted({link for link in links if link.startswith("#")} - {f"#{anchor}" for anchor in anchors}) == []
    assert len(anchors) == len(set(anchors))


def test_its_contents_name_each_chapter_and_each_section(html: str) -> None:
    contents = html.split("<nav>")[1].split("</nav>")[0]
    for path in (ROOT / "docs/requirements/rql-2").glob("[0-9]*.md"):
        for title in re.findall(r"^##? (.+)$", path.read_text("utf-8"), re.MULTILINE):
            assert f">{escape(title)}</a>" in contents
