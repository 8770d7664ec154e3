"""A file that is being received: written beside its final path, and moved there once it is complete and checked."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import BinaryIO

from tlfif.adapters.local.models.file_stamp import BLOCK_BYTES, FileIdentity, identity_of
from tlfif.kernel.errors import ModelError

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


class PartWrongError(Exception):
    """All bytes were received, and they are not the pinned file. The part is deleted. ``resumed``: some were from an
    earlier fetch."""

    def __init__(self, *, resumed: bool) -> None:
        super().__init__("received bytes are not the pinned file")
        self.resumed = resumed


class PartFile:
    """``NAME.part`` and ``NAME.part.json`` beside ``NAME``. Not thread-safe.

    The JSON holds the source's ETag and the pinned sha256: a part of another file is deleted.
    """

    def __init__(self, final: Path, *, size: int, sha256: str) -> None:
        self.final = final
        self.size = size
        self.sha256 = sha256
        self.path = final.with_name(final.name + ".part")
        self.received = 0
        self.etag: str | None = None
        self._notes = final.with_name(final.name + ".part.json")
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._resumed = False
        self._unread = False

    @property
    def left(self) -> int:
        """Bytes still to come."""
        return max(0, self.size - self.received)

    def open(self) -> None:
        """Resume with what is on disk; delete it if it cannot be used.

        Raises ModelError (``disk_failed``, ``disk_full``)."""
        try:
            self.final.parent.mkdir(parents=True, exist_ok=True)
            if self._take_notes() and self.path.is_file() and self.path.stat().st_size <= self.size:
                self._take_up()
            else:
                self.start_over()
        except OSError as error:
            raise disk_error(error, self.path) from error

    def start_over(self, etag: str | None = None) -> None:
        """Empty the part. Raises ModelError."""
        self.close()
        try:
            self._file = self.path.open("wb")
        except OSError as error:
            raise disk_error(error, self.path) from error
        self._digest, self.received, self._resumed, self._unread = hashlib.sha256(), 0, False, False
        self.note_etag(etag)

    def note_etag(self, etag: str | None) -> None:
        """Store which version of the source the bytes come from. Raises ModelError."""
        self.etag = etag
        try:
            self._notes.write_text(json.dumps({"etag": etag, "sha256": self.sha256}), encoding="utf-8")
        except OSError as error:
            raise disk_error(error, self.path) from error

    def append(self, data: bytes) -> None:
        """Append ``data``. Raises ModelError; what was written before stays."""
        if self._file is None:
            raise ValueError("the part is not open")
        try:
            self._catch_up()
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            self._trim()
            raise disk_error(error, self.path) from error
        self._digest.update(data)
        self.received += len(data)

    def settle(self) -> FileIdentity:
        """Check size and sha256, and move the file to its final path atomically and durably.

        Raises PartWrongError; ModelError."""
        try:
            self._catch_up()
            if self.received != self.size or self._digest.hexdigest() != self.sha256:
                resumed = self._resumed
                self.discard()
                raise PartWrongError(resumed=resumed)
            if self._file is not None:
                os.fsync(self._file.fileno())
            self.close()
            self.path.replace(self.final)
            _sync_folder(self.final.parent)
            self._notes.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, self.path) from error
        identity = identity_of(self.final)
        if identity is None:
            raise ModelError(f"The file {self.final} vanished while it was stored.", code="disk_failed")
        return identity

    def discard(self, *, final_too: bool = False) -> None:
        """Remove the part and its notes; with ``final_too`` also the file at the final path. Raises ModelError."""
        self.close()
        try:
            for path in (self.path, self._notes, *([self.final] if final_too else [])):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, self.path) from error
        self._digest, self.received, self._resumed, self._unread = hashlib.sha256(), 0, False, False
        self.etag = None

    def close(self) -> None:
        """Close the file; the part stays."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _take_notes(self) -> bool:
        try:
            notes = json.loads(self._notes.read_text(encoding="utf-8"))
            etag = notes["etag"]
            fits = notes["sha256"] == self.sha256
        except (OSError, ValueError, TypeError, KeyError):
            return False
        self.etag = etag if isinstance(etag, str) else None
        return bool(fits)

    def _take_up(self) -> None:
        self.close()
        self._digest, self.received = hashlib.sha256(), self.path.stat().st_size
        self._resumed = self._unread = self.received > 0
        self._file = self.path.open("ab")

    def _catch_up(self) -> None:
        """Hash what an earlier fetch left: once, and only when further bytes have come."""
        if not self._unread:
            return
        with self.path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK_BYTES):
                self._digest.update(block)
        self._unread = False

    def _trim(self) -> None:
        """Cut off a half-written block, so that the part and its hash agree."""
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
        except OSError:
            pass  # the buffer could not be written either; the next step removes its remains
        try:
            os.truncate(self.path, self.received)
        except OSError:
            self.path.unlink(missing_ok=True)


def part_bytes(final: Path) -> int:
    """Bytes that an interrupted fetch of ``final`` left on disk."""
    found = identity_of(final.with_name(final.name + ".part"))
    return found.size if found else 0


def disk_error(error: OSError, path: Path) -> ModelError:
    """The error for a person, with the remedy."""
    if error.errno in _FULL:
        return ModelError(
            f"The disk is full: the model could not be stored in {path.parent}. What was received is kept. "
            "Free some space and pull again.",
            code="disk_full",
        )
    return ModelError(
        f"The model could not be stored in {path.parent}: {error.strerror or error}. Check the folder's "
        "permissions, then pull again.",
        code="disk_failed",
    )


def _sync_folder(folder: Path) -> None:
    """Make the rename durable; systems without this call do that themselves."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
