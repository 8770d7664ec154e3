"""docs/reference/aws-faults.md names every story of a fault on AWS, and no other."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "aws-faults.md"
STORIES = ("test_faults_at_launch", "test_faults_of_machines", "test_faults_of_services", "test_killed_functions")


def told() -> dict[str, set[str]]:
    """The parameters by which the page names each test; empty where it names it without."""
    found: dict[str, set[str]] = {}
    for name, parameter in re.findall(r"`(test_\w+)(?:\[([^\]]+)\])?`", PAGE.read_text("utf-8")):
        found.setdefault(name, set()).update({parameter} - {""})
    return found


def written() -> dict[str, ast.Module]:
    """Each test of a fault, and the module that it stands in."""
    modules = [ast.parse((ROOT / "tests" / "aws" / f"{name}.py").read_text("utf-8")) for name in STORIES]
    return {
        node.name: module
        for module in modules
        for node in module.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_fault_of_the_page_has_its_test_and_every_test_stands_there() -> None:
    assert set(told()) == set(written())


def test_the_kinds_of_fault_that_it_names_are_there() -> None:
    modules = written()
    for name, parameters in told().items():
        words = {node.value for node in ast.walk(modules[name]) if isinstance(node, ast.Constant)}
        words |= {node.name for node in modules[name].body if isinstance(node, ast.FunctionDef)}
        assert parameters <= words, name
