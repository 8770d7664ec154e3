"""Functions and files stay small, and every rule that is switched off on a line says why there."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
FOLDERS = ("src", "tests", "bench", "dev", "infra")
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 500
ALLOWED_FUNCTIONS: dict[str, str] = {}
"""Longer than the limit for a reason, which stands beside it. Delete the line once the function is short."""
ALLOWED_FILES: dict[str, str] = {}
ALLOWED_WITHOUT_REASON: dict[str, str] = {}

SWITCHED_OFF = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[^\]]*\])?(.*)")


def modules() -> Iterator[tuple[str, Path]]:
    """Every module by its path below ``src``."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path


def long_functions(name: str, tree: ast.Module) -> set[str]:
    """``file:function`` of those over the limit. Decorators are not counted, the docstring is."""
    return {
        f"{name}:{node.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }


def unexplained(path: Path) -> list[str]:
    """Lines with a rule switched off and not a word about it."""
    if not SWITCHED_OFF.search(path.read_text("utf-8")):
        return []  # nor in a comment, to find which takes longer
    with path.open("rb") as file:
        comments = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
    found = [(token.start[0], SWITCHED_OFF.search(token.string)) for token in comments]
    return [f"line {line}" for line, match in found if match and not re.search(r"[a-z]{2}", match[1])]


def test_functions_are_short_and_the_exceptions_still_are_exceptions() -> None:
    found = {one for name, path in modules() for one in long_functions(name, ast.parse(path.read_text("utf-8")))}
    assert found == set(ALLOWED_FUNCTIONS)


def test_files_are_short() -> None:
    found = {name for name, path in modules() if len(path.read_text("utf-8").splitlines()) > MAX_FILE_LINES}
    assert found == set(ALLOWED_FILES)


def test_a_rule_that_is_switched_off_says_why() -> None:
    """In tests and tools as well."""
    everywhere = [path for folder in FOLDERS for path in (SOURCE.parents[0] / folder).rglob("*.py")]
    found = {
        str(path): lines for path in everywhere if "node_modules" not in path.parts and (lines := unexplained(path))
    }
    assert set(found) == set(ALLOWED_WITHOUT_REASON), found


def test_what_is_too_long_or_unexplained_would_be_found(tmp_path: Path) -> None:
    body = "\n".join(["    pass"] * MAX_FUNCTION_LINES)
    assert long_functions("m.py", ast.parse(f"def f():\n{body}\n")) == {"m.py:f"}
    assert long_functions("m.py", ast.parse(f"def f():\n{body[9:]}\n")) == set()
    module = tmp_path / "m.py"
    off = "no" + "qa"
    module.write_text(f"import a  # {off}: F401\nimport b  # {off}: F401,E402  # for its effect\nc = '# {off}'\n")
    assert unexplained(module) == ["line 1"]
