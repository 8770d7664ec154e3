"""Reads the metadata of a GGUF file: the key-value section at its start, not the weights."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"GGUF"
_MAX_ENTRIES = 100_000
_MAX_DEPTH = 4
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


class GgufError(ValueError):
    """The file is not a usable GGUF file; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufMetadata:
    """The key-value pairs of a GGUF file as plain Python values; None for a list, which is not read."""

    values: dict[str, Any]

    @property
    def context_length(self) -> int | None:
        """Context length that the model was trained for, in tokens; None if the file does not state it."""
        value = self.values.get(f"{self.values.get('general.architecture')}.context_length")
        return value if isinstance(value, int) and value > 0 else None

    def text(self, key: str) -> str | None:
        """The string under ``key``; None if it is missing or not a string."""
        value = self.values.get(key)
        return value if isinstance(value, str) else None


def read_gguf(path: Path) -> GgufMetadata:
    """Read the metadata of ``path``. Lists (the vocabulary) are skipped: they are long and not needed.

    Raises:
        GgufError: no GGUF file, an unknown version, or cut off.
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise GgufError("it does not begin with the letters GGUF")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return GgufReader(data).metadata()
            except (struct.error, IndexError, OverflowError, UnicodeDecodeError) as error:
                raise GgufError("its header is cut off or damaged") from error


class GgufReader:
    """A cursor over the mapped file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._size = len(data)
        self._at = len(MAGIC)

    def metadata(self) -> GgufMetadata:
        version = self._scalar(_U32)
        if version not in (2, 3):
            raise GgufError(f"its GGUF version is {version}, and only 2 and 3 are known")
        self._scalar(_U64)  # number of tensors
        count = self._scalar(_U64)
        if count > _MAX_ENTRIES:
            raise GgufError("its header is damaged")
        values: dict[str, Any] = {}
        for _ in range(count):
            key = self._string()
            values[key] = self._value(self._scalar(_U32), depth=0)
        return GgufMetadata(values=values)

    def _scalar(self, form: struct.Struct) -> Any:
        (value,) = form.unpack_from(self._data, self._at)
        self._at += form.size
        return value

    def _string(self) -> str:
        length = self._scalar(_U64)
        start = self._at
        self._skip(length)
        return self._data[start : self._at].decode("utf-8")

    def _skip(self, length: int) -> None:
        if self._at + length > self._size:
            raise GgufError("its header is cut off or damaged")
        self._at += length

    def _value(self, kind: int, *, depth: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == ARRAY:
            self._skip_array(depth=depth + 1)
            return None
        if kind not in _SCALARS:
            raise GgufError("its header has a value of an unknown kind")
        return self._scalar(_SCALARS[kind])

    def _skip_array(self, *, depth: int) -> None:
        kind, count = self._scalar(_U32), self._scalar(_U64)
        if depth > _MAX_DEPTH or count > self._size:
            raise GgufError("its header is damaged")
        if kind in _SCALARS:
            self._skip(_SCALARS[kind].size * count)
        elif kind == _STRING:
            self._skip_strings(count)
        else:
            for _ in range(count):
                self._value(kind, depth=depth)

    def _skip_strings(self, count: int) -> None:
        at, unpack, data = self._at, _U64.unpack_from, self._data
        for _ in range(count):
            at += 8 + unpack(data, at)[0]
        self._skip(at - self._at)
