"""Headers that lie: whatever a file says of itself, it costs little to find out, and the answer is one clear error."""

import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functional.gguf_writer import ARRAY, STRING, U64, Gguf, Raw, Tensor, Typed, llama_header
from tlfif.adapters.local.models.gguf_file import MAX_HEAD_BYTES, MAX_STRINGS, GgufError, GgufHead, read_gguf
from tlfif.adapters.local.models.own_model_file import open_own_file
from tlfif.kernel.errors import InvalidInputError

pytestmark = pytest.mark.timeout(120)

MOST_BYTES = 8 << 20
HUGE = [2**31 - 1, 2**32, 3_200_000_000, 2**62, 2**63, 2**64 - 1]
WHOLE = Gguf(
    values=llama_header()
    | {"tokenizer.ggml.tokens": Typed(kind=STRING, values=["a", "b"]), "tokenizer.chat_template": "{{ messages }}"}
)


@contextmanager
def little_memory() -> Iterator[None]:
    """What is read at once stays small."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def refused(path: Path) -> str:
    """The reason for which ``path`` is refused."""
    with little_memory(), pytest.raises(GgufError) as caught:
        read_gguf(path)
    return str(caught.value)


def grown(path: Path, size: int = 8 << 30) -> Path:
    """As large as ``size`` bytes to whoever asks, and empty on the disk."""
    with path.open("r+b") as file:
        file.truncate(size)
    return path


def lists_in_lists(depth: int, fill: int = 1) -> Raw:
    """``depth`` lists, each the only element of the one around it."""
    return Raw(kind=ARRAY, data=struct.pack("<IQ", ARRAY, fill) * depth + struct.pack("<IQ", U64, 0))


LIES: dict[str, Callable[[int], Gguf]] = {
    "entries": lambda n: replace(WHOLE, entries=n),
    "tensors": lambda n: replace(WHOLE, tensor_count=n),
    "text": lambda n: replace(WHOLE, values=llama_header() | {"k": Raw(kind=STRING, data=struct.pack("<Q", n))}),
    "list": lambda n: replace(WHOLE, values=llama_header() | {"k": Typed(kind=STRING, values=[], count=n)}),
    "numbers": lambda n: replace(WHOLE, values=llama_header() | {"k": Typed(kind=U64, values=[], count=n)}),
    "lists in a list": lambda n: replace(WHOLE, values=llama_header() | {"k": lists_in_lists(1, n)}),
    "weights": lambda n: replace(WHOLE, tensors=[Tensor(shape=(n, n, n, n))]),
    "offset": lambda n: replace(WHOLE, tensors=[Tensor(offset=n)]),
}


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("lie", LIES)
def test_a_number_larger_than_anything_is_never_taken_at_its_word(tmp_path: Path, lie: str, number: int) -> None:
    path = LIES[lie](number).write(tmp_path / "lie.gguf")
    refused(path)
    if lie not in {"weights", "offset"} or number > 8 << 30:
        refused(grown(path))


@pytest.mark.parametrize("number", HUGE)
def test_a_name_longer_than_anything_is_never_taken_at_its_word(tmp_path: Path, number: int) -> None:
    path = tmp_path / "name.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, number))
    refused(grown(path))


@pytest.mark.parametrize("depth", [1, 5, 100_000])
def test_lists_in_lists_are_refused_however_deep(tmp_path: Path, depth: int) -> None:
    path = replace(WHOLE, values=llama_header() | {"k": lists_in_lists(depth)}).write(tmp_path / "deep.gguf")
    assert "damaged" in refused(path)


def test_a_hole_in_place_of_a_vocabulary_ends_at_the_bound(tmp_path: Path) -> None:
    """Every eight zeros are an empty text, so this is the longest that a list can take."""
    for count, bound in ((MAX_STRINGS, False), (MAX_STRINGS + 1, True)):
        hole = Typed(kind=STRING, values=[], count=count)
        path = replace(WHOLE, values=llama_header() | {"k": hole}, tensors=[]).write(tmp_path / "hole.gguf")
        assert (read_or_refused(grown(path)) is None) is bound
    path = replace(WHOLE, values={"k": Raw(kind=STRING, data=struct.pack("<Q", MAX_HEAD_BYTES))}).write(path)
    refused(grown(path))


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """llama.cpp refuses it; and which of the two would hold?"""
    entry = Gguf(values={"llama.context_length": 9}, tensors=[]).head()[24:]
    head = WHOLE.head()
    spoilt = head[:16] + struct.pack("<Q", len(WHOLE.values) + 1) + entry + head[24:]
    path = tmp_path / "twice.gguf"
    path.write_bytes(spoilt)
    assert "damaged" in refused(path)


def test_a_long_text_is_passed_over(tmp_path: Path) -> None:
    values = {"tokenizer.chat_template": "x" * 20_000_000, **llama_header()}
    path = replace(WHOLE, values=values).write(tmp_path / "long.gguf")
    with little_memory():
        head = read_gguf(path)
    assert (head.context_length, head.text("tokenizer.chat_template")) == (2048, None)


def test_many_texts_are_not_kept(tmp_path: Path) -> None:
    for number, bound in ((100, False), (1000, True)):
        values = {f"k{entry}": "x" * 4000 for entry in range(number)} | llama_header()
        path = replace(WHOLE, values=values).write(tmp_path / "texts.gguf")
        assert (read_or_refused(path) is None) is bound


def read_or_refused(path: Path) -> GgufHead | None:
    """The head, or None where the file is refused with a sentence. Anything else that is raised fails the test."""
    try:
        return read_gguf(path)
    except GgufError:
        return None


QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(data=st.data())
def test_any_bytes_changed_in_a_whole_file(tmp_path: Path, data: st.DataObject) -> None:
    spoilt = bytearray(WHOLE.write(tmp_path / "a.gguf").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(spoilt) - 1))
        put = data.draw(st.one_of(st.binary(min_size=1, max_size=12), st.sampled_from([b"\xff" * 8, b"\0" * 8])))
        spoilt[at : at + len(put)] = put
    path = tmp_path / "spoilt.gguf"
    path.write_bytes(bytes(spoilt))
    with little_memory():
        read_or_refused(path)
        try:
            found = open_own_file(f"file:{path}", None)
        except InvalidInputError:
            return
        assert 0 < found.context_tokens <= 2048
        assert found.title.isprintable()


@QUICK
@given(values=st.dictionaries(st.text(max_size=20), st.one_of(
    st.booleans(), st.integers(0, 2**32 - 1), st.text(max_size=40), st.floats(width=32),
    st.builds(Raw, kind=st.integers(0, 20), data=st.binary(max_size=64)),
    st.builds(lambda count: Typed(kind=STRING, values=[], count=count), st.integers(0, 2**64 - 1)),
), max_size=6), tail=st.binary(max_size=64))  # fmt: skip
def test_any_entries(tmp_path: Path, values: dict[str, object], tail: bytes) -> None:
    path = replace(WHOLE, values=values | llama_header(), data=tail).write(tmp_path / "any.gguf")
    with little_memory():
        read_or_refused(path)


@pytest.mark.parametrize("seed", range(20))
def test_noise_behind_the_magic(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "noise.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", 3) + random.Random(seed).randbytes(4096))
    refused(path)
