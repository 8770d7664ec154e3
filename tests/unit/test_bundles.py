"""A bundle of another time: the program that runs does not work with machines of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tlfif.adapters.local.bundle import Bundle
from tlfif.adapters.local.images.bundle_builder import _end_programs
from tlfif.adapters.local.images.candidate_folder import CandidateFolder
from tlfif.adapters.local.images.parts_list import pins_of
from tlfif.bootstrap.embedded_images import KNOWS_SERVERS, SCHEMA, _unusable

LOCK = (Path(__file__).parents[2] / "requirements" / "runtime.lock").read_text()


@pytest.mark.parametrize(
    ("schema", "lock", "said"),
    [
        (SCHEMA, LOCK, ""),
        (SCHEMA, "pydantic==0.0.1 \\\n    --hash=sha256:00\n", "other packages than are installed now (pydantic)"),
        (SCHEMA, "no-such-package-here==1.0\n", ""),
        (SCHEMA + 1, LOCK, f"version {SCHEMA + 1} of the job file"),
        (None, LOCK, "version None of the job file"),
    ],
    ids=["now", "packages", "of another system", "job file", "unsaid"],
)
def test_what_was_tested_otherwise_is_not_launched(tmp_path: Path, schema: object, lock: str, said: str) -> None:
    bundle = Bundle(tmp_path / "v1")
    bundle.folder.mkdir()
    bundle.lock.write_text(lock)
    bundle.write_manifest({"store_schema": schema})
    assert said in _unusable(tmp_path, "v1")
    assert bool(said) == bool(_unusable(tmp_path, "v1"))


def test_a_bundle_from_before_redis_is_not_launched_where_jobs_are_in_it(tmp_path: Path) -> None:
    for ref in ("v1", "v2"):
        bundle = Bundle(tmp_path / ref)
        bundle.folder.mkdir()
        bundle.lock.write_text(LOCK)
        bundle.write_manifest({"store_schema": SCHEMA})
    (bundle.code / KNOWS_SERVERS).parent.mkdir(parents=True)
    (bundle.code / KNOWS_SERVERS).touch()
    assert "before jobs could be kept in a Redis server" in _unusable(tmp_path, "v1", in_server=True)
    assert _unusable(tmp_path, "v2", in_server=True) == ""
    assert (Path(__file__).parents[2] / "src" / KNOWS_SERVERS).is_file()


def test_a_damaged_manifest_is_not_launched(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "manifest.json").write_text("[]")
    assert "cannot be read" in _unusable(tmp_path, "v1")


def test_programs_of_a_killed_server_are_ended_and_no_others(tmp_path: Path) -> None:
    code = "import sys; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, f"--git-dir={tmp_path}/x.git"], **pipes) as fetching:
        assert fetching.stdout is not None
        fetching.stdout.readline()
        assert not _end_programs(tmp_path / "other")
        assert not _end_programs(tmp_path, before=0.0), "this server fetches, too"
        assert fetching.poll() is None
        assert _end_programs(tmp_path)
        assert fetching.wait(10) != 0
    assert not _end_programs(tmp_path)


def test_a_lock_may_name_a_package_twice() -> None:
    lock = 'numpy==2.4.1 ; python_full_version < "3.12" \\\nnumpy==2.5 ; python_full_version >= "3.12" \\\nA_b.c==1\n'
    assert pins_of(lock) == {"numpy": frozenset({"2.4.1", "2.5"}), "a-b-c": frozenset({"1"})}


@pytest.mark.parametrize("text", ["", "[{", "[]", "{}", '{"prompts": 5}', "null", "\x00"])
def test_a_report_that_is_none_is_a_report_that_says_so(tmp_path: Path, text: str) -> None:
    folder = CandidateFolder(tmp_path)
    assert folder.read_report() is None
    folder.report.write_text(text)
    report = folder.read_report()
    assert report is not None
    assert "cannot be read" in report.error
