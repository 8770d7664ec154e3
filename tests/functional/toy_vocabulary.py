"""A SentencePiece vocabulary small enough to work out its tokens by hand, with TinyLlama's chat template."""

from tests.functional.gguf_writer import F32, I32, STRING, Typed, Value, llama_header

SPACE = "\u2581"
TINYLLAMA_TEMPLATE = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
    "{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n"
    "{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n"
    "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)
PIECES = (
    f"{SPACE}{SPACE} {SPACE}t he in {SPACE}a {SPACE}the re er {SPACE}w ll {SPACE}h {SPACE}he ello {SPACE}hello lo el "
    f"{SPACE}{SPACE}{SPACE}{SPACE} aa aaa aaaa or ld orld {SPACE}world ab ba abab <| |> us user \u00e9t \u00e9t\u00e9 "
    f"12 23 {SPACE}1 'll 're n't"
).split(" ")
LETTERS = [SPACE, *"etaoinshrdlucmfwypvbgkjqxz<|>ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'\"-:;()\u00e9\u4e2d\u6587"]


def toy_values(**changed: Value) -> tuple[dict[str, Value], int]:
    """Metadata of the toy model and the size of its vocabulary. Pieces score by their place, letters last."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *PIECES, *LETTERS, "<|mark|>"]
    scored = len(PIECES) + len(LETTERS)
    values = llama_header() | {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": Typed(kind=STRING, values=tokens),
        "tokenizer.ggml.scores": Typed(kind=F32, values=[0.0] * 259 + [-float(n) for n in range(scored)] + [0.0]),
        "tokenizer.ggml.token_type": Typed(kind=I32, values=[2, 3, 3] + [6] * 256 + [1] * scored + [4]),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": TINYLLAMA_TEMPLATE,
    }
    return values | changed, len(tokens)
