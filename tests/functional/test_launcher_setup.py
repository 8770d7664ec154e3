"""The launcher makes, keeps and mends .venv: real launches in a tiny checkout, packages from a folder."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and links work otherwise on Windows")
PROGRAM = """\
import importlib.util, json, sys
def main(argv=None):
    has = [name for name in ("mini", "extra", "minidev") if importlib.util.find_spec(name)]
    print(json.dumps({"argv": sys.argv[1:], "prefix": sys.prefix, "has": has}))
    return 7 if "fail" in sys.argv else 0
"""
NEEDED = ("cli/ask.py", "entrypoints/server.py", "bootstrap/embedded_worker.py")
# Stands in for uv while it downloads: says so, and goes on until it is told to stop.
ENDLESS_UV = """\
#!{python}
import os, signal, sys
if "--version" not in sys.argv:
    with open("installer.pid", "w") as file:
        file.write(str(os.getpid()))
    print("Downloading for ever", flush=True)
    signal.pause()
"""


def make_wheel(folder: Path, name: str, content: str = "") -> str:
    """Makes a wheel with one module; returns its line for a lock."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": content.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@dataclass
class Checkout:
    """A small copy of the project, and how it is launched."""

    root: Path
    bin: Path
    lines: dict[str, str]
    env: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def python(self) -> Path:
        return self.root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def lock(self, **kinds: str) -> None:
        for kind, text in kinds.items():
            (self.root / "requirements" / f"{kind}.lock").write_text(text)

    def start(self, *argv: str, **options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(self.root / "tlfif"), *argv],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.started.append(process)
        return process

    def run(self, *argv: str, cwd: Path | None = None) -> tuple[int, str, str]:
        process = self.start(*argv, cwd=cwd)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def has(self, *argv: str) -> list[str]:
        """Launches without any installer at hand; returns which packages the program sees."""
        self.hide_uv()
        code, out, err = self.run(*argv)
        assert (code, err) == (0, "")
        return json.loads(out)["has"]

    def hide_uv(self) -> None:
        for file in self.bin.iterdir():
            file.unlink()

    def show_uv(self) -> None:
        self.hide_uv()
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
        assert uv, "the dev lock contains uv"
        shutil.copy2(uv, self.bin) if os.name == "nt" else (self.bin / "uv").symlink_to(uv)

    def fake_uv(self, script: str) -> None:
        self.hide_uv()
        (self.bin / "uv").write_text(script.format(python=sys.executable))
        (self.bin / "uv").chmod(0o755)


def a_checkout(at: Path) -> Checkout:
    root, wheels, programs = at / "check out", at / "wheels", at / "bin"
    for folder in (root / "requirements", root / "dev", root / "src" / "tlfif" / "cli", wheels, programs):
        folder.mkdir(parents=True)
    shutil.copy2(ROOT / "tlfif", root)
    for name in ("__init__.py", "__main__.py"):
        shutil.copy2(ROOT / "src" / "tlfif" / name, root / "src" / "tlfif")
    for module in NEEDED:
        path = root / "src" / "tlfif" / module
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.touch()
    (root / "src" / "tlfif" / "cli" / "main.py").write_text(PROGRAM)
    (root / "dev" / "check.py").write_text("from tlfif.cli.main import main\nmain()\n")
    lines = {name: make_wheel(wheels, name) for name in ("mini", "extra", "minidev", "pytest")}
    keep = {"SYSTEMROOT", "TEMP", "TMP", "HOME", "USERPROFILE", "LANG"}
    env = {name: value for name, value in os.environ.items() if name in keep} | {
        "PATH": str(programs),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": wheels.as_uri(),
        "PIP_NO_INDEX": "1",
        "UV_CACHE_DIR": str(at / "cache"),
        "UV_FIND_LINKS": wheels.as_uri(),
        "UV_NO_CONFIG": "1",
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
    }
    made = Checkout(root, programs, lines, env)
    made.lock(runtime=lines["mini"], dev=lines["mini"] + lines["minidev"] + lines["pytest"])
    made.show_uv()
    return made


@pytest.fixture
def checkout(tmp_path: Path):
    made = a_checkout(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    """A checkout that has been used once."""
    code, _, err = checkout.run()
    assert code == 0, err
    return checkout


@pytest.fixture(scope="module")
def made_by_pip(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One whose .venv has pip in it, which takes seconds to make."""
    made = a_checkout(tmp_path_factory.mktemp("pip"))
    made.fake_uv("#!/bin/sh\nexit 127\n")  # a stand-in that only says that there is no uv
    made.lock(runtime=made.lines["mini"] + made.lines["pytest"])
    code, _, err = made.run()
    assert code == 0, err
    return made


@pytest.fixture
def with_pip(checkout: Checkout, made_by_pip: Checkout) -> Checkout:
    """A checkout with such a .venv, and no uv."""
    shutil.copytree(made_by_pip.root / ".venv", checkout.root / ".venv", symlinks=True)
    checkout.lock(runtime=(made_by_pip.root / "requirements" / "runtime.lock").read_text())
    assert checkout.has() == ["mini"]
    return checkout


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"{text!r} was never said")


@pytest.mark.requirement("1.6.1")
def test_first_use_sets_up_and_later_uses_go_straight_on(checkout: Checkout) -> None:
    code, out, err = checkout.run("ask", "two words", "-")
    assert code == 0
    assert "first use: setting up" in err
    assert "ready after" in err
    answer = json.loads(out)
    assert answer["argv"] == ["ask", "two words", "-"]
    assert Path(answer["prefix"]).samefile(checkout.root / ".venv")
    assert answer["has"] == ["mini"]
    assert checkout.has() == ["mini"]


def test_the_exit_status_is_the_programs(ready: Checkout) -> None:
    assert ready.run("fail")[0] == 7


def test_pip_does_it_where_uv_is_missing_and_refuses_another_hash(with_pip: Checkout) -> None:
    wrong = with_pip.lines["minidev"][:-65] + "0" * 64 + "\n"
    with_pip.lock(dev=wrong)
    code, out, err = with_pip.run("test")
    assert (code, out) == (5, "")
    assert "its hash differs" in err


def test_the_pip_that_the_lock_names_installs_all_the_others(with_pip: Checkout, tmp_path: Path) -> None:
    """The one that comes with an old Python is slow."""
    newer = "import sys\nif 'install' in sys.argv:\n    open('pip.called', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
    own = make_wheel(tmp_path / "wheels", "pip", newer).replace(" --hash", " \\\n    --hash")
    with_pip.lock(dev=own + with_pip.lines["minidev"])
    assert with_pip.run("test")[0] == 0
    (called,) = (with_pip.root / "pip.called").read_text().splitlines()
    assert called.endswith("--require-hashes --no-deps --only-binary=:all: -r requirements/dev.lock")
    assert with_pip.has("test") == ["mini"], "the stand-in installs nothing"


@pytest.mark.requirement("1.6.1")
def test_another_hash_is_refused_by_uv_too_and_stays_refused(checkout: Checkout) -> None:
    right = checkout.lines["mini"]
    checkout.lock(runtime=right[:-65] + "0" * 64 + "\n")
    for _ in range(2):
        code, out, err = checkout.run()
        assert (code, out) == (5, "")
        assert "its hash differs" in err
    checkout.lock(runtime=right)
    assert checkout.run()[0] == 0
    assert checkout.has() == ["mini"]


def test_a_package_without_hash_is_refused(checkout: Checkout) -> None:
    checkout.lock(runtime="mini==1.0\n")
    code, out, err = checkout.run()
    assert (code, out) == (5, "")
    assert "hash" in err.lower()


def test_another_lock_is_installed(ready: Checkout) -> None:
    ready.lock(runtime=ready.lines["extra"])
    code, _, err = ready.run()
    assert code == 0
    assert "list of required packages has changed" in err
    assert ready.has() == ["extra"]


def remove_stamp(checkout: Checkout) -> None:
    (checkout.root / ".venv" / "tlfif-runtime.stamp").unlink()


def empty_venv(checkout: Checkout) -> None:
    shutil.rmtree(checkout.root / ".venv")
    (checkout.root / ".venv").mkdir()


def file_for_venv(checkout: Checkout) -> None:
    shutil.rmtree(checkout.root / ".venv")
    (checkout.root / ".venv").write_text("not a folder")


def remove_python(checkout: Checkout) -> None:
    checkout.python.unlink()


def dangling_python(checkout: Checkout) -> None:
    checkout.python.unlink()
    checkout.python.symlink_to(checkout.root / "removed" / "python3")


def other_python(checkout: Checkout) -> None:
    checkout.python.unlink()
    checkout.python.write_text("#!/nowhere\n")
    checkout.python.chmod(0o755)


def python_that_looks_right(checkout: Checkout) -> None:
    """Only the attempt to start it can show that it is none."""
    other_python(checkout)
    stamp = checkout.root / ".venv" / "tlfif-runtime.stamp"
    lines = stamp.read_text().splitlines()
    info = checkout.python.stat()
    looks = f"{checkout.python.resolve()} {info.st_size} {info.st_mtime_ns}"
    stamp.write_text("\n".join([*lines[:3], looks, *lines[4:]]))


@posix_only
@pytest.mark.parametrize(
    "break_it",
    [
        remove_stamp,
        empty_venv,
        file_for_venv,
        remove_python,
        dangling_python,
        other_python,
        python_that_looks_right,
    ],
)
def test_a_broken_venv_is_mended(ready: Checkout, break_it: Callable[[Checkout], None]) -> None:
    break_it(ready)
    code, out, err = ready.run()
    assert code == 0, err
    assert json.loads(out)["has"] == ["mini"]
    assert "making it anew" in err
    assert ready.has() == ["mini"]


@posix_only
def test_a_patched_python_needs_no_new_installation(ready: Checkout) -> None:
    stamp = ready.root / ".venv" / "tlfif-runtime.stamp"
    before = stamp.read_text()
    lines = before.splitlines()
    stamp.write_text("\n".join([*lines[:3], lines[3] + "0", *lines[4:]]))  # as if its time of change differed
    assert ready.has() == ["mini"]
    assert stamp.read_text() == before


def test_a_moved_checkout_still_works(ready: Checkout) -> None:
    new = ready.root.with_name("elsewhere")
    ready.root.rename(new)
    ready.root = new
    assert ready.has() == ["mini"]


def test_neither_pythonpath_nor_the_current_folder_gets_in_the_way(ready: Checkout, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "json.py").write_text("raise SystemExit('the wrong json was imported')\n")
    ready.env["PYTHONPATH"] = str(trap)
    code, out, err = ready.run(cwd=trap)
    assert (code, err) == (0, "")
    assert json.loads(out)["has"] == ["mini"]


def test_the_tests_get_their_packages_once(ready: Checkout) -> None:
    code, out, err = ready.run("test", "-k", "x")
    assert code == 0, err
    assert "installing what the tests need" in err
    assert json.loads(out) | {"prefix": ""} == {"argv": ["-k", "x"], "prefix": "", "has": ["mini", "minidev"]}
    assert ready.has("test") == ["mini", "minidev"]
    assert ready.has() == ["mini", "minidev"]


def test_the_tests_may_be_the_first_use(checkout: Checkout) -> None:
    assert checkout.run("test")[0] == 0
    assert checkout.has() == ["mini", "minidev"]


@posix_only
def test_what_the_first_answer_loads_is_compiled_and_nothing_else(checkout: Checkout) -> None:
    """Also for who wants no compiled files of their own programs."""
    (checkout.root / "src" / "tlfif" / "cli" / "ask.py").write_text("import mini\n")
    checkout.env["PYTHONDONTWRITEBYTECODE"] = "1"
    assert checkout.run("test")[0] == 0
    compiled = {path.name.partition(".")[0] for path in checkout.root.rglob("*.pyc")}
    assert {"ask", "mini"} <= compiled
    assert "minidev" not in compiled


def test_of_two_at_once_one_sets_up_and_the_other_waits(checkout: Checkout) -> None:
    import fcntl

    with (checkout.root / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        both = [checkout.start(), checkout.start()]
        for process in both:
            read_until(process, "another TL-FIF is setting up")
        assert not (checkout.root / ".venv").exists()
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [json.loads(out)["has"] for out, _ in said] == [["mini"], ["mini"]]
    assert sorted("first use" in err for _, err in said) == [False, True]


@pytest.mark.requirement("1.6.1")
@posix_only
@pytest.mark.parametrize("at", ["the whole group", "the launcher alone"])
def test_ctrl_c_leaves_what_the_next_start_mends(checkout: Checkout, at: str) -> None:
    checkout.fake_uv(ENDLESS_UV)
    process = checkout.start(start_new_session=True)
    read_until(process, "downloading")
    installer = int((checkout.root / "installer.pid").read_text())
    send = os.killpg if at == "the whole group" else os.kill
    send(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err
    with pytest.raises(ProcessLookupError):
        os.kill(installer, 0)
    checkout.show_uv()
    code, _, err = checkout.run()
    assert code == 0
    assert "making it anew" in err
    assert checkout.has() == ["mini"]


@posix_only
def test_an_installer_left_over_by_a_kill_is_waited_for(checkout: Checkout) -> None:
    checkout.fake_uv(ENDLESS_UV)
    first = checkout.start()
    read_until(first, "downloading")
    installer = int((checkout.root / "installer.pid").read_text())
    first.kill()
    first.wait()
    checkout.show_uv()
    second = checkout.start()
    try:
        read_until(second, "another TL-FIF is setting up")
    finally:
        os.kill(installer, signal.SIGKILL)
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert json.loads(out)["has"] == ["mini"]


def test_a_persons_pip_settings_say_where_packages_come_from_and_nothing_else(
    with_pip: Checkout, tmp_path: Path
) -> None:
    """Whatever else they say, in files or variables: the packages go into .venv, and nowhere else."""
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "pip.conf").write_text(
        f"[global]\nno-index = true\nfind-links = {with_pip.env.pop('PIP_FIND_LINKS')}\nrequire-virtualenv = true\n"
        f"[install]\ntarget = {elsewhere}\ndry-run = true\nno-binary = :all:\n"
    )
    del with_pip.env["PIP_NO_INDEX"]
    with_pip.env |= {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_DRY_RUN": "1", "PIP_PREFIX": str(elsewhere)}
    with_pip.lock(dev=with_pip.lines["minidev"])
    code, out, err = with_pip.run("test")
    assert code == 0, err
    assert json.loads(out)["has"] == ["mini", "minidev"]
    assert not elsewhere.exists()


@posix_only
def test_an_installer_that_installs_nothing_is_not_believed(checkout: Checkout) -> None:
    (checkout.root / "src" / "tlfif" / "cli" / "ask.py").write_text("import mini\n")
    checkout.fake_uv("#!/bin/sh\nexit 0\n")
    for _ in range(2):
        code, out, err = checkout.run()
        assert (code, out) == (5, "")
        assert "No module named 'mini'" in err
        assert "ready" not in err
    checkout.show_uv()
    assert checkout.run()[0] == 0
    assert checkout.has() == ["mini"]


def test_what_an_earlier_launcher_did_not_prove_is_proven_now(ready: Checkout) -> None:
    stamp = ready.root / ".venv" / "tlfif-runtime.stamp"
    whole = stamp.read_text()
    stamp.write_text("\n".join(whole.splitlines()[:4]))
    assert ready.has() == ["mini"]
    assert stamp.read_text() == whole, "what is there needs no new installation"
    (ready.root / "src" / "tlfif" / "cli" / "ask.py").write_text("import mini\n")
    stamp.write_text("\n".join(whole.splitlines()[:4]))
    next(ready.root.glob(".venv/**/mini.py")).unlink()
    ready.show_uv()
    code, out, err = ready.run()
    assert "making it anew" in err
    assert (code, json.loads(out)["has"]) == (0, ["mini"])


@posix_only
@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full", "2>&- <&-"])
def test_nobody_needs_to_read_how_the_set_up_goes(checkout: Checkout, stream: str) -> None:
    if "full" in stream and not Path("/dev/full").exists():
        pytest.skip("no disk here that is always full")
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" "$1" ask {stream}', sys.executable, str(checkout.root / "tlfif")],
        env=checkout.env,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert (done.returncode, json.loads(done.stdout)["has"]) == (0, ["mini"])


@posix_only
def test_a_failure_that_nobody_can_read_keeps_its_exit_status(checkout: Checkout) -> None:
    checkout.lock(runtime="mini==1.0\n")
    for stream in ("2>&-", "2>/dev/full", ">&- 2>&- <&-"):
        command = ["/bin/sh", "-c", f'"$0" "$1" ask {stream}', sys.executable, str(checkout.root / "tlfif")]
        assert subprocess.run(command, env=checkout.env, timeout=60).returncode == 5
