"""The requirement list as one text: ``python dev/requirements.py``; ``--check`` says what is wrong with it.

A requirement is a heading ``### 1.1.1 Title`` in docs/requirements/rql-2/, with "(Owner's wish)" at its end where it is
one, and the text below it. What proves it are tests with the marker ``requirement("1.1.1")``; what no test can prove
says so in its text.
"""

import ast
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "docs" / "requirements" / "rql-2"
NUMBER = r"\d{1,2}\.\d{1,2}\.\d{1,2}"
_LEAF = re.compile(rf"^### ({NUMBER}) (.+?)( \(Owner's wish\))?$", re.MULTILINE)
_PART = re.compile(r"^#{1,3} ", re.MULTILINE)
_SECTION = re.compile(r"^## (\d+\.\d+) .+$", re.MULTILINE)
_LABEL = re.compile(r"^\*\*([^*]+):\*\*", re.MULTILINE)
MET, WHY, MEASURED = "Met when", "Why, and its cost", "Measured by"
ACCOUNT, NOT_BUILT, RQL_1 = "Only an account proves", "Not built yet", "RQL 1"
LABELS = (MET, MEASURED, ACCOUNT, WHY, NOT_BUILT)
"""What begins a paragraph of a requirement, in this order."""
_STEP = re.compile(r"\[([^\]]+)\]\(\.\./\.\./howto/first-day-on-aws\.md#[\w-]+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """``text`` is all below the heading."""

    number: str
    title: str
    is_wish: bool
    text: str

    @property
    def words(self) -> str:
        """The text without line ends, as a phrase is looked for in it."""
        return " ".join(self.text.split())

    @property
    def labels(self) -> list[str]:
        """The labels of its paragraphs, in their order."""
        return _LABEL.findall(self.text)

    @property
    def step(self) -> str:
        """The step of the first day that proves what no test can; empty where there is none."""
        found = _STEP.search(self.paragraph(ACCOUNT))
        return found[1] if found else ""

    @property
    def examples(self) -> list[str]:
        """The messages that it shows."""
        return re.findall(r"```json\n(.+?)```", self.text, re.DOTALL)

    def paragraph(self, label: str) -> str:
        """The paragraph with that label, empty where there is none."""
        found = re.search(rf"^\*\*{label}:\*\*(.*?)(?=\n\n|\Z)", self.text, re.MULTILINE | re.DOTALL)
        return " ".join(found[1].split()) if found else ""


Proofs = Mapping[str, Sequence[str]]
"""The tests that prove a requirement, by its number: ``folder/file::test``."""


def chapters(folder: Path = CHAPTERS) -> list[Path]:
    """The files of the list in their order."""
    return [folder / "README.md", *sorted(folder.glob("[0-9][0-9]-*.md"))]


def read(folder: Path = CHAPTERS) -> list[Requirement]:
    """Every requirement, in its order."""
    found = []
    for page in chapters(folder)[1:]:
        text = page.read_text("utf-8")
        for head in _LEAF.finditer(text):
            end = _PART.search(text, head.end())
            body = text[head.end() : end.start() if end else None]
            found.append(Requirement(number=head[1], title=head[2], is_wish=head[3] is not None, text=body.strip()))
    return found


def sections(folder: Path = CHAPTERS) -> dict[str, str]:
    """What each section says of its line in RQL 1, by its number; empty where it says nothing."""
    found = {}
    for page in chapters(folder)[1:]:
        text = page.read_text("utf-8")
        for head in _SECTION.finditer(text):
            note = re.match(rf"\n\n\*\*{RQL_1}:\*\*(.*?)\n\n", text[head.end() :], re.DOTALL)
            found[head[1]] = " ".join(note[1].split()) if note else ""
    return found


def read_proofs(tests: Path = ROOT / "tests") -> dict[str, list[str]]:
    """The tests with the marker, read without being run: only files that have the word are parsed."""
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        source = path.read_text("utf-8")
        if "mark.requirement(" in source:
            name = path.relative_to(tests).as_posix()
            for number, test in _marked(ast.parse(source)):
                found.setdefault(number, []).append(f"{name}::{test}")
    return found


def _marked(tree: ast.Module) -> list[tuple[str, str]]:
    return [
        (str(argument.value), node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for mark in node.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.requirement"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]


def state(one: Requirement, proofs: Proofs) -> str:
    """How far a requirement is proven."""
    if NOT_BUILT in one.labels:
        return f"not built yet: {one.paragraph(NOT_BUILT).rstrip('.')}"
    held = ["proven"] if one.number in proofs else []
    held += ["measured"] if MEASURED in one.labels else []
    return ", ".join([*held, *([f"account: {one.step}"] if one.step else [])]) or "no proof"


def faults(found: Sequence[Requirement], proofs: Proofs) -> list[str]:
    """What is wrong: a requirement without a proof or a part of it, a proof without a requirement, a number that leads
    nowhere."""
    known = {one.number for one in found}
    wrong = [f"{number} is no requirement: {', '.join(proofs[number])}" for number in proofs if number not in known]
    for one in found:
        wrong += [f"{one.number}: {fault}" for fault in _faults(one, proofs, known)]
    return wrong + _out_of_order([one.number for one in found])


def _faults(one: Requirement, proofs: Proofs, known: set[str]) -> list[str]:
    wrong = [f"refers to {number}, which is none" for number in _references(one.text) if number not in known]
    if one.labels != [label for label in LABELS if label in one.labels]:
        wrong.append(f"its paragraphs are {', '.join(one.labels)}; the order is {', '.join(LABELS)}")
    if MET not in one.labels:
        wrong.append("nobody can tell that it is met")
    if not one.is_wish and WHY not in one.labels:
        wrong.append("it is not the owner's wish and does not say why it is there and what it costs")
    if (ACCOUNT in one.labels) != bool(one.step):
        wrong.append("what only an account proves has its step of the first day")
    if NOT_BUILT in one.labels:
        wrong += [f"is not built yet, and {name} proves it" for name in proofs.get(one.number, ())]
        wrong += [] if re.match(r'issue ".+"', one.paragraph(NOT_BUILT)) else ["which issue is to build it?"]
    elif state(one, proofs) == "no proof":
        wrong.append("has no proof")
    return wrong


def _references(text: str) -> list[str]:
    return re.findall(rf"\[({NUMBER})\](?!\()", text)


def _out_of_order(numbers: Sequence[str]) -> list[str]:
    wrong, before = [], (0, 0, 0)
    for number in numbers:
        chapter, section, leaf = (int(part) for part in number.split("."))
        follows = {(before[0], before[1], before[2] + 1), (before[0], before[1] + 1, 1), (before[0] + 1, 1, 1)}
        if (chapter, section, leaf) not in follows:
            wrong.append(f"{number} does not follow {'.'.join(map(str, before))}")
        before = (chapter, section, leaf)
    return wrong


def main(argv: Sequence[str]) -> int:
    """Print the list, or with ``--check`` what is wrong with it."""
    if argv == ["--check"]:
        wrong = faults(read(), read_proofs())
        print("\n".join(wrong) if wrong else "Every requirement has its proof.")
        return int(bool(wrong))
    print("\n\n".join(page.read_text("utf-8").strip() for page in chapters()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
