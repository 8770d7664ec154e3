"""Reads the head of a GGUF file (its metadata and the list of its weights), and whether the weights are all there.

The file may come from anybody: each count, length and depth is compared with its bound, and with the file's size,
before anything of that size is read. Nothing in it is carried out; its chat template is not even read.
"""

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
MAX_HEAD_BYTES = 64 << 20
"""The largest vocabularies in use (262,144 pieces with their merges) take about 20 MB."""
MAX_ENTRIES = 10_000
"""Files have 20 to 60."""
MAX_STRINGS = 2_000_000
"""In all lists together."""
MAX_KEY_BYTES = (1 << 16) - 1
"""The format's own bound."""
MAX_KEPT_BYTES = 4096
"""A longer string, such as a chat template, is skipped: nothing here needs it."""
MAX_KEPT = 1 << 20
"""Letters of all keys and values together that are kept; real files have a few thousand."""
MAX_TENSORS = 100_000
MAX_DIMENSIONS = 4
MAX_PARTS = 100
"""Of a model that is split over several files."""

_STRING, ARRAY = 8, 9
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _SCALARS[4], _SCALARS[10]
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74), 18: (256, 98),
    19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
    27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""Weights in a block and its bytes, by ggml's number of the type (``ggml.h``). Of an unknown type only the beginning is
compared with the file's size: the engine knows the rest."""
_DAMAGED = "its header is cut off or damaged"


class GgufError(ValueError):
    """The file is not a usable GGUF file; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHead:
    """The key-value pairs as plain Python values; None for a list or a long string, which is not read. ``tensors``: how
    many weights it lists; ``shapes``: what it says of the size of each, by its name."""

    values: dict[str, Any]
    tensors: int
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def context_length(self) -> int | None:
        """Context length that the model was trained for, in tokens; None if the file does not state it."""
        return self._count(f"{self.values.get('general.architecture')}.context_length")

    @property
    def parts(self) -> int:
        """How many files the model is split into; 1 where it is not."""
        return self._count("split.count") or 1

    @property
    def part(self) -> int:
        """Which of the parts this file is, from 1 up."""
        return (self._count("split.no") or 0) + 1

    def text(self, key: str) -> str | None:
        """The string under ``key``; None if it is missing, long, or not a string."""
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def _count(self, key: str) -> int | None:
        value = self.values.get(key)
        # A boolean is an int to Python, and no number.
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_gguf(path: Path) -> GgufHead:
    """Read the head of ``path``, and compare the weights that it lists with the file's size.

    Raises:
        GgufError: no GGUF file, an unknown version, damaged, cut off, or beyond a bound.
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
            raise GgufError("it does not begin with the letters GGUF")
        try:
            return GgufReader(file, size).head()
        except (struct.error, UnicodeDecodeError) as error:
            raise GgufError(_DAMAGED) from error


class GgufReader:
    """A cursor over the file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._end = min(size, MAX_HEAD_BYTES)
        self._at = len(MAGIC)
        self._strings_left = MAX_STRINGS

    def head(self) -> GgufHead:
        version = self._scalar(_U32)
        if version not in (2, 3):
            raise GgufError(f"its GGUF version is {version}, and only 2 and 3 are known")
        tensors, count = self._scalar(_U64), self._scalar(_U64)
        if count > MAX_ENTRIES or tensors > MAX_TENSORS:
            raise GgufError(_DAMAGED)
        values: dict[str, Any] = {}
        kept = 0
        for _ in range(count):
            key = self._text(MAX_KEY_BYTES)
            if key is None or key in values:
                raise GgufError(_DAMAGED)
            values[key] = value = self._value(self._scalar(_U32))
            kept += len(key) + (len(value) if isinstance(value, str) else 0)
            if kept > MAX_KEPT:
                raise GgufError(_DAMAGED)
        shapes = self._check_weights(tensors, values.get("general.alignment", 32))
        return GgufHead(values=values, tensors=tensors, shapes=shapes)

    def _scalar(self, form: struct.Struct) -> Any:
        (value,) = form.unpack(self._take(form.size))
        return value

    def _take(self, length: int) -> bytes:
        self._pass(length)
        return self._file.read(length)

    def _skip(self, length: int) -> None:
        self._pass(length)
        self._file.seek(length, os.SEEK_CUR)

    def _pass(self, length: int) -> None:
        self._at += length
        if self._at > self._end:
            raise GgufError(_DAMAGED)

    def _text(self, longest: int) -> str | None:
        """A string; None for one that is longer than ``longest`` bytes, which is skipped."""
        length = self._scalar(_U64)
        if length > longest:
            self._skip(length)
            return None
        return self._take(length).decode("utf-8")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._text(MAX_KEPT_BYTES)
        if kind == ARRAY:
            self._skip_array()
            return None
        if kind not in _SCALARS:
            raise GgufError("its header has a value of an unknown kind")
        return self._scalar(_SCALARS[kind])

    def _skip_array(self) -> None:
        kind, count = self._scalar(_U32), self._scalar(_U64)
        if kind in _SCALARS:
            self._skip(_SCALARS[kind].size * count)
        elif kind == _STRING and count <= self._strings_left:
            self._strings_left -= count
            self._skip_strings(count)
        else:
            raise GgufError(_DAMAGED)  # lists in lists, too: llama.cpp reads none

    def _skip_strings(self, count: int) -> None:
        # Written out, because a vocabulary has hundreds of thousands of them.
        at, end, read, seek = self._at, self._end, self._file.read, self._file.seek
        for _ in range(count):
            length = int.from_bytes(read(8), "little")
            at += 8 + length
            if at > end:
                raise GgufError(_DAMAGED)
            seek(length, os.SEEK_CUR)
        self._at = at

    def _check_weights(self, tensors: int, alignment: object) -> dict[str, tuple[int, ...]]:
        if isinstance(alignment, bool) or not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise GgufError(_DAMAGED)
        needed = 0
        shapes: dict[str, tuple[int, ...]] = {}
        for _ in range(tensors):
            name = self._text(MAX_KEY_BYTES) or ""
            dimensions = self._scalar(_U32)
            if dimensions > MAX_DIMENSIONS:
                raise GgufError(_DAMAGED)
            shapes[name] = shape = tuple(self._scalar(_U64) for _ in range(dimensions))
            weights = math.prod(shape)
            block, block_bytes = _BLOCKS.get(self._scalar(_U32), (weights or 1, 0))
            needed = max(needed, self._scalar(_U64) + weights // block * block_bytes)
        needed += -self._at % alignment + self._at
        if tensors and needed > self._size:
            raise GgufError(f"it is cut off: {self._size} bytes are there, and its weights end at byte {needed}")
        return shapes
