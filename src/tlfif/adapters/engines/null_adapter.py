"""An adapter that changes nothing, which the base alone is asked with once adapters are loaded.

llama.cpp clears what it has kept of an earlier prompt when a request names other adapters than the one before, but not
when it names none: a base's answer would go on from what somebody's adapter made of the same words
(``docs/decisions/0020-personal-models.md``).
"""

import struct
from pathlib import Path

from tlfif.adapters.local.models.adapter_folder import base_weights

_STRING, _FLOAT32 = 8, 6
_F32_TENSOR = 0
_ALIGNMENT = 32


def null_adapter(base: Path) -> bytes:
    """A GGUF file of rank 1 for the smallest of the base's matrices in a layer. Raises InvalidInputError
    ``adapter_base_wrong`` for a file that has none."""
    weights = base_weights(base, base.name)
    layered = {name: shape for name, shape in weights.shapes.items() if name.startswith("blk.")} or weights.shapes
    name, (inputs, outputs) = min(layered.items(), key=lambda each: each[1][0] * each[1][1])
    texts = {"general.architecture": weights.architecture, "general.type": "adapter", "adapter.type": "lora"}
    pairs = [_text(key) + struct.pack("<I", _STRING) + _text(value) for key, value in texts.items()]
    pairs.append(_text("adapter.lora.alpha") + struct.pack("<If", _FLOAT32, 1.0))
    down = -(-4 * inputs // _ALIGNMENT) * _ALIGNMENT
    tensors = [
        _text(f"{name}.lora_a") + struct.pack("<IQQIQ", 2, inputs, 1, _F32_TENSOR, 0),
        _text(f"{name}.lora_b") + struct.pack("<IQQIQ", 2, 1, outputs, _F32_TENSOR, down),
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs + tensors)
    return head + bytes(-len(head) % _ALIGNMENT + down + 4 * outputs)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
