"""The images' function: how long one call goes on, and when the router calls it at all."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.builders import T0
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeBuilder, FakeRegistry
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.adapters.aws.images.image_calls import ImageCalls
from tlfif.control.scheduled_images import MARGIN_SECONDS, ScheduledImages
from tlfif.images.image import Image, ImageState, Profile, Source
from tlfif.images.image_store import Watch
from tlfif.images.pipeline import APPROVAL_SECONDS
from tlfif.images.run_pipeline import Pipeline
from tlfif.kernel.errors import StorageError

SOURCE = Source(repository="owner/name", commit="a" * 40, subject="", asked_by="a push")
FUNCTION_SECONDS = 55.0


@dataclass
class LambdaClient:
    """Stands for Lambda's client; counts."""

    calls: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, **asked: Any) -> None:
        self.calls.append(asked)


@dataclass
class World:
    """The function and the router's half of it, over fakes."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(T0, auto_advance=True))
    store: MemoryImageStore = field(default_factory=MemoryImageStore)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    client: LambdaClient = field(default_factory=LambdaClient)

    def __post_init__(self) -> None:
        self.builder = FakeBuilder(self.registry)

    async def ask(self) -> Image:
        return await self.store.create(profile=Profile.CPU_LLAMA, source=SOURCE, now=self.clock.now())

    async def called(self) -> float:
        """One call of the function; how long it took."""
        began = self.clock.monotonic()
        pipeline = Pipeline(store=self.store, registry=self.registry, builder=self.builder, clock=self.clock)
        await ScheduledImages(pipeline=pipeline).run(
            seconds_left=lambda: began + FUNCTION_SECONDS - self.clock.monotonic()
        )
        return self.clock.monotonic() - began

    async def wakes(self) -> bool:
        calls = ImageCalls(self.client, "tlfif-images", store=self.store, clock=self.clock)  # type: ignore[arg-type]  # it has the one method that is called
        return await calls.wake()

    async def minutes(self, most: int = 30) -> int:
        """The router's minutes until it calls no more."""
        for minute in range(most):
            if not await self.wakes():
                return minute
            self.clock.advance(60 - await self.called())
        raise AssertionError("it goes on for ever")


@pytest.fixture
def world() -> World:
    return World()


class SlowSweep(FakeBuilder):
    """What is ended takes its time to be gone."""

    left = 3

    async def sweep(self, known: Collection[str]) -> bool:
        self.left -= 1
        return self.left == 0


async def test_what_is_swept_is_looked_after_until_it_is_gone(world: World) -> None:
    world.builder = builder = SlowSweep(world.registry)
    await world.called()
    assert builder.left == 0


async def test_nothing_is_called_while_there_is_no_image(world: World) -> None:
    assert not await world.wakes()
    assert world.client.calls == []


async def test_an_image_is_carried_on_until_it_is_offered_and_then_nothing_is_called(world: World) -> None:
    await world.ask()
    assert await world.minutes() <= 3
    assert (await world.store.get("v1")).state is ImageState.OFFERED
    assert world.client.calls[0]["InvocationType"] == "Event", "the router does not wait for it"
    called = len(world.client.calls)
    assert not await world.wakes(), "for as long as the owner thinks"
    world.clock.advance(APPROVAL_SECONDS + 60)
    await world.minutes()
    assert (await world.store.get("v1")).state is ImageState.REJECTED
    assert len(world.client.calls) > called
    assert world.registry.artifacts == {}


async def test_a_call_ends_before_lambda_ends_it(world: World) -> None:
    world.builder.hangs = True
    await world.ask()
    took = await world.called()
    assert FUNCTION_SECONDS - MARGIN_SECONDS - 10 < took <= FUNCTION_SECONDS - MARGIN_SECONDS


@pytest.mark.parametrize("fault", [StorageError("The table does not answer."), RuntimeError("a bug")])
async def test_a_fault_ends_the_call_and_the_next_minute_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def fails() -> list[Image]:
        raise fault

    await world.ask()
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "unfinished", fails)
        assert await world.called() == 0
    await world.minutes()
    assert (await world.store.get("v1")).state is ImageState.OFFERED


async def test_images_that_nothing_needs_go_when_a_new_one_is_there(world: World) -> None:
    for _ in range(7):
        await world.ask()
        await world.minutes()
        newest = (await world.store.newest(limit=1))[0]
        await world.store.replace(replace(newest, state=ImageState.APPROVED))
        await world.called()
    states = [image.state for image in reversed(await world.store.newest(limit=9))]
    assert states == [ImageState.RETIRED] * 2 + [ImageState.APPROVED] * 5
    assert set(world.registry.artifacts) == {f"image-v{number}" for number in range(3, 8)}


async def test_one_that_cannot_be_cleaned_keeps_no_other_from_being_given_up_and_swept(world: World) -> None:
    for number in range(7):
        image = await world.ask()
        state = ImageState.APPROVED if number else ImageState.FAILED
        await world.store.replace(replace(image, state=state, cleaned=bool(number)))
    world.builder.uncleanable = frozenset({"v1"})
    await world.called()
    assert (await world.store.get("v2")).state is ImageState.RETIRED
    assert world.builder.swept


async def test_an_owner_who_wants_no_question_is_not_waited_for(world: World) -> None:
    watch = Watch(repository="r", branch="main", paths=(), profile=Profile.CPU_LLAMA, approves=True)
    await world.store.set_watch(watch)
    await world.ask()
    await world.minutes()
    assert (await world.registry.pointer(Profile.CPU_LLAMA)).version == "v1"
