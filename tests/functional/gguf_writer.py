"""Writes small GGUF files: a vocabulary, and where the engine is to load them, a tiny network of zeros."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
WIDTH = 32
ALIGN = 32


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A list with GGUF's number of its elements' type."""

    kind: int
    values: Sequence[object]


Value = bool | int | float | str | Typed


def llama_header(*, context: int = 2048) -> dict[str, Value]:
    """What llama.cpp wants to know of the smallest Llama it will load."""
    return {
        "general.architecture": "llama",
        "general.name": "Toy",
        "llama.context_length": context,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": WIDTH,
        "llama.attention.head_count": 2,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // 2,
    }


def write_gguf(path: Path, values: Mapping[str, Value], *, vocabulary: int = 0) -> Path:
    """Write ``values``; with ``vocabulary`` (its size) also the weights, all zero."""
    shapes = _shapes(vocabulary) if vocabulary else {}
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(values)))
    for key, value in values.items():
        head += _string(key) + _value(value)
    offset = 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += -(-size // ALIGN) * ALIGN
    if shapes:
        head += bytes(-len(head) % ALIGN)
    path.write_bytes(bytes(head) + bytes(offset))
    return path


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    square = (WIDTH, WIDTH)
    return {
        "token_embd.weight": (WIDTH, vocabulary),
        "output_norm.weight": (WIDTH,),
        **{f"blk.0.{part}.weight": (WIDTH,) for part in ("attn_norm", "ffn_norm")},
        **{f"blk.0.attn_{part}.weight": square for part in ("q", "k", "v", "output")},
        **{f"blk.0.ffn_{part}.weight": square for part in ("gate", "up", "down")},
    }


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
