"""Codes: each that the program can raise has its row in ``ERROR_CODES``, and no other; and what goes over the wire."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlfif.api.problems import STATUS, Fault, faults_of, problem_of, status_of
from tlfif.cli.exit_codes import exit_code_of, exit_code_of_job
from tlfif.client.errors import error_from
from tlfif.jobs.limits import RANGES
from tlfif.kernel import errors
from tlfif.kernel.error_codes import ERROR_CODES, JOB, SECTIONS, ErrorCode
from tlfif.kernel.errors import InvalidInputError, NotFoundError, TlfifError

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tlfif"

POSITION = {"Fault": 0, "_give_up": 1, "end": 1, "problem_of": 1}
"""Functions that take a code without its name, and where."""
EXPANDED = {
    "{}_empty": {"prompt_empty", "system_empty"},
    "{}_not_text": {"prompt_not_text", "system_not_text"},
    "job_{}": {"job_failed", "job_cancelled", "job_expired"},
    "{}_out_of_range": {f"{name}_out_of_range" for name in RANGES},
    "http_{}": set(),  # what the client calls an answer that is no problem at all
}
IN_JSON = re.compile(r'"code": "([a-z_]+)"')


class Codes(ast.NodeVisitor):
    """Every code in one module, however it is given."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: set[str] = set()
        self._named = {
            target.id: statement.value
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        self.visit(tree)

    def visit_Call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg in {"code", "error_code"}:
                self._take(keyword.value)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        at = POSITION.get(name)
        if at is not None and len(node.args) > at:
            self._take(node.args[at])
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == "code":
                self._take(node.value)
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for name, value in zip(target.elts, node.value.elts, strict=False):
                    if isinstance(name, ast.Name) and name.id == "code":
                        self._take(value)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bytes):
            self.found.update(IN_JSON.findall(node.value.decode("latin-1")))

    def _take(self, value: ast.expr) -> None:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            self.found |= {value.value} - {""}  # an empty one says that there is none
        elif isinstance(value, ast.JoinedStr):
            pattern = "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in value.values)
            self.found |= EXPANDED[pattern]
        elif isinstance(value, ast.Name) and value.id in self._named:
            self._take(self._named[value.id])
        else:
            for part in parts_of(value):
                self._take(part)


def parts_of(value: ast.expr) -> list[ast.expr]:
    """What an expression may evaluate to, one level down."""
    if isinstance(value, ast.IfExp):
        return [value.body, value.orelse]
    if isinstance(value, ast.BoolOp):
        return value.values
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "str":
        return value.args
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get":
        table = value.func.value
        return [*(table.values if isinstance(table, ast.Dict) else []), *value.args[1:]]
    return []


def codes_in_source() -> Iterator[str]:
    """Every code of every module."""
    for path in SOURCE.rglob("*.py"):
        yield from Codes(ast.parse(path.read_text(encoding="utf-8"))).found


@pytest.mark.requirement("2.1.6")
def test_every_code_that_is_raised_has_its_row_and_no_other() -> None:
    assert sum(len(section) for section in SECTIONS.values()) == len(ERROR_CODES), "one stands there twice"
    assert set(codes_in_source()) == set(ERROR_CODES)


def test_a_code_is_found_however_it_is_given() -> None:
    source = """
LATER = "by_name"
class E(Exception):
    code = "by_class"
def f(x):
    code, detail = "by_tuple", "text"
    Fault({"a": "by_table"}.get(x, "by_default"), "", "")
    yield b'{"code": "by_bytes"}'
    raise E("text", code="by_keyword" if x else f"{x}_empty") from g(error_code=x or LATER)
"""
    expected = {"by_name", "by_class", "by_tuple", "by_table", "by_default", "by_bytes", "by_keyword"}
    assert Codes(ast.parse(source)).found == expected | {"prompt_empty", "system_empty"}


@pytest.mark.parametrize(("code", "row"), ERROR_CODES.items(), ids=ERROR_CODES)
def test_a_code_has_its_status_and_exit_code_wherever_it_comes_from(code: str, row: ErrorCode) -> None:
    if row.status is not None:
        assert exit_code_of(error_from(row.status, {"code": code})) == row.exit
        assert all(status_of(kind("text")) == row.status for kind in classes() if kind.code == code)
    elif code in JOB:
        assert exit_code_of_job("failed", code) == row.exit


def classes() -> list[type[TlfifError]]:
    """Every error of the domain."""
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TlfifError)]


def test_every_class_of_error_has_a_status_of_its_own() -> None:
    known = (*(kind for kind, _ in STATUS), errors.EngineError)  # the latter are never sent
    assert [kind for kind in classes() if not issubclass(kind, known)] == [errors.TlfifError]


def test_details_become_members_but_never_replace_the_promised_ones() -> None:
    body = json.loads(problem_of(422, "x", "A sentence.", {"tokens": 5, "status": 200, "code": "y"}).body)
    assert body == {
        "type": "urn:tlfif:problem:x",
        "title": "Unprocessable Entity",
        "status": 422,
        "code": "x",
        "detail": "A sentence.",
        "tokens": 5,
    }


def test_a_code_that_says_more_than_its_class() -> None:
    assert status_of(InvalidInputError("x")) == 422
    assert status_of(InvalidInputError("x", code="body_too_large")) == 413
    assert status_of(NotFoundError("x", code="job_not_found")) == 404


@pytest.mark.parametrize(
    ("kind", "where", "expected"),
    [
        ("int_parsing", ("query", "limit"), Fault("wrong_type", "limit", "must be a whole number")),
        ("int_from_float", ("body", "seed"), Fault("wrong_type", "seed", "must be a whole number")),
        ("float_type", ("body", "temperature"), Fault("wrong_type", "temperature", "must be a number")),
        ("bool_type", ("body", "force"), Fault("wrong_type", "force", "must be true or false")),
        ("string_type", ("body", "messages", 3, "content"), Fault("wrong_type", "messages[3].content", "must be text")),
        ("list_type", ("body", "messages"), Fault("wrong_type", "messages", "must be a list")),
        ("some_new_kind", ("body", "x"), Fault("wrong_type", "x", "is not what is expected here")),
        ("missing", ("body", "prompt"), Fault("missing_field", "prompt", "is missing")),
    ],
)
def test_findings_in_plain_english(kind: str, where: tuple[str | int, ...], expected: Fault) -> None:
    assert faults_of([{"type": kind, "loc": where, "msg": "Input should be"}]) == [expected]


def test_names_from_outside_are_shown_short_and_harmless() -> None:
    (fault,) = faults_of([{"type": "extra_forbidden", "loc": ("body", "\x1b[2J" + "x" * 500), "msg": ""}])
    assert fault.field.startswith("?[2Jxxx")
    assert len(fault.field) == 101
