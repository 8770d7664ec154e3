"""The pipeline in a server: it sweeps first, goes on after faults, and says when the server is needed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.builders import T0
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeBuilder, FakeRegistry
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.control.container import Images
from tlfif.control.images_loop import ImagesLoop
from tlfif.images.image import ImageState, Pointer, Profile, Source
from tlfif.images.image_store import Watch
from tlfif.images.source_repository import Push, SourceRepository
from tlfif.images.watch_repository import POLL_SECONDS
from tlfif.kernel.errors import ImageError, StorageError

WATCH = Watch(repository="/src", branch="main", paths=("src/",), profile=Profile.BUNDLE)
SOURCE = Source(repository="/src", commit="a" * 40, subject="", asked_by="the owner")


class FailingStore(MemoryImageStore):
    failing = False

    async def unfinished(self):
        if self.failing:
            raise StorageError("The disk is full.")
        return await super().unfinished()


@dataclass
class PushedTo(SourceRepository):
    """``commit`` is the newest; empty: it cannot be read. ``meanwhile`` happens during each look."""

    commit: str = "1" * 40
    meanwhile: Callable[[], Awaitable[None]] | None = None
    looks: list[float] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)

    async def newest(self, repository: str, *, branch: str, since: str | None, paths: tuple[str, ...]) -> Push:
        if self.meanwhile is not None:
            await self.meanwhile()
        if not self.commit:
            raise ImageError("The repository cannot be read.", code="repository_unreachable")
        return Push(commit=self.commit, subject="", relevant=True, rewritten=False)

    async def keep_only(self, repositories: Collection[str]) -> None:
        self.kept = set(repositories)


@dataclass
class World:
    clock: FakeClock = field(default_factory=lambda: FakeClock(T0))
    store: FailingStore = field(default_factory=FailingStore)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    repository: PushedTo = field(default_factory=PushedTo)

    def __post_init__(self) -> None:
        self.builder = FakeBuilder(self.registry)
        images = Images(
            store=self.store,
            registry=self.registry,
            builder=self.builder,
            repository=self.repository,
            profiles=(Profile.BUNDLE,),
        )
        self.loop = ImagesLoop(images=images, clock=self.clock)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.25)):
            self.clock.advance(0.25)
            for _ in range(20):
                await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.loop.run())
        try:
            await self.pass_time(0.5)
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.fixture
def world() -> World:
    return World()


async def test_with_nothing_to_do_the_server_is_not_needed(world: World) -> None:
    async with world.running():
        assert not world.loop.busy
        assert world.builder.swept == [set()]


async def test_an_image_that_is_asked_for_is_built_and_offered(world: World) -> None:
    async with world.running():
        image = await world.store.create(profile=Profile.BUNDLE, source=SOURCE, now=T0)
        await world.pass_time(1.5)
        assert world.loop.busy
        await world.pass_time(10)
        assert (await world.store.get(image.version)).state is ImageState.OFFERED
        assert not world.loop.busy, "nothing runs while it waits for its owner"


@pytest.mark.parametrize("commit", ["1" * 40, ""])
@pytest.mark.parametrize(
    "wanted", [None, replace(WATCH, repository="/other", looked_at=T0 + 99), replace(WATCH, approves=True)]
)
async def test_what_the_owner_changes_during_a_look_stays(world: World, wanted: Watch | None, commit: str) -> None:
    async def meanwhile() -> None:
        await world.store.set_watch(wanted)

    world.repository.meanwhile, world.repository.commit = meanwhile, commit
    await world.store.set_watch(WATCH)
    async with world.running():
        watch = await world.store.watch()
        built = len(await world.store.newest(limit=9))
    if wanted is None or wanted.repository != WATCH.repository:
        assert (watch, built) == (wanted, 0)
    else:
        assert watch is not None
        assert (watch.approves, watch.looked_at is not None, built) == (True, True, 1 if commit else 0)


@pytest.mark.requirement("7.2.1")
async def test_a_push_is_seen_within_one_interval(world: World) -> None:
    async with world.running():
        await world.store.set_watch(WATCH)
        await world.pass_time(8)
        assert len(await world.store.newest(limit=9)) == 1
        world.repository.commit = "2" * 40
        await world.pass_time(POLL_SECONDS + 1.5)
        assert [image.source.commit[0] for image in await world.store.newest(limit=9)] == ["2", "1"]


async def test_a_repository_that_cannot_be_read_is_noted_and_tried_again(world: World) -> None:
    world.repository.commit = ""
    await world.store.set_watch(WATCH)
    async with world.running():
        watch = await world.store.watch()
        assert watch is not None
        assert "cannot be read" in watch.problem
        world.repository.commit = "1" * 40
        await world.pass_time(POLL_SECONDS + 1.5)
        watch = await world.store.watch()
        assert watch is not None
        assert (watch.problem, watch.seen) == ("", "1" * 40)


async def test_a_store_that_fails_for_a_time_delays_and_ends_nothing(world: World) -> None:
    async with world.running():
        world.store.failing = True
        await world.store.create(profile=Profile.BUNDLE, source=SOURCE, now=T0)
        await world.pass_time(6)
        world.store.failing = False
        await world.pass_time(12)
        assert (await world.store.get("v1")).state is ImageState.OFFERED


async def test_the_sweep_knows_what_lasts_and_what_is_promoted(world: World) -> None:
    for number in range(3):
        image = await world.store.create(profile=Profile.BUNDLE, source=SOURCE, now=T0)
        state = (ImageState.APPROVED, ImageState.FAILED, ImageState.FAILED)[number]
        await world.store.replace(replace(image, state=state, cleaned=number < 2))
    world.registry.pointers[Profile.BUNDLE] = Pointer(profile=Profile.BUNDLE, version="v9", before=("v8",))
    async with world.running():
        assert world.builder.swept == [{"v1", "v3", "v8", "v9"}]


async def test_a_sweep_that_fails_is_repeated_and_builds_go_on_meanwhile(world: World) -> None:
    world.builder.sweepable = False
    async with world.running():
        await world.store.create(profile=Profile.BUNDLE, source=SOURCE, now=T0)
        await world.pass_time(12)
        assert (await world.store.get("v1")).state is ImageState.OFFERED
        world.builder.sweepable = True
        await world.pass_time(6)
        assert world.builder.swept == [{"v1"}]


async def test_an_image_that_cannot_be_cleaned_keeps_no_other_from_being_given_up(world: World) -> None:
    for number in range(7):
        image = await world.store.create(profile=Profile.BUNDLE, source=SOURCE, now=T0)
        state = ImageState.APPROVED if number else ImageState.FAILED
        await world.store.replace(replace(image, state=state, cleaned=bool(number)))
    world.builder.uncleanable = frozenset({"v1"})
    async with world.running():
        assert (await world.store.get("v2")).state is ImageState.RETIRED


async def test_only_what_is_followed_or_built_from_is_kept_of_repositories(world: World) -> None:
    world.repository.commit = ""
    image = await world.store.create(profile=Profile.BUNDLE, source=SOURCE, now=T0)
    await world.store.replace(replace(image, state=ImageState.OFFERED))
    await world.store.set_watch(Watch(repository="/followed", branch="main", paths=(), profile=Profile.BUNDLE))
    async with world.running():
        await world.pass_time(10)
    assert world.repository.kept == {"/followed", SOURCE.repository}
    await world.store.set_watch(None)
    async with world.running():
        await world.pass_time(60)
    assert world.repository.kept == {SOURCE.repository}
