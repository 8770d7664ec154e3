"""Whether the last write to a SQLite file was cut off, as its write-ahead log tells.

Format and checksum: https://sqlite.org/fileformat2.html#walformat. SQLite itself passes over what was cut off and says
nothing.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""In which order the words are read that the checksums are made of."""


class TornWrite(NamedTuple):
    """Bytes of the log: up to ``kept`` it is whole, from there to ``size`` is what was cut off."""

    kept: int
    size: int


def wal_file(path: Path) -> Path:
    """The log beside the database at ``path``."""
    return path.with_name(path.name + "-wal")


def torn_write(path: Path) -> TornWrite | None:
    """What was cut off of the last write to the database at ``path``; None where all that was begun was ended.

    Reads frame by frame. A log that is absent or cannot be read has nothing to tell.
    """
    try:
        with wal_file(path).open("rb") as log:
            return _inspect(log)
    except OSError:
        return None


def _inspect(log: BinaryIO) -> TornWrite | None:
    size = log.seek(0, 2)
    log.seek(0)
    header = log.read(HEADER_BYTES)
    if not header:
        return None
    order = _MAGIC.get(int.from_bytes(header[:4]))
    if order is None or len(header) < HEADER_BYTES:
        return TornWrite(0, size)
    page_size, salts = int.from_bytes(header[8:12]), header[16:24]
    sums = _add_up(header[:24], (0, 0), order)
    if sums != struct.unpack(">II", header[24:32]):
        return TornWrite(0, size)
    kept = whole = HEADER_BYTES
    for at, frame in _frames(log, FRAME_HEADER_BYTES + page_size):
        # Frames with other salts are left from before the log was begun anew.
        if frame[8:16] != salts[: max(0, len(frame) - 8)]:
            break
        if len(frame) == FRAME_HEADER_BYTES + page_size:
            sums = _add_up(frame[FRAME_HEADER_BYTES:], _add_up(frame[:8], sums, order), order)
        if len(frame) < FRAME_HEADER_BYTES + page_size or sums != struct.unpack(">II", frame[16:24]):
            return TornWrite(kept, size)
        whole = at + len(frame)
        if int.from_bytes(frame[4:8]):  # the last frame of a transaction says how large the database is
            kept = whole
    return TornWrite(kept, size) if kept < whole else None


def _frames(log: BinaryIO, length: int) -> Iterator[tuple[int, bytes]]:
    at = HEADER_BYTES
    while frame := log.read(length):
        yield at, frame
        at += len(frame)


def _add_up(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """SQLite's checksum over whole pairs of 32-bit words, going on from ``sums``."""
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for even, odd in zip(words, words, strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
