"""Model files of a person's own: what is read of them, and what is refused."""

import struct
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.functional.gguf_writer import F32, I32, STRING, Typed, llama_header, write_gguf
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.adapters.local.models.gguf_file import GgufError, read_gguf
from tlfif.kernel.errors import InvalidInputError


def written(folder: Path, *, context: int = 2048) -> Path:
    """A small file with a vocabulary in lists, and text behind it."""
    values = llama_header(context=context) | {
        "tokenizer.ggml.tokens": Typed(kind=STRING, values=[f"token {n}" for n in range(300)]),
        "tokenizer.ggml.scores": Typed(kind=F32, values=[0.0] * 300),
        "tokenizer.ggml.token_type": Typed(kind=I32, values=[1] * 300),
        "tokenizer.chat_template": "{{ messages }}",
    }
    return write_gguf(folder / "toy.gguf", values)


@pytest.fixture
def store(tmp_path: Path) -> FileModelStore:
    return FileModelStore(models_dir=tmp_path / "models", clock=FakeClock())


def test_metadata_is_read_and_lists_are_skipped(tmp_path: Path) -> None:
    metadata = read_gguf(written(tmp_path))
    assert metadata.context_length == 2048
    assert metadata.text("general.name") == "Toy"
    assert metadata.text("tokenizer.chat_template") == "{{ messages }}", "what stands behind the lists"
    assert metadata.text("tokenizer.ggml.tokens") is None


def test_no_cut_or_spoilt_header_is_taken_for_a_model(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for length in [*range(4, 600, 7), len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(GgufError):
            read_gguf(path)


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
    path = written(tmp_path, context=512)
    monkeypatch.chdir(tmp_path)
    chosen = await store.resolve("FILE:./x/../toy.gguf")
    assert (chosen.name, chosen.title, chosen.context_tokens) == (f"file:{path}", "Toy", 512)
    assert chosen.sha256 is None
    checked = await store.checked_file(chosen.name)
    assert (checked.path, checked.context_tokens) == (str(path), 512)
    assert (await store.resolve(chosen.name)).sha256 == checked.sha256


async def test_a_large_context_is_cut_to_the_common_limit(store: FileModelStore, tmp_path: Path) -> None:
    path = written(tmp_path, context=131_072)
    assert (await store.resolve(f"file:{path}")).context_tokens == 2048
