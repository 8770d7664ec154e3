"""Writes small GGUF files: metadata without weights."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A list with GGUF's number of its elements' type."""

    kind: int
    values: Sequence[object]


Value = bool | int | float | str | Typed


def llama_header(*, context: int = 2048) -> dict[str, Value]:
    """What every file says of its model."""
    return {"general.architecture": "llama", "general.name": "Toy", "llama.context_length": context}


def write_gguf(path: Path, values: Mapping[str, Value]) -> Path:
    """Write ``values``, and no weights."""
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)))
    for key, value in values.items():
        head += _string(key) + _value(value)
    path.write_bytes(bytes(head))
    return path


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    if isinstance(value, Typed):
        return struct.pack("<IIQ", ARRAY, value.kind, len(value.values)) + b"".join(
            _plain(value.kind, item) for item in value.values
        )
    kind = {bool: BOOL, int: U32, float: F32, str: STRING}[type(value)]
    return struct.pack("<I", kind) + _plain(kind, value)


def _plain(kind: int, value: object) -> bytes:
    if kind == STRING:
        return _string(str(value))
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)
