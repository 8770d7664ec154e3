"""A Git repository with this program in it, and commits that mend or break it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tlfif.adapters.sqlite.schema import MIGRATIONS

NO_GIT = "Images are built from Git repositories: install git (Debian: apt-get install git)."
ROOT = Path(__file__).parents[2]
SOUND = "Paris blue 100 seven cold down Pacific French Shakespeare gravity"
"""One answer that passes every golden prompt. In one piece, so that it has no speed that could be compared."""
_ENGINE = (ROOT / "tests" / "fakes" / "stub_engine" / "xllamacpp.py").read_text(encoding="utf-8")


def engine_that_says(*words: str) -> str:
    """The text of an engine's library that answers every prompt alike. A bundle finds it before the real one."""
    return _ENGINE.replace('WORDS = ("All ", "is ", "well.")', f"WORDS = {words!r}")


@dataclass(frozen=True, slots=True)
class Repository:
    """A work tree with the branch ``main``."""

    folder: Path

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        return subprocess.run(
            ["git", "-c", "user.name=Owner", "-c", "user.email=owner@example.org", *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self, subject: str, **files: str | None) -> str:
        """Write ``files`` (None: remove), commit, and return the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")


def empty_repository(folder: Path) -> Repository:
    """A new repository with one commit and no program. Without git: a skip, or in CI a failure."""
    if shutil.which("git") is None:
        (pytest.fail if os.environ.get("CI") == "true" or os.environ.get("TLFIF_CI") else pytest.skip)(NO_GIT)
    folder.mkdir(parents=True)
    repository = Repository(folder)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit("Begin", README="nothing yet")
    return repository


def program_repository(folder: Path) -> Repository:
    """A new repository with this program, and an engine that answers the golden prompts at once."""
    repository = empty_repository(folder)
    shutil.copytree(ROOT / "src" / "tlfif", folder / "src" / "tlfif", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "requirements").mkdir()
    shutil.copy(ROOT / "requirements" / "runtime.lock", folder / "requirements" / "runtime.lock")
    repository.commit("The program", **{"src/xllamacpp.py": engine_that_says(SOUND)})
    return repository


_MACHINE = (ROOT / "tests" / "fakes" / "paper_machine.py").read_text(encoding="utf-8")
_PAPER = (
    "adapters/__init__", "adapters/engines/__init__", "adapters/engines/fitted_engine", "adapters/local/__init__",
    "adapters/local/images/__init__", "adapters/local/images/candidate_folder", "adapters/sqlite/__init__",
    "bootstrap/__init__", "bootstrap/embedded_worker", "bootstrap/smoke_test", "entrypoints/__init__",
    "entrypoints/engine", "__init__",
)  # fmt: skip
"""What a machine of the real program loads, empty."""


def paper_repository(folder: Path) -> Repository:
    """A new repository with a program on paper: its builds take no time, and its machine behaves as it is told."""
    repository = empty_repository(folder)
    files = {f"src/tlfif/{name}.py": "" for name in _PAPER}
    files["src/tlfif/adapters/sqlite/schema.py"] = f"MIGRATIONS = (None,) * {len(MIGRATIONS)}\n"
    files["requirements/runtime.lock"] = "# nothing\n"
    repository.commit("Paper", **files)
    return repository


def paper_machine(how: str) -> dict[str, str]:
    """The file that makes the paper machine behave so."""
    return {"src/tlfif/entrypoints/machine.py": _MACHINE.replace('HOW = "good"', f"HOW = {how!r}")}
