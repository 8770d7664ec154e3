"""The catalogue's pins and the names a person may type."""

import re

import pytest

from tlfif.models.catalogue import (
    CATALOGUE,
    MAX_CONTEXT_TOKENS,
    SMOLLM2,
    TINYLLAMA,
    HubSource,
    WheelSource,
    file_path_of,
    find_model,
    known_names,
)


@pytest.mark.requirement("5.2.1", "11.1.1")
def test_every_entry_is_pinned() -> None:
    for spec in CATALOGUE:
        assert re.fullmatch(r"[0-9a-f]{64}", spec.sha256)
        assert spec.size_bytes > 0
        assert 0 < spec.context_tokens <= MAX_CONTEXT_TOKENS
        assert spec.file_name.endswith(".gguf")
        assert "/" not in spec.file_name
        if isinstance(spec.source, HubSource):
            assert re.fullmatch(r"[0-9a-f]{40}", spec.source.revision)
            assert spec.source.path.endswith(spec.file_name)
        else:
            assert re.fullmatch(r"[0-9a-f]{64}", spec.source.wheel_sha256)
            assert spec.source.member.endswith(spec.file_name)


def test_the_default_is_tinyllama_and_the_last_needs_no_hub() -> None:
    assert CATALOGUE[0] is TINYLLAMA
    assert TINYLLAMA.title == "TinyLlama-1.1B-Chat"
    assert isinstance(CATALOGUE[-1].source, WheelSource)


@pytest.mark.requirement("11.1.1")
def test_no_name_means_two_models() -> None:
    names = [name.casefold() for spec in CATALOGUE for name in (spec.name, *spec.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("tinyllama", TINYLLAMA),
        ("TinyLlama", TINYLLAMA),
        (" TINYLLAMA-1.1B-Chat ", TINYLLAMA),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", TINYLLAMA),
        ("SmolLM2", SMOLLM2),
        ("SmolLM2-135M-Instruct", SMOLLM2),
    ],
)
def test_names_and_aliases_in_any_case(name: str, spec: object) -> None:
    assert find_model(name) is spec


@pytest.mark.parametrize("name", ["", " ", "tiny", "tinyllama2", "file:x.gguf", "tinyllama.gguf"])
def test_anything_else_is_unknown(name: str) -> None:
    assert find_model(name) is None


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("file:a.gguf", "a.gguf"),
        ("FILE:/x/B.gguf", "/x/B.gguf"),
        ("file:", ""),
        ("file:C:\\m\\a.gguf", "C:\\m\\a.gguf"),
        ("tinyllama", None),
        ("a.gguf", None),
        ("profile:a.gguf", None),
        ("", None),
    ],
)
def test_the_path_of_a_file_name(name: str, path: str | None) -> None:
    assert file_path_of(name) == path


def test_known_names_are_what_a_person_may_type() -> None:
    assert known_names() == "tinyllama, smollm2 or file:PATH.gguf"
