"""Writes small GGUF files, right ones and broken ones."""

import math
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

U16, U32, I32, F32, BOOL, STRING, ARRAY, U64 = 2, 4, 5, 6, 7, 8, 9, 10
F32_TENSOR = 0
_FORMS = {U16: "<H", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q"}


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A list with GGUF's number of its elements' type. ``count``: what the file says of its length."""

    kind: int
    values: Sequence[object]
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Raw:
    """A value as it stands in the file: the number of its type, and bytes."""

    kind: int
    data: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One of the weights. ``kind``: ggml's number of its type."""

    name: str = "token_embd.weight"
    shape: Sequence[int] = (8, 4)
    kind: int = F32_TENSOR
    offset: int = 0


Value = bool | int | float | str | Typed | Raw
WEIGHTS = (Tensor(),)
WEIGHT_BYTES = 128
"""Of :data:`WEIGHTS`."""


@dataclass(frozen=True, kw_only=True)
class Gguf:
    """A file to be written. ``entries`` and ``tensor_count``: what it says of its numbers, where that is not so."""

    values: Mapping[str, Value]
    tensors: Sequence[Tensor] = WEIGHTS
    data: bytes = b"\0" * WEIGHT_BYTES
    version: int = 3
    entries: int | None = None
    tensor_count: int | None = None

    def head(self) -> bytes:
        """What stands before the weights."""
        counts = (self.tensor_count, len(self.tensors)), (self.entries, len(self.values))
        head = b"GGUF" + struct.pack("<IQQ", self.version, *(true if said is None else said for said, true in counts))
        head += b"".join(_string(key) + _value(value) for key, value in self.values.items())
        for one in self.tensors:
            head += (
                _string(one.name) + struct.pack("<I", len(one.shape)) + struct.pack(f"<{len(one.shape)}Q", *one.shape)
            )
            head += struct.pack("<IQ", one.kind, one.offset)
        return head

    def write(self, path: Path) -> Path:
        """Write it to ``path``."""
        head = self.head()
        path.write_bytes(head + b"\0" * (-len(head) % 32) + self.data)
        return path


def llama_header(*, context: Value = 2048) -> dict[str, Value]:
    """What every file says of its model."""
    return {"general.architecture": "llama", "general.name": "Toy", "llama.context_length": context}


def write_gguf(path: Path, values: Mapping[str, Value]) -> Path:
    """Write ``values``, and the smallest of weights."""
    return Gguf(values=values).write(path)


def write_parts(folder: Path, *, parts: int) -> list[Path]:
    """A model split over ``parts`` files, as llama.cpp's gguf-split names them."""
    whole = Gguf(values=llama_header())
    return [
        replace(whole, values={**(whole.values if n == 0 else {}), **split_values(n, parts)}).write(
            folder / f"toy-{n + 1:05d}-of-{parts:05d}.gguf"
        )
        for n in range(parts)
    ]


def split_values(number: int, parts: int) -> dict[str, Value]:
    """What part ``number`` (from 0 up) of ``parts`` says of itself."""
    return {
        "split.no": Raw(kind=U16, data=struct.pack("<H", number)),
        "split.count": Raw(kind=U16, data=struct.pack("<H", parts)),
    }


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    if isinstance(value, Raw):
        return struct.pack("<I", value.kind) + value.data
    if isinstance(value, Typed):
        count = len(value.values) if value.count is None else value.count
        return struct.pack("<IIQ", ARRAY, value.kind, count) + b"".join(
            _plain(value.kind, item) for item in value.values
        )
    kind = {bool: BOOL, int: U32, float: F32, str: STRING}[type(value)]
    return struct.pack("<I", kind) + _plain(kind, value)


def _plain(kind: int, value: object) -> bytes:
    if kind == STRING:
        return _string(str(value))
    return struct.pack(_FORMS[kind], value)


TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ENDLESS = "".join(f"{{% for {a} in range(99999) %}}" for a in "abc") + "{% endfor %}" * 3
GREEDY = (
    "{% set ns = namespace(a='aaaaaaaaaaaaaaaa') %}{% for i in range(40) %}{% set ns.a = ns.a + ns.a %}{% endfor %}"
)


def only_for(word: str, trap: str) -> str:
    """A template that is harmless until a message has ``word`` in it."""
    return f"{{% if '{word}' in messages[-1]['content'] %}}{trap}{{% endif %}}{TEMPLATE}"


def tiny_llama(*, template: str = TEMPLATE, width: int = 32) -> Gguf:
    """A model that llama.cpp loads in no time and that answers nonsense: one layer, all weights zero."""
    tokens = [letter_of_byte(byte) for byte in range(256)] + ["<|im_start|>", "<|im_end|>"]
    shapes = {
        "token_embd.weight": (width, len(tokens)),
        "output_norm.weight": (width,),
        "blk.0.attn_norm.weight": (width,),
        "blk.0.ffn_norm.weight": (width,),
        **{f"blk.0.{name}.weight": (width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_output")},
        **{f"blk.0.{name}.weight": (width, width) for name in ("ffn_gate", "ffn_up", "ffn_down")},
    }
    tensors, offset = [], 0
    for name, shape in shapes.items():
        tensors.append(Tensor(name=name, shape=shape, offset=offset))
        offset += 4 * math.prod(shape)
    values: dict[str, Value] = llama_header(context=512) | {
        "llama.block_count": 1,
        "llama.embedding_length": width,
        "llama.feed_forward_length": width,
        "llama.attention.head_count": 1,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": Typed(kind=STRING, values=tokens),
        "tokenizer.ggml.token_type": Typed(kind=I32, values=[1] * 256 + [3, 3]),
        "tokenizer.ggml.merges": Typed(kind=STRING, values=["a b"]),
        "tokenizer.ggml.bos_token_id": 256,
        "tokenizer.ggml.eos_token_id": 257,
        "tokenizer.chat_template": template,
    }
    return Gguf(values=values, tensors=tensors, data=b"\0" * offset)


def small_lora(*, seed: int, rank: int = 4, layers: int = 6, width: int = 576, strength: float = 0.15) -> Gguf:
    """An adapter for SmolLM2 that visibly changes its answers, and differs by ``seed``."""
    rng, tensors, data = Random(seed), list[Tensor](), bytearray()
    for layer in range(layers):
        for side, shape in (("lora_a", (width, rank)), ("lora_b", (rank, width))):
            tensors.append(Tensor(name=f"blk.{layer}.attn_output.weight.{side}", shape=shape, offset=len(data)))
            data += array("f", (rng.gauss(0, strength) for _ in range(rank * width))).tobytes()
    return Gguf(values=LORA | {"adapter.lora.alpha": float(2 * rank)}, tensors=tensors, data=bytes(data))


LORA: dict[str, Value] = {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora"}
"""What an adapter's file says of itself."""


def letter_of_byte(byte: int) -> str:
    """A byte as vocabularies of GPT-2's kind write it: itself where it can be seen, else a letter from 256 up."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in seen else chr(256 + [b for b in range(256) if b not in seen].index(byte))
