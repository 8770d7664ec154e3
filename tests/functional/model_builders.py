"""What the tests of the model store share: two small models, a store over a loopback hub, and waiting for its end."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.functional.fake_hub import FakeHub
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.kernel.errors import ModelError
from tlfif.models.catalogue import HubSource, ModelSpec, WheelSource
from tlfif.models.model_store import ModelInfo, ModelState

BLOCK = 64 << 10
BODY = random.Random(7).randbytes(3 * 16 * BLOCK + 12_345)
WRONG = BODY[:-1] + bytes([BODY[-1] ^ 1])
SPEC = ModelSpec(
    name="tiny",
    title="Tiny-Chat",
    aliases=("tiny-chat",),
    licence="MIT",
    context_tokens=2048,
    file_name="tiny.gguf",
    size_bytes=len(BODY),
    sha256=hashlib.sha256(BODY).hexdigest(),
    source=HubSource(repo="someone/tiny", revision="a" * 40, path="tiny.gguf"),
)
SMALL_BODY = BODY[: 2 * BLOCK]
SMALL = ModelSpec(
    name="small",
    title="Small-Chat",
    aliases=(),
    licence="MIT",
    context_tokens=2048,
    file_name="small.gguf",
    size_bytes=len(SMALL_BODY),
    sha256=hashlib.sha256(SMALL_BODY).hexdigest(),
    source=WheelSource(
        distribution="tlfif-no-such-wheel", version="1.0", member="pack/small.gguf", wheel_sha256="b" * 64
    ),
)

Make = Callable[..., FileModelStore]


@asynccontextmanager
async def model_stores(models_dir: Path, hub: FakeHub, clock: FakeClock) -> AsyncIterator[Make]:
    """Makes stores over one folder; all are closed at the end."""
    stores: list[FileModelStore] = []

    def build(**changed: object) -> FileModelStore:
        arguments: dict[str, object] = {
            "models_dir": models_dir,
            "clock": clock,
            "hub_url": hub.url,
            "catalogue": (SPEC, SMALL),
            "answer_seconds": 2.0,
            "stall_seconds": 0.2,
            "free": lambda folder: 10**12,
            "block_bytes": BLOCK,
            **changed,
        }
        stores.append(FileModelStore(**arguments))
        return stores[-1]

    yield build
    for store in stores:
        await store.close()


async def info(store: FileModelStore, name: str = "tiny") -> ModelInfo:
    """What the list says of one model."""
    return next(model for model in await store.list_models() if model.name == name)


async def pulled(store: FileModelStore, name: str = "tiny", *, force: bool = False) -> ModelInfo:
    """Pull and wait for the end."""
    await store.start_pull(name, force=force)
    async with asyncio.timeout(20):
        while (now := await info(store, name)).state is ModelState.PULLING:  # noqa: ASYNC110 - only the list tells
            await asyncio.sleep(0.005)
    return now


async def reached(store: FileModelStore, received: int) -> None:
    """Wait until the fetch has so many bytes."""
    async with asyncio.timeout(20):
        while (await info(store)).received_bytes < received:  # noqa: ASYNC110 - only the list tells
            await asyncio.sleep(0.005)


async def refused(call: Awaitable[object]) -> ModelError:
    """The ModelError that ``call`` must raise."""
    with pytest.raises(ModelError) as caught:
        await call
    return caught.value
