"""Model files of a person's own: what is read of them, and what is refused."""

import struct
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.fakes.clock import FakeClock
from tests.functional.gguf_writer import (
    BOOL,
    ENDLESS,
    F32,
    GREEDY,
    I32,
    STRING,
    Gguf,
    Raw,
    Tensor,
    Typed,
    llama_header,
    split_values,
    tiny_llama,
    write_gguf,
    write_parts,
)
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


WHOLE = Gguf(values=llama_header())


@pytest.mark.parametrize(
    "context", [True, False, Raw(kind=I32, data=b"\xff" * 4), "many", Typed(kind=BOOL, values=[True]), 0]
)
async def test_a_context_that_is_no_number_of_tokens_is_refused(
    store: FileModelStore, tmp_path: Path, context: object
) -> None:
    path = write_gguf(tmp_path / "toy.gguf", llama_header() | {"llama.context_length": context})
    with pytest.raises(InvalidInputError, match="does not say how much context"):
        await store.resolve(f"file:{path}")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (replace(WHOLE, data=b"\0" * 127), "it is cut off"),
        (replace(WHOLE, data=b""), "it is cut off"),
        (replace(WHOLE, tensors=[Tensor(shape=(2**40,))]), "it is cut off"),
        (replace(WHOLE, tensors=[Tensor(shape=(256,), kind=14)], data=b"\0" * 209), "it is cut off"),
        (replace(WHOLE, tensors=[Tensor(kind=99, offset=1 << 30)]), "it is cut off"),
        (replace(WHOLE, tensors=[]), "it has no weights"),
        (replace(WHOLE, tensors=[Tensor(shape=(1, 1, 1, 1, 1))]), "damaged"),
        (replace(WHOLE, values=WHOLE.values | {"general.alignment": 0}), "damaged"),
        (replace(WHOLE, values=WHOLE.values | {"general.alignment": True}), "damaged"),
    ],
)
async def test_weights_that_are_not_all_there_are_refused(
    store: FileModelStore, tmp_path: Path, file: Gguf, why: str
) -> None:
    path = file.write(tmp_path / "toy.gguf")
    with pytest.raises(InvalidInputError, match=why) as caught:
        await store.resolve(f"file:{path}")
    assert caught.value.code == "model_file_invalid"


async def test_a_type_of_weights_that_is_newer_than_this_program_is_left_to_the_engine(
    store: FileModelStore, tmp_path: Path
) -> None:
    path = replace(WHOLE, tensors=[Tensor(kind=99)]).write(tmp_path / "toy.gguf")
    assert (await store.resolve(f"file:{path}")).title == "Toy"


async def test_a_split_model_is_named_by_its_first_part_and_has_all_of_them(
    store: FileModelStore, tmp_path: Path
) -> None:
    first, second, third = write_parts(tmp_path, parts=3)
    assert (await store.resolve(f"file:{first}")).title == "Toy"
    with pytest.raises(InvalidInputError, match="it is part 2 of 3; name the first part"):
        await store.resolve(f"file:{second}")

    async def refused(name: Path, why: str) -> None:
        with pytest.raises(InvalidInputError, match=why):
            await FileModelStore(models_dir=tmp_path / "new", clock=FakeClock()).resolve(f"file:{name}")

    third.write_bytes(third.read_bytes()[:-8])
    await refused(first, "of its part 3 of 3, toy-00003-of-00003.gguf: it is cut off")
    third.unlink()
    await refused(first, "its part 3 of 3, toy-00003-of-00003.gguf, is not beside it")
    await refused(first.rename(tmp_path / "model.gguf"), "its name must end in -00001-of-00003.gguf")
    many = replace(WHOLE, values=llama_header() | split_values(0, 65535))
    await refused(many.write(tmp_path / "a-00001-of-65535.gguf"), "its name must end in")


async def test_a_file_larger_than_the_memory_is_refused_before_it_is_read(
    store: FileModelStore, tmp_path: Path
) -> None:
    path = WHOLE.write(tmp_path / "toy.gguf")
    with path.open("r+b") as file:
        file.truncate(psutil.virtual_memory().total + 1)
    with pytest.raises(InvalidInputError, match="larger than this computer's memory"):
        await store.resolve(f"file:{path}")


@pytest.mark.parametrize("template", [ENDLESS, GREEDY, "{{ 9**(9**9) }}", "{{ '%099999999d' % 1 }}", "{{ messages "])
async def test_a_chat_template_is_the_engines_alone(store: FileModelStore, tmp_path: Path, template: str) -> None:
    """Whatever it is, the file is accepted at once: nothing here could render it."""
    path = tiny_llama(template=template).write(tmp_path / "toy.gguf")
    assert (await store.resolve(f"file:{path}")).context_tokens == 512
    lock = Path(__file__).parents[2] / "requirements" / "runtime.lock"
    assert "jinja" not in lock.read_text("utf-8").lower()


async def test_what_a_file_says_of_itself_stays_in_one_short_line(store: FileModelStore, tmp_path: Path) -> None:
    named = {"general.name": "Nice\x1b]0;x\x07\r\n\u202eModel" + "x" * 3000, "general.license": "\x1b[2J"}
    path = write_gguf(tmp_path / "toy.gguf", llama_header() | named)
    chosen = await store.resolve(f"file:{path}")
    assert chosen.title == ("Nice]0;x Model" + "x" * 3000)[:100]
    assert chosen.licence == "[2J"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
async def test_a_file_whose_name_has_two_lines_is_shown_on_one(store: FileModelStore, tmp_path: Path) -> None:
    nameless = {key: value for key, value in llama_header().items() if key != "general.name"}
    path = write_gguf(tmp_path / "toy\nmachine   ready.gguf", nameless)
    assert (await store.resolve(f"file:{path}")).title == "toy machine   ready"
    with pytest.raises(InvalidInputError) as refused:
        await store.resolve(f"file:{path}x")
    assert "\n" not in refused.value.message
