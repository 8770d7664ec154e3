"""The functions' package, built once for this very computer, and what its lock and its parts agree with."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

import tlfif
from tests.infra.template import Template
from tlfif.adapters.aws.deployment.lambda_package import (
    COMPILER,
    LEFT_OUT,
    LOCK,
    MAX_BYTES,
    PYTHON_VERSION,
    SERVICES,
    build_package,
    check_python,
    function_python,
    sha256,
    zip_folder,
)
from tlfif.kernel.errors import UnavailableError

ROOT = Path(__file__).parents[2]
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
OFFLINE = ("connection broken", "NewConnectionError", "Temporary failure", "No matching distribution found")
FUNCTIONS = ("api", "router")


@dataclass(frozen=True)
class Built:
    """Where it was built: the file, what is in it, and the folder in which it was put together."""

    place: Path

    @property
    def file(self) -> Path:
        (found,) = self.place.glob("*.zip")
        return found

    @property
    def inside(self) -> Path:
        return self.place / "inside"

    @property
    def scratch(self) -> Path:
        return self.place / "scratch"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Built:
    """One for all of pytest's workers: whoever needs it first builds it."""
    base = tmp_path_factory.getbasetemp()
    made = Built((base if worker_id == "master" else base.parent) / "functions-package")
    whole = made.place / "whole"
    with FileLock(made.place.with_suffix(".lock")):
        if not whole.exists():
            shutil.rmtree(made.place, ignore_errors=True)
            made.scratch.mkdir(parents=True)
            _build(made)
            whole.touch()
    return made


def _build(made: Built) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(made.scratch))
        try:
            build_package(made.place, python_version=OWN, platforms=())
        except UnavailableError as error:
            if "CI" not in os.environ and any(sign in error.message for sign in OFFLINE):
                pytest.skip(f"the package registry cannot be reached from this desk: {error.message}")
            raise
    with zipfile.ZipFile(made.file) as package:
        package.extractall(made.inside)


def test_it_is_small_and_named_by_what_is_in_it(built: Built) -> None:
    assert built.file.stat().st_size < MAX_BYTES <= 20_000_000
    assert built.file.name == f"{sha256(built.file)}.zip"
    assert list(built.scratch.iterdir()) == []


def test_it_has_what_the_functions_need_and_no_more(built: Built) -> None:
    program = built.inside / "tlfif"
    assert not [part for part in LEFT_OUT if (program / part).exists()]
    assert {"gui", "cli", "worker", "adapters/sqlite"} <= set(LEFT_OUT)
    assert (program / "api" / "app.py").exists()
    for absent in ("boto3", "pip", "pytest", "setuptools", "tkinter", "matplotlib", "xllamacpp", "bin"):
        assert not (built.inside / absent).exists()
    data = built.inside / "botocore" / "data"
    assert {each.name for each in data.iterdir() if each.is_dir()} == set(SERVICES)


def test_it_is_compiled_and_tells_nothing_of_the_computer_that_built_it(built: Built) -> None:
    assert len(list((built.inside / "tlfif").rglob("*.pyc"))) == len(list((built.inside / "tlfif").rglob("*.py")))
    places = [str(place).encode() for place in (built.scratch, ROOT, sys.prefix, Path(sys.executable).parent)]
    files = [file for file in built.inside.rglob("*") if file.is_file()]
    assert len(files) > 500
    assert not [file for file in files for place in places if place in file.read_bytes()]


def test_the_same_files_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    zip_folder(built.inside, again)  # unpacked: other times, other rights, another folder
    assert sha256(again) == sha256(built.file)


@pytest.mark.requirement("2.3.2")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_handler_loads_with_nothing_else_in_reach(built: Built, function: str) -> None:
    """As in Lambda: the package, the standard library and no variable of this computer."""
    program = f"""
import gc, sys
sys.path.insert(0, {str(built.inside)!r})
import tlfif.entrypoints.lambdas.{function} as made
assert callable(made.handler)
assert made.__file__.startswith({str(built.inside)!r})
assert gc.isenabled() and gc.get_freeze_count() > 10_000
print(sorted({{name.split(".")[0] for name in sys.modules}} & {{"fastapi", "boto3", "pydantic_settings", "tkinter"}}))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, env={}, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ("['fastapi']" if function == "api" else "[]")


def test_fastapis_documents_work_although_they_are_built_late(built: Built) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(built.inside)!r})
from tlfif.entrypoints import fastapi_first
from fastapi import FastAPI
from pydantic import BaseModel
class Body(BaseModel):
    count: int
assert Body.__pydantic_complete__ and "defer_build" not in BaseModel.model_config
app = FastAPI()
@app.post("/x")
def x(body: Body) -> Body: ...
print(app.openapi()["components"]["schemas"]["Body"]["properties"]["count"]["type"])
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "integer", done.stderr


def test_a_library_with_another_hash_is_refused_and_nothing_is_left(built: Built, tmp_path: Path) -> None:
    assert built  # where the registry cannot be reached, the reason for the refusal would be another
    (six,) = re.findall(r"^six==\S+", LOCK.read_text(), re.MULTILINE)
    wrong = tmp_path / "wrong.lock"
    wrong.write_text(f"{six} --hash=sha256:{'0' * 64}\n")
    folder = tmp_path / "package"
    folder.mkdir()
    with pytest.raises(UnavailableError) as caught:
        build_package(folder, python_version=OWN, platforms=(), lock=wrong)
    assert caught.value.code == "package_failed"
    assert "nothing was uploaded" in caught.value.message
    assert not any(sign in caught.value.message for sign in OFFLINE)
    assert list(folder.iterdir()) == []


def test_the_byte_code_is_made_by_a_python_of_the_functions_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert function_python(OWN) == [sys.executable]
    assert function_python("3.99") is None
    if os.name == "nt":
        return
    for name, says in (("python3.98", "3.97 cpython"), ("python3.99", "3.99 cpython")):
        other = tmp_path / name
        other.write_text(f"#!/bin/sh\necho {says}\n")
        other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert function_python("3.99") == ["python3.99"]
    assert function_python("3.98") is None, "a name proves nothing"


def test_without_that_python_the_package_is_refused_unless_a_slow_start_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as refused:
        build_package(tmp_path, python_version="3.99")
    assert refused.value.code == "python_missing"
    for words in ("Python 3.99", f"only {OWN}", "--slow-start", "Nothing was made"):
        assert words in refused.value.message
    assert list(tmp_path.iterdir()) == []
    assert check_python(slow_start=True, python_version="3.99") is None


def test_byte_code_is_never_compared_with_its_source_and_names_no_folder(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "good.py").write_text("answer = 42\n")
    (tmp_path / "future.py").write_text("answer = = 42\n")
    subprocess.run([sys.executable, "-I", "-B", str(COMPILER), str(tmp_path)], check=True)
    (made,) = tmp_path.rglob("*.pyc")
    assert made.name == f"good.{sys.implementation.cache_tag}.pyc"
    assert made.read_bytes()[4:8] == b"\x01\0\0\0", "unchecked, by hash (PEP 552)"
    assert str(tmp_path).encode() not in made.read_bytes()
    assert b"part/good.py" in made.read_bytes()


def test_the_lock_has_the_versions_that_are_tested() -> None:
    def versions(lock: Path) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE):
            found.setdefault(name, set()).add(version)
        return found

    own, whole = versions(LOCK), versions(ROOT / "requirements" / "runtime.lock")
    assert len(own) > 15
    assert not {name: version for name, version in own.items() if not version <= whole.get(name, set())}
    wanted = (ROOT / "requirements" / "lambda.in").read_text().splitlines()
    assert {line for line in wanted if line and not line.startswith("#")} <= own.keys()


def test_it_is_made_for_the_functions_runtime() -> None:
    functions = Template.committed().of_type("AWS::Lambda::Function").values()
    assert {one["Runtime"] for one in functions} == {f"python{PYTHON_VERSION}"}


def test_the_description_of_every_service_that_is_spoken_to_is_in_it() -> None:
    source = Path(tlfif.__file__).parent
    asked: set[str] = set()
    for file in (*(source / "bootstrap").glob("aws*.py"), *(source / "adapters" / "aws").rglob("*.py")):
        asked |= set(re.findall(r'clients\.make\(\s*"([a-z0-9-]+)"', file.read_text()))
    assert {"dynamodb", "sqs", "s3", "lambda", "ec2", "scheduler"} <= asked <= set(SERVICES)
