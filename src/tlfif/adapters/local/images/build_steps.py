"""The steps of a bundle's build: packages, bytecode, and the proof that its program can be imported at all."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tlfif.adapters.local.bundle import Bundle
from tlfif.adapters.local.images.parts_list import pins_of
from tlfif.adapters.local.images.program import Ended, failure, last_lines, run_program
from tlfif.kernel.data_folder import child_environment
from tlfif.kernel.errors import ImageError

STEP_SECONDS = 120.0
INSTALL_SECONDS = 600.0
BUNDLE_BYTES = 200 << 20
"""Must be free for a bundle that shares the installed packages: its program, its candidate's job file and logs."""
OWN_BYTES = 2 << 30
"""Must be free on top for packages of its own: what pip downloads and unpacks at the same time."""
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
PINNED = ("install", "--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement")
DRY_RUN = ("--dry-run", "--no-index", "--quiet", "--report", "-")
NEEDED = """
import sys, tlfif, tlfif.entrypoints.machine, tlfif.entrypoints.engine, tlfif.bootstrap.embedded_worker
import tlfif.adapters.engines.fitted_engine, tlfif.adapters.local.images.candidate_folder, tlfif.bootstrap.smoke_test
import importlib.util
from tlfif.adapters.sqlite.schema import MIGRATIONS
if importlib.util.find_spec("xllamacpp") is None:
    raise ImportError("there is no llama.cpp (xllamacpp)")
print(len(MIGRATIONS), tlfif.__file__)
"""
"""Imports what a machine loads, and says which version of the job file it knows, and where it came from."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSteps:
    """``free``: free bytes on a folder's disk. ``schema`` is the version of the home's job file."""

    free: Callable[[Path], int]
    schema: int
    install_seconds: float = INSTALL_SECONDS

    def check_space(self, folder: Path, *, own_packages: bool = False) -> None:
        """Raises ImageError ``image_build_refused``."""
        needed = BUNDLE_BYTES + (OWN_BYTES if own_packages else 0)
        free = self.free(folder)
        if free < needed:
            raise ImageError(
                f"There is not enough room for the image: {needed // 10**6} MB are needed in {folder}, and "
                f"{free // 10**6} MB are free. Free some space, or retire an image, and build again.",
                code="image_build_refused",
            )

    async def provide_packages(self, bundle: Bundle, say: Say) -> None:
        """Give the bundle the packages of its lock: the installed ones where they are the same, others by hash.

        Raises ImageError ``image_build_refused``, ``image_input_wrong``, ``image_build_failed``."""
        if await _is_installed(bundle):
            say("packages: those that are installed are those of the lock")
            return
        say("packages: the lock differs from what is installed; installing it beside, by hash")
        self.check_space(bundle.folder, own_packages=True)
        made = await _python(sys.executable, "-m", "venv", "--without-pip", bundle.own_environment)
        if not made.good:
            raise failure("The environment for its packages could not be made", made, inside=bundle.folder)
        install = (*PIP, "--python", bundle.python, *PINNED, bundle.lock, "--quiet")
        done = await _python(sys.executable, *install, limit=self.install_seconds)
        if not done.good:
            said = " ".join(done.said).lower()
            if "do not match the hashes" in said or "hashes are required" in said:
                what = "A package is not the one that the lock names, so it was not used"
                raise failure(what, done, inside=bundle.folder, code="image_input_wrong")
            if "no space left" in said:
                raise failure("The disk is full", done, inside=bundle.folder, code="image_build_refused")
            raise failure("The packages of the lock could not be installed", done, inside=bundle.folder)

    async def compile(self, bundle: Bundle, *, final: Path, commit_time: int) -> None:
        """Compile the program, for the place where it will lie. Raises ImageError ``image_build_failed``."""
        command = (
            "-m",
            "compileall",
            "-q",
            "-j",
            "0",
            "--invalidation-mode",
            "unchecked-hash",
            "-s",
            bundle.folder,
            "-p",
            final,
        )
        done = await _python(bundle.python, *command, bundle.code, SOURCE_DATE_EPOCH=str(commit_time))
        if not done.good:
            lines = last_lines(done.answer.encode())  # compileall writes what is wrong to its standard output
            said = replace(done, said=lines or done.said)
            raise failure("The commit cannot be compiled", said, inside=bundle.folder)

    async def check_imports(self, bundle: Bundle) -> None:
        """Import what a machine loads, without running it. Raises ImageError ``image_build_failed``."""
        # The folder is for who looks which program works in it.
        done = await _python(bundle.python, "-P", "-c", NEEDED, bundle.folder, PYTHONPATH=str(bundle.code))
        if not done.good:
            raise failure("The commit's program cannot be imported", done, inside=bundle.folder)
        schema, _, place = done.answer.strip().partition(" ")
        if not Path(place).is_relative_to(bundle.code):
            raise ImageError(f"Another program was imported than the commit's ({place}).", code="image_build_failed")
        if schema != str(self.schema):
            raise ImageError(
                f"The commit keeps jobs in version {schema} of the job file, and this program in version {self.schema}"
                ", so a machine of the commit cannot work here. Install the commit's own program, or build another "
                "commit.",
                code="image_build_failed",
            )


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of ``folder``."""
    return shutil.disk_usage(folder).free


async def _is_installed(bundle: Bundle) -> bool:
    """Whether exactly the lock's packages are there: pip would install none of them."""
    if not pins_of(bundle.lock_text()):
        return True
    asked = await _python(sys.executable, *PIP, *PINNED, bundle.lock, *DRY_RUN)
    try:
        return asked.good and json.loads(asked.answer)["install"] == []
    except (ValueError, LookupError, TypeError):
        return False


async def _python(python: str, *arguments: str | Path, limit: float = STEP_SECONDS, **environment: str) -> Ended:
    return await run_program(python, *arguments, limit_seconds=limit, environment=child_environment(**environment))
