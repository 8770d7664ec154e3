"""All checks of the project, summed up: what `./tlfif test` starts in .venv.

Arguments go to pytest: `./tlfif test -k store`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROVIDER = ROOT / "tests" / "sign_in" / "provider"
STATIC: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("-m", "ruff", "format", "--check", ".")),
    ("lint", ("-m", "ruff", "check", ".")),
    ("layers", ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")),
)
BESIDE_THE_TESTS: tuple[tuple[str, tuple[str, ...]], ...] = (("types", ("-m", "mypy")),)
TESTS = ("-m", "pytest", "-n", "4", "--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart", "0")
HELP = """Checks TL-FIF itself. Every check runs, also after one has failed; the types beside the tests:

  format    ruff format: the code is laid out as agreed
  lint      ruff: known mistakes and bad habits
  layers    import-linter: no part knows more than it may
  tests     pytest, four files at a time: they mostly wait for processes
  types     mypy: every value has the type that it is used as

The first use installs the tools into .venv (640 MB). Exit codes: 0 all is well, 1 a check failed, 130 Ctrl-C.
"""
ARGUMENTS = """every further argument goes to pytest, for example:
  ./tlfif test -k store           tests with "store" in their names
  ./tlfif test tests/unit -x      one folder, up to the first failure
  ./tlfif test --lf               those that failed last time
pytest's own list: .venv/bin/python -m pytest --help
"""


def main(argv: list[str]) -> int:
    """Runs every check, also after one has failed; returns 1 if any did. ``--help`` runs none."""
    if argv[:1] in (["--help"], ["-h"]):
        _parser().print_help()
        return 0
    # The tests start hundreds of processes; each would compile every module anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    results = []

    def tell(name: str, check: Future[tuple[int, float, bytes]]) -> None:
        code, seconds, output = check.result()
        print(f"\n== {name} ==\n{output.decode(errors='replace')}", end="", flush=True)
        results.append((name, code, seconds))

    with ThreadPoolExecutor() as pool:
        preparing = pool.submit(prepare, environment)
        checks = [(name, pool.submit(run, each, environment)) for name, each in STATIC]
        beside = [(name, pool.submit(run, each, environment)) for name, each in BESIDE_THE_TESTS]
        for check in checks:
            tell(*check)
        preparing.result()
        print("\n== tests ==", flush=True)
        results.append(("tests", *run((*TESTS, *argv), environment, capture=False)[:2]))
        for check in beside:
            tell(*check)
    print("\n== summary ==")
    for name, code, seconds in results:
        print(f"{name:8} {'ok' if code == 0 else f'FAILED (exit {code})':18} {seconds:6.1f} s")
    print("".join(f"{line}\n" for line in overdue(date.today())), end="")
    return int(any(code for _, code, _ in results))


def overdue(today: date) -> list[str]:
    """A line of the summary where facts are past their date: a warning, since nothing breaks by the calendar."""
    sys.path.insert(0, str(ROOT / "src"))
    from tlfif.adapters.local.fact_files import read_facts  # only now: the checks run also where the program is broken
    from tlfif.doctor.surprises import past_date

    facts = read_facts()
    due = past_date(facts, today)
    if not due:
        return []
    names = ", ".join(one.name.split(".")[0] for one in due)
    return [f"facts    to be checked again: {len(due)} of {len(facts)} ({names}); docs/surprises, python dev/facts.py"]


def run(command: tuple[str, ...], environment: dict[str, str], *, capture: bool = True) -> tuple[int, float, bytes]:
    """Exit code, seconds and, if captured, the output of a program of .venv."""
    started = time.monotonic()
    into = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if capture else {}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=False, **into)
    return done.returncode, time.monotonic() - started, done.stdout or b""


def prepare(environment: dict[str, str]) -> None:
    """What only the tests need; meanwhile the other checks run."""
    prepare_screen()
    prepare_sign_in()
    if sys.platform == "linux" and not installed("redis-server", "redis-server", "the server of a store's tests"):
        print("No redis-server here: tests of the store in Redis need it. On Debian: sudo apt install redis-server")
    prepare_images(environment)
    if sys.platform == "linux" and not installed("git", "git", "what images are built from"):
        print("No git here: the images' tests need it. On Debian and Ubuntu: sudo apt install git")
    if not (ROOT / "tests" / "__pycache__").exists():
        # Each of pytest's workers imports every test: the first time, all would compile the same modules at once.
        run(("-m", "pytest", "--collect-only", "-q"), environment)


def prepare_screen() -> None:
    """The window's tests draw on a screen of their own. Installs it where that can be done without asking anybody."""
    if sys.platform == "linux" and not installed("Xvfb", "xvfb", "the screen of the window's tests"):
        print("No Xvfb here: the window's tests need it, or a screen. On Debian and Ubuntu: sudo apt install xvfb")


def prepare_sign_in() -> None:
    """Signing in is tested in a real browser against a real provider, which npm installs by its lock."""
    if sys.platform == "linux" and not installed("chromium", "chromium", "the browser of the sign-in's tests"):
        print("No Chromium here: the sign-in's tests need it. On Debian and Ubuntu: sudo apt install chromium")
    npm, lock, mark = shutil.which("npm"), PROVIDER / "package-lock.json", PROVIDER / "node_modules" / ".lock"
    if npm is None:
        print("No npm here: the sign-in's tests need Node.js 20 or later with npm.")
    elif not mark.exists() or mark.read_bytes() != lock.read_bytes():
        print("Installing the provider of the sign-in's tests …", flush=True)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=PROVIDER, check=False).returncode == 0:
            shutil.copyfile(lock, mark)


def prepare_images(environment: dict[str, str]) -> None:
    """The machine's image is booted in its tests: made of Debian's packages as they are here, and kept."""
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("dpkg-query"):
        needed = run(("-m", "tests.images.root", "absent"), environment)[2].decode().split()
        if needed:
            installed("", " ".join(needed), "what the machine's image is booted with")
        code, _, said = run(("-m", "tests.images.root", "make"), environment)
        if code:
            print(f"The machine's image could not be made:\n{said.decode(errors='replace')}")


def installed(program: str, packages: str, what: str) -> bool:
    """Whether the program is there; where that can be done without asking anybody, it is installed first."""
    if not shutil.which(program) and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing {packages}, {what} …", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages.split()]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(install, env=environment, **quiet).returncode:
            subprocess.run(["apt-get", "update", "-qq"], **quiet)
            subprocess.run(install, env=environment, **quiet)
    return shutil.which(program) is not None


def _parser() -> argparse.ArgumentParser:
    """For its help only: it must not take away what pytest is to understand."""
    parser = argparse.ArgumentParser(
        prog="tlfif test",
        usage="tlfif test [-h] [PYTEST-ARGUMENT ...]",
        description=HELP,
        epilog=ARGUMENTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("arguments", nargs="*", metavar="PYTEST-ARGUMENT", help="handed on to pytest as they are")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
