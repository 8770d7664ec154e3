"""Remembers the sha256 of files, so that a large file is read again only after it changed."""

import hashlib
import json
import logging
import stat
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from tlfif.kernel.data_folder import write_private

BLOCK_BYTES = 1 << 20

logger = logging.getLogger(__name__)


class HashStoppedError(Exception):
    """The store is closing; the hash was not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIdentity:
    """Size and time of a file: a change is detected without reading it."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The sha256 of a file as it was at ``checked_at`` (epoch seconds)."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    checked_at: float

    def belongs_to(self, identity: FileIdentity) -> bool:
        """Whether the file has not changed since."""
        return self.size == identity.size and self.mtime_ns == identity.mtime_ns


class StampBook:
    """Stamps in a folder, one small JSON file each, cached in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, Stamp | None] = {}

    def get(self, path: Path) -> Stamp | None:
        """The stamp of ``path``, even if the file has changed since."""
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def put(self, path: Path, identity: FileIdentity, *, sha256: str, now: float) -> None:
        """Store a stamp; if it cannot be written, it is kept in memory only."""
        stamp = Stamp(path=str(path), size=identity.size, mtime_ns=identity.mtime_ns, sha256=sha256, checked_at=now)
        self._known[path] = stamp
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_private(self._place(path), json.dumps(asdict(stamp)))
        except OSError as error:
            logger.warning("a file's check could not be noted and will be repeated: %s", error)

    def _read(self, path: Path) -> Stamp | None:
        try:
            stamp = Stamp(**json.loads(self._place(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return stamp if stamp.path == str(path) else None

    def _place(self, path: Path) -> Path:
        name = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return self._folder / f"{name}.json"


def identity_of(path: Path) -> FileIdentity | None:
    """Size and time of a regular file; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileIdentity(size=found.st_size, mtime_ns=found.st_mtime_ns)


def sha256_of(path: Path, *, stop: threading.Event) -> str:
    """Read the whole file in blocks.

    Raises OSError; HashStoppedError once ``stop`` is set."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            if stop.is_set():
                raise HashStoppedError
            digest.update(block)
    return digest.hexdigest()
