"""Counting tokens from a GGUF file, with vocabularies small enough to count by hand."""

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.functional.gguf_writer import I32, STRING, Typed, Value, llama_header, write_gguf
from tests.functional.toy_vocabulary import SPACE, TINYLLAMA_TEMPLATE, toy_values
from tlfif.adapters.local.models.chat_template import ChatTemplate, TemplateFailedError
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.adapters.local.models.gguf_file import GgufError, read_gguf
from tlfif.adapters.local.models.gguf_tokenizer import GgufTokenizer, text_bytes
from tlfif.adapters.local.models.llama_vocabulary import UnknownVocabularyError, Vocabulary
from tlfif.jobs.jobs import Message
from tlfif.kernel.errors import InvalidInputError, ModelError

USER = (Message(role="user", content="hello world"),)


def vocabulary(tmp_path: Path, **changed: Value) -> Vocabulary:
    values, _ = toy_values(**changed)
    return Vocabulary(read_gguf(write_gguf(tmp_path / "toy.gguf", values)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 1),  # the begin token
        ("hello", 4),  # he, ll, then ▁he: ▁he ll o
        ("hello world", 5),  # and ▁world: ▁w, or, ld, orld join in that order
        ("the", 2),  # ▁the
        ("aaaa", 3),  # ▁a first, then aa and aaa: ▁a aaa
        ("  a", 3),  # with the prefix three spaces: ▁▁ and ▁a
        ("ab", 3),  # ▁a b: ▁a ranks before ab
        ("abab", 4),  # ▁a ba b
        ("\u00e9t\u00e9", 3),  # ▁ été
        ("\u4e2d\u6587", 4),  # ▁ 中 文
        ("\u65e5", 5),  # ▁ and three bytes
        ("\U0001f600", 6),  # ▁ and four bytes
        ("\n", 3),  # ▁ and one byte
        ("<s>", 2),  # the special token itself
        ("<s>the</s>", 4),  # a space is put before text that follows a special token
        ("the<|mark|>the", 4),
        ("<|mark|><|mark|>", 3),
        ("<|mark", 7),  # ▁ <| m a r k: no special token
    ],
)
def test_a_scored_vocabulary_is_counted_as_worked_out_by_hand(tmp_path: Path, text: str, tokens: int) -> None:
    assert vocabulary(tmp_path).count(text) == tokens


def test_begin_end_and_prefix_follow_the_file(tmp_path: Path) -> None:
    changed = {
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
    }
    assert vocabulary(tmp_path, **changed).count("the") == 3  # t he and the end token


def test_a_control_looking_token_counts_as_special(tmp_path: Path) -> None:
    values, _ = toy_values()
    tokens = values["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Typed)
    pieces = [*tokens.values]
    pieces[pieces.index("ld")] = "<|im_end|>"
    changed = vocabulary(tmp_path, **{"tokenizer.ggml.tokens": Typed(kind=STRING, values=pieces)})
    assert changed.count("<|im_end|>") == 2


BYTES = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTE_LETTERS = [chr(byte) for byte in BYTES] + [chr(0x100 + n) for n in range(256 - len(BYTES))]
MERGES = ["h e", "l l", "he ll", "hell o", "\u0120 w", "\u0120 \u0120", "1 2", "' s", "\u0120w o"]


def merged(tmp_path: Path, pre: str, **changed: Value) -> Vocabulary:
    tokens = [
        *(letter for letter in BYTE_LETTERS if letter != "\u00f2"),
        *(rule.replace(" ", "") for rule in MERGES),
        "<|im_start|>",
        "<|im_end|>",
    ]
    values: Mapping[str, Value] = llama_header() | {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": Typed(kind=STRING, values=tokens),
        "tokenizer.ggml.token_type": Typed(kind=I32, values=[1] * (len(tokens) - 2) + [3, 3]),
        "tokenizer.ggml.merges": Typed(kind=STRING, values=MERGES),
        "tokenizer.ggml.bos_token_id": len(tokens) - 2,
        "tokenizer.ggml.eos_token_id": len(tokens) - 1,
        **changed,
    }
    return Vocabulary(read_gguf(write_gguf(tmp_path / "merged.gguf", values)))


@pytest.mark.parametrize(
    ("text", "apart", "together"),
    [
        ("", 0, 0),
        ("hello", 1, 1),
        ("hello world", 5, 5),  # hello Ġwo r l d
        ("12", 2, 1),  # digits apart never join
        ("hello's", 2, 2),
        ("a   b", 4, 4),  # a ĠĠ Ġ b
        ("a  1", 3, 4),  # digits apart: the spaces before one stay together; else ' 1' takes one of them
        ("\u00e9", 2, 2),
        ("\u0661\u0662", 4, 4),  # digits of another script are bytes too
        ("<|im_start|>hello<|im_end|>", 3, 3),
        ("\u2003x", 4, 4),  # a wide space: three bytes
        ("\U000acb1e", 3, 3),  # four bytes, and the vocabulary has no letter for the first: it is dropped
    ],
)
def test_a_merged_vocabulary_is_counted_as_worked_out_by_hand(
    tmp_path: Path, text: str, apart: int, together: int
) -> None:
    assert merged(tmp_path, "smollm").count(text) == apart
    assert merged(tmp_path, "gpt-2").count(text) == together


@pytest.mark.parametrize("pre", ["default", "llama-bpe", ""])
def test_an_unknown_pre_tokenizer_is_said(tmp_path: Path, pre: str) -> None:
    with pytest.raises(UnknownVocabularyError, match="pre-tokenizer"):
        merged(tmp_path, pre)


@pytest.mark.parametrize("kind", ["bert", "t5", "rwkv", ""])
def test_an_unknown_kind_of_vocabulary_is_said(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnknownVocabularyError):
        vocabulary(tmp_path, **{"tokenizer.ggml.model": kind})


def rendered(source: str | None, *turns: tuple[str, str], strip_bos: bool = False) -> str:
    template = ChatTemplate(source, bos_text="<s>", eos_text="</s>")
    return template.render(
        [Message(role=role, content=text) for role, text in turns], strip_bos=strip_bos, strip_eos=False
    )


def test_tinyllamas_template() -> None:
    text = rendered(TINYLLAMA_TEMPLATE, ("system", "Be brief."), ("user", "Hi"))
    assert text == "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n"


def test_a_file_without_a_template_gets_chatml() -> None:
    assert rendered(None, ("user", "Hi")) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_a_last_message_by_the_assistant_begins_the_answer() -> None:
    assert rendered(TINYLLAMA_TEMPLATE, ("user", "Hi"), ("assistant", "Well")).endswith("<|assistant|>\nWell")


def test_a_begin_token_in_the_template_is_not_doubled() -> None:
    source = "{{ bos_token }}{{ messages[0]['content'] }}"
    assert rendered(source, ("user", "Hi")) == "<s>Hi"
    assert rendered(source, ("user", "Hi"), strip_bos=True) == "Hi"


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('no system') }}",
        "{{ messages[0].missing.deep }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__ }}",
        "{% for a in range(10**9) %}{% endfor %}",
    ],
)
def test_a_template_that_fails_is_said(source: str) -> None:
    with pytest.raises(TemplateFailedError):
        rendered(source, ("user", "Hi"))


def test_a_template_that_is_none_is_said() -> None:
    with pytest.raises(TemplateFailedError):
        ChatTemplate("{% if %}", bos_text="", eos_text="")


@pytest.fixture
def store(tmp_path: Path) -> FileModelStore:
    return FileModelStore(models_dir=tmp_path / "models", clock=FakeClock())


@pytest.fixture
def toy(tmp_path: Path) -> str:
    values, _ = toy_values()
    return f"file:{write_gguf(tmp_path / 'toy.gguf', values)}"


async def test_a_conversation_is_counted_with_its_template(store: FileModelStore, toy: str) -> None:
    tokenizer = GgufTokenizer(store)
    # <s> ▁ <| user |> \n he ll o ▁world </s> ▁ \n <| a s s i s t a n t |> \n
    assert await tokenizer.count(toy, USER) == 25
    assert await tokenizer.is_exact(toy)


async def test_over_the_limit_gives_the_count_and_within_it_none(store: FileModelStore, toy: str) -> None:
    tokenizer = GgufTokenizer(store)
    assert await tokenizer.count_if_over(toy, USER, limit=24) == 25
    assert await tokenizer.count_if_over(toy, USER, limit=25) is None


async def test_a_short_text_needs_neither_file_nor_vocabulary(store: FileModelStore) -> None:
    tokenizer = GgufTokenizer(store)  # nothing was ever pulled into this store
    assert await tokenizer.count_if_over("tinyllama", USER, limit=text_bytes(USER)) is None
    with pytest.raises(ModelError) as caught:
        await tokenizer.count_if_over("tinyllama", USER, limit=text_bytes(USER) - 1)
    assert caught.value.code == "model_absent"


async def test_a_changed_file_is_read_again(store: FileModelStore, toy: str, tmp_path: Path) -> None:
    tokenizer = GgufTokenizer(store)
    before = await tokenizer.count(toy, USER)
    values, _ = toy_values(**{"tokenizer.ggml.add_bos_token": False, "general.name": "Toy two"})
    write_gguf(tmp_path / "toy.gguf", values)
    assert await tokenizer.count(toy, USER) == before - 1


@pytest.mark.parametrize("template", [TINYLLAMA_TEMPLATE, "{% if %}", "{{ raise_exception('no') }}"])
async def test_an_unknown_vocabulary_is_bounded_by_bytes(
    store: FileModelStore, tmp_path: Path, template: str, caplog: pytest.LogCaptureFixture
) -> None:
    values, _ = toy_values(**{"tokenizer.ggml.model": "bert", "tokenizer.chat_template": template})
    name = f"file:{write_gguf(tmp_path / 'bert.gguf', values)}"
    tokenizer = GgufTokenizer(store)
    text = Message(role="user", content="\u65e5\u672c " * 50)
    assert await tokenizer.count(name, [text]) >= len(text.content.encode()) + 20
    assert not await tokenizer.is_exact(name)
    assert "upper bound" in caplog.text


def test_metadata_is_read_and_arrays_may_be_passed_over(tmp_path: Path) -> None:
    values, size = toy_values()
    path = write_gguf(tmp_path / "toy.gguf", values)
    full, quick = read_gguf(path), read_gguf(path, arrays=False)
    assert len(full.items("tokenizer.ggml.tokens")) == len(full.items("tokenizer.ggml.scores")) == size
    assert quick.items("tokenizer.ggml.tokens") == []
    assert quick.context_length == full.context_length == 2048
    assert quick.text("tokenizer.chat_template") == TINYLLAMA_TEMPLATE
    assert SPACE in full.items("tokenizer.ggml.tokens")


def test_no_cut_or_spoilt_header_is_taken_for_a_model(tmp_path: Path) -> None:
    values, _ = toy_values()
    path = write_gguf(tmp_path / "toy.gguf", values)
    whole = path.read_bytes()
    for length in [*range(4, 600, 7), len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(GgufError):
            read_gguf(path)
        with pytest.raises(GgufError):
            read_gguf(path, arrays=False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GG",
        b"\x80\x04PK",
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
        b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**60),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 40) + b"\xff" * 400,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1) * 9,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 99),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
    ],
)
async def test_a_file_that_is_no_model_is_refused(store: FileModelStore, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        await store.resolve(f"file:{path}")
    assert caught.value.code == "model_file_invalid"
    assert str(path) in caught.value.message


@pytest.mark.parametrize("name", ["file:", "file: ", "file:missing.gguf", "file:\x00", "file:/", "file:~nobody/x.gguf"])
async def test_a_path_without_a_file_is_refused(store: FileModelStore, name: str) -> None:
    for call in (store.resolve, store.checked_file, store.start_pull, store.verify):
        with pytest.raises(InvalidInputError) as caught:
            await call(name)
        assert caught.value.code == "model_file_invalid"


async def test_a_file_of_ones_own_is_named_by_its_whole_path(
    store: FileModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, _ = toy_values(**{"llama.context_length": 512})
    path = write_gguf(tmp_path / "toy.gguf", values)
    monkeypatch.chdir(tmp_path)
    chosen = await store.resolve("FILE:./x/../toy.gguf")
    assert (chosen.name, chosen.title, chosen.context_tokens) == (f"file:{path}", "Toy", 512)
    assert chosen.sha256 is None
    checked = await store.checked_file(chosen.name)
    assert (checked.path, checked.context_tokens) == (str(path), 512)
    assert (await store.resolve(chosen.name)).sha256 == checked.sha256


async def test_a_large_context_is_cut_to_the_common_limit(store: FileModelStore, tmp_path: Path) -> None:
    values, _ = toy_values(**{"llama.context_length": 131_072})
    path = write_gguf(tmp_path / "toy.gguf", values)
    assert (await store.resolve(f"file:{path}")).context_tokens == 2048
