"""The package of both Lambda functions: this program without window, engine and server, and the libraries it needs.

The same program gives the same bytes, so the package's name (its sha256) changes only when the program does. The
libraries are wheels for Lambda's system, pinned with their hashes in ``template/lambda.lock``; pip downloads and
verifies them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import tlfif
from tlfif.kernel.errors import UnavailableError

LOCK = Path(__file__).parent / "template" / "lambda.lock"
COMPILER = Path(__file__).parent / "compile_folder.py"
PYTHON_VERSION = "3.13"
"""The functions' runtime, as in infra/function.py; a test compares the two."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""Lambda's python3.13 runs on Amazon Linux 2023, which has glibc 2.34; no wheel of the lock needs more than 2.28. pip
compares these names literally."""
MAX_BYTES = 20_000_000
SERVICES = ("ce", "codepipeline", "dynamodb", "ec2", "lambda", "logs", "s3", "scheduler", "sns", "sqs", "ssm", "sts")
"""The services that the functions call. botocore brings descriptions of 400 services; the others are left out."""
LEFT_OUT = (
    "adapters/aws/deployment",
    "adapters/aws/doctor",
    "adapters/engines",
    "adapters/sqlite",
    "charts",
    "cli",
    "client",
    "deployment",
    "doctor",
    "gui",
    "history",
    "worker",
)
"""Parts of this program that no function uses."""
NOT_NEEDED = ("tests", "testing", "__pycache__", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
MOMENT = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold."""


def build_package(
    folder: Path,
    *,
    python_version: str = PYTHON_VERSION,
    platforms: Sequence[str] = PLATFORMS,
    slow_start: bool = False,
    lock: Path = LOCK,
) -> Path:
    """Build the package in ``folder`` and return its file, named by its sha256.

    ``platforms`` empty: for this computer. ``slow_start``: build it without byte code where no Python of that version
    is here; a function without byte code compiles every module at each cold start. ``lock`` names the libraries with
    their hashes.

    Raises UnavailableError: ``python_missing`` as :func:`check_python` does, ``package_failed`` if a library cannot be
    downloaded, or if the package is too large for a quick cold start; nothing was uploaded.
    """
    python = check_python(slow_start=slow_start, python_version=python_version)
    with tempfile.TemporaryDirectory() as scratch:
        inside = Path(scratch) / "inside"
        _fetch(inside, lock, python_version, platforms)
        _prune(inside / "botocore" / "data")
        shutil.rmtree(inside / "bin", ignore_errors=True)  # commands, whose first line names this Python
        _copy_program(inside)
        if python is not None:
            subprocess.run([*python, "-I", "-B", str(COMPILER), str(inside)], check=True)
        made = folder / "tlfif.zip"
        zip_folder(inside, made)
    size = made.stat().st_size
    if size > MAX_BYTES:
        raise UnavailableError(
            f"The functions' package is {size / 1e6:.1f} MB, more than {MAX_BYTES / 1e6:.0f}. Nothing was uploaded.",
            code="package_failed",
        )
    return made.rename(folder / f"{sha256(made)}.zip")


def sha256(file: Path) -> str:
    """The file's sha256 in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch(inside: Path, lock: Path, python_version: str, platforms: Sequence[str]) -> None:
    where = [word for platform in platforms for word in ("--platform", platform)]
    if platforms:
        where += ["--python-version", python_version, "--implementation", "cp"]
    command = [
        *(sys.executable, "-m", "pip", "install", "--target", str(inside)),
        *("--only-binary", ":all:", "--no-deps", "--require-hashes", "--no-compile", "--quiet"),
        *("--disable-pip-version-check", "--no-input", *where, "--requirement", str(lock)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise UnavailableError(
            "The libraries of the functions cannot be fetched: "
            f"{last[0].strip()[:300] if last else 'pip gave no reason'}. Check the network and run the command again; "
            "nothing was uploaded.",
            code="package_failed",
        )


def _prune(data: Path) -> None:
    for each in data.iterdir():
        if each.is_dir() and each.name not in SERVICES:
            shutil.rmtree(each)


def _copy_program(inside: Path) -> None:
    source = Path(tlfif.__file__).parent
    out = {source / part for part in LEFT_OUT}

    def left_out(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        return {name for name in names if name == "__pycache__" or here / name in out}

    shutil.copytree(source, inside / source.name, ignore=left_out)


def function_python(python_version: str = PYTHON_VERSION) -> list[str] | None:
    """The command of a Python of that version on this computer; None if there is none. Runs each that it tries."""
    named = [[sys.executable], [f"python{python_version}"], ["py", f"-{python_version}"], ["python3"], ["python"]]
    return next((command for command in named if _version_of(command) == python_version), None)


def _version_of(command: Sequence[str]) -> str:
    ask = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
    try:
        done = subprocess.run([*command, "-I", "-c", ask], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    version, _, kind = done.stdout.strip().partition(" ")
    return version if done.returncode == 0 and kind == "cpython" else ""


def check_python(*, slow_start: bool, python_version: str = PYTHON_VERSION) -> list[str] | None:
    """The command of the Python that makes the package's byte code; None with ``slow_start`` where there is none.

    Raises UnavailableError (code ``python_missing``).
    """
    found = function_python(python_version)
    if found is None and not slow_start:
        raise UnavailableError(
            f"The functions on AWS run Python {python_version}, and this computer has none, only "
            f"{sys.version_info.major}.{sys.version_info.minor}. Their package would hold no byte code that they can "
            "use, and each start of them would take two to three times as long. Install Python "
            f"{python_version} (python.org; TL-FIF itself may go on with its own), or accept that: --slow-start. "
            "Nothing was made.",
            code="python_missing",
        )
    return found


def zip_folder(inside: Path, made: Path) -> None:
    """Zip the folder. The same files give the same bytes, at any time and on any computer."""
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for file in _files(inside):
            entry = zipfile.ZipInfo(file.relative_to(inside).as_posix(), MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # otherwise the bytes differ between Windows and other systems
            entry.external_attr = (0o755 if file.suffix == ".so" or ".so." in file.name else 0o644) << 16
            package.writestr(entry, file.read_bytes())


def _files(inside: Path) -> Iterable[Path]:
    """The files to include, in an order that does not depend on the computer."""
    found: list[Path] = []
    for folder, folders, names in os.walk(inside):
        compiled = Path(folder).name == "__pycache__"
        folders[:] = [name for name in folders if name not in NOT_NEEDED or name == "__pycache__"]
        found += [Path(folder) / name for name in names if compiled or name not in NOT_NEEDED]
    return sorted(found, key=lambda file: file.relative_to(inside).as_posix())
