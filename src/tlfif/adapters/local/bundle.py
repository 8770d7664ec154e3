"""A bundle: the folder of one image, ``images/v7``, from which a machine of this computer is launched."""

import contextlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlfif.kernel.data_folder import child_environment

REF = re.compile(r"v[1-9][0-9]{0,8}")
"""A bundle's ref is its image's version."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The folder and what is in it. It is made read-only."""

    folder: Path

    @property
    def code(self) -> Path:
        """The commit's own program."""
        return self.folder / "src"

    @property
    def lock(self) -> Path:
        """The commit's packages, each with its hashes."""
        return self.folder / "runtime.lock"

    def lock_text(self) -> str:
        """What is in :attr:`lock`. Raises OSError or ValueError."""
        return self.lock.read_text(encoding="utf-8")

    @property
    def manifest_file(self) -> Path:
        """Every input with its sha256; the last file that a build writes."""
        return self.folder / "manifest.json"

    @property
    def parts_list(self) -> Path:
        """The packages as a CycloneDX document."""
        return self.folder / "sbom.cdx.json"

    @property
    def own_environment(self) -> Path:
        """Its packages; absent where it shares the installed ones."""
        return self.folder / "env"

    @property
    def exists(self) -> bool:
        """Whether it is whole."""
        return REF.fullmatch(self.folder.name) is not None and self.manifest_file.is_file()

    @property
    def python(self) -> str:
        """The interpreter that its program runs in."""
        own = self.own_environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        return str(own) if self.own_environment.is_dir() else sys.executable

    @property
    def environment(self) -> dict[str, str]:
        """With which :attr:`python` finds the bundle's program before any installed one."""
        return child_environment(PYTHONPATH=str(self.code))

    def manifest(self) -> dict[str, Any]:
        """What the build wrote. Raises OSError or ValueError."""
        found = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("the manifest is no object")
        return found

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Raises OSError."""
        self.manifest_file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def size_bytes(self) -> int:
        """What it occupies."""
        return sum(path.lstat().st_size for path in _walk(self.folder))

    def protect(self) -> None:
        """Let nobody write into it by mistake."""
        for path in (*_walk(self.folder), self.folder):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, also what is read-only. One that is gone is no error. Raises OSError."""
    for root, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(root).chmod(0o700)
    if sys.platform == "win32":
        for path in _walk(folder):
            path.chmod(0o600)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(root) / name
