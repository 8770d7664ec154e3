"""The pipeline: each stage, each way in which it ends, and a kill at any point."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.builders import T0
from tests.fakes.clock import FakeClock
from tests.fakes.images import GOOD, FakeBuilder, FakeRegistry
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.images.decide_on_image import (
    approve_image,
    first_start_failed,
    first_start_was_good,
    promote_image,
    reject_image,
    retire_image,
    roll_back,
)
from tlfif.images.effort import expected_seconds
from tlfif.images.image import STAGES, Artifact, Failure, Image, ImageState, Pointer, Profile, Source, Stage
from tlfif.images.image_store import Watch
from tlfif.images.pipeline import APPROVAL_SECONDS
from tlfif.images.run_pipeline import Pipeline
from tlfif.images.smoke_report import SmokeReport
from tlfif.kernel.errors import ConflictError, ImageError

SOURCE = Source(repository="/src", commit="a" * 40, subject="A change", asked_by="a push")
WORK = STAGES[:-1]


@dataclass(slots=True)
class World:
    """A pipeline over fakes."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(T0))
    store: MemoryImageStore = field(default_factory=MemoryImageStore)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    builder: FakeBuilder = field(init=False)

    def __post_init__(self) -> None:
        self.builder = FakeBuilder(self.registry)

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(store=self.store, registry=self.registry, builder=self.builder, clock=self.clock)

    async def ask(self) -> Image:
        return await self.store.create(profile=Profile.BUNDLE, source=SOURCE, now=self.clock.now())

    async def run(self, ticks: int = 30) -> Image:
        """Tick until nothing is under way; the newest image."""
        for _ in range(ticks):
            if not await self.pipeline.tick():
                break
        return (await self.store.newest(limit=1))[0]

    async def offered(self) -> Image:
        await self.ask()
        image = await self.run()
        assert image.state is ImageState.OFFERED
        return image

    async def promoted(self) -> Image:
        image = await self.offered()
        await approve_image(image.version, by="owner", store=self.store, clock=self.clock)
        await self.promote(image)
        return image

    async def promote(self, image: Image) -> None:
        await promote_image(image.version, by="owner", store=self.store, registry=self.registry, clock=self.clock)

    async def current(self) -> str | None:
        return (await self.registry.pointer(Profile.BUNDLE)).version


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.requirement("7.1.1")
async def test_a_good_commit_passes_each_stage_and_is_offered(world: World) -> None:
    image = await world.offered()
    assert world.builder.begun == [("v1", stage) for stage in WORK]
    assert set(image.stage_seconds) == {stage.value for stage in WORK}
    assert (image.digest, image.artifact and image.artifact.ref, image.report) == ("d" * 64, "image-v1", GOOD)
    assert world.builder.running == {}, "the candidate's machine is gone"
    assert await world.current() is None, "nothing is promoted unasked"


@pytest.mark.parametrize("stage", WORK)
async def test_a_stage_that_fails_leaves_nothing_but_the_reason(world: World, stage: Stage) -> None:
    world.builder.failures = {stage: Failure(stage=stage, code="image_build_failed", message="because")}
    await world.ask()
    image = await world.run()
    assert (image.state, image.failure and image.failure.stage, image.cleaned) == (ImageState.FAILED, stage, True)
    assert world.registry.artifacts == {}
    assert world.builder.running == {}
    assert any("because" in line.text for line in await world.store.log_lines("v1", after=0, limit=99))


@pytest.mark.requirement("7.1.2")
@pytest.mark.parametrize("stage", WORK)
async def test_a_stage_that_hangs_ends_at_its_limit(world: World, stage: Stage) -> None:
    await world.ask()
    while (await world.store.get("v1")).stage is not stage:
        await world.pipeline.tick()
    world.builder.hangs = True
    await world.pipeline.tick()
    world.clock.advance(101)
    image = await world.run()
    assert image.failure is not None
    assert image.failure.code == "image_stage_timeout"
    assert world.builder.running == {}


async def test_a_build_that_is_refused_says_why(world: World) -> None:
    world.builder.refuses = "The budget has no headroom: $0.20 of 0.05."
    await world.ask()
    image = await world.run()
    assert image.failure == Failure(stage=Stage.SOURCE, code="image_build_refused", message=world.builder.refuses)


@pytest.mark.requirement("7.2.3")
@pytest.mark.parametrize(
    ("report", "why"),
    [
        (SmokeReport(), "no golden prompt"),
        (replace(GOOD, prompts=[replace(one, passed=False) for one in GOOD.prompts]), "Only 0 of 10"),
        (replace(GOOD, idle_end=False), "did not end by itself"),
        (replace(GOOD, error="The engine never loaded."), "never loaded"),
    ],
)
async def test_a_candidate_that_is_not_good_enough_is_not_offered(world: World, report: SmokeReport, why: str) -> None:
    world.builder.report = report
    await world.ask()
    image = await world.run()
    assert image.state is ImageState.FAILED
    assert image.failure is not None
    assert why in image.failure.message


@pytest.mark.requirement("7.2.3")
async def test_a_candidate_slower_than_the_promoted_image_is_not_offered(world: World) -> None:
    await world.promoted()
    world.builder.report = replace(GOOD, tokens_per_second=74.0)
    await world.ask()
    slow = await world.run()
    assert slow.failure is not None
    assert "74 tokens a second" in slow.failure.message
    world.builder.report = replace(GOOD, tokens_per_second=76.0)
    assert (await world.offered()).version == "v3"
    world.builder.report = replace(GOOD, tokens_per_second=30.0, others_share=0.4)
    assert (await world.offered()).version == "v4", "it was not the image that made it slow"


def test_a_build_takes_as_long_as_the_longest_of_the_last_three_here() -> None:
    def took(seconds: float, stage: Stage = Stage.SMOKE_TEST) -> Image:
        return Image(number=1, profile=Profile.BUNDLE, source=SOURCE, created_at=T0, stage_seconds={stage: seconds})

    assert expected_seconds([], Profile.BUNDLE, usual=45.0) == 45.0
    failed = took(2.0, Stage.BUILD)
    assert expected_seconds([failed], Profile.BUNDLE, usual=45.0) == 45.0
    tested = [failed, took(20.0), took(31.0), took(22.0), took(90.0)]
    assert expected_seconds(tested, Profile.BUNDLE, usual=45.0) == 31.0
    assert expected_seconds(tested, Profile.CPU_LLAMA, usual=45.0) == 45.0


async def test_one_image_is_worked_on_at_a_time(world: World) -> None:
    world.builder.polls = 3
    await world.ask()
    await world.pipeline.tick()
    await world.ask()
    await world.pipeline.tick()
    assert set(world.builder.running) == {"v1"}
    assert (await world.run(99)).state is ImageState.OFFERED
    assert (await world.store.get("v1")).state is ImageState.OFFERED


@pytest.mark.requirement("7.2.4")
async def test_an_offer_that_nobody_answers_lapses_and_is_deleted(world: World) -> None:
    await world.offered()
    world.clock.advance(APPROVAL_SECONDS + 1)
    image = await world.run()
    assert (image.state, image.decided_by, image.cleaned) == (ImageState.REJECTED, "nobody, in time", True)
    assert world.registry.artifacts == {}


async def test_a_rejected_image_is_deleted(world: World) -> None:
    image = await world.offered()
    await reject_image(image.version, by="owner", store=world.store, clock=world.clock)
    await world.run()
    assert world.registry.artifacts == {}
    with pytest.raises(ConflictError, match="rejected"):
        await world.promote(image)


async def test_only_an_approved_image_is_promoted(world: World) -> None:
    image = await world.offered()
    with pytest.raises(ConflictError) as refused:
        await world.promote(image)
    assert (refused.value.code, await world.current()) == ("image_not_approved", None)


async def test_where_the_owner_says_so_a_good_image_is_promoted_by_itself(world: World) -> None:
    watch = Watch(repository="/src", branch="main", paths=("src/",), profile=Profile.BUNDLE, approves=True)
    await world.store.set_watch(watch)
    await world.ask()
    assert (await world.run()).decided_by == "the pipeline"
    assert await world.current() == "v1"


async def test_rolling_back_goes_to_the_image_before_and_once_more_to_none(world: World) -> None:
    await world.promoted()
    await world.promoted()
    again = {"store": world.store, "registry": world.registry, "clock": world.clock}
    await roll_back(Profile.BUNDLE, why="by hand", **again)
    assert await world.current() == "v1"
    with pytest.raises(ConflictError) as refused:
        await roll_back(Profile.BUNDLE, why="by hand", **again)
    assert refused.value.code == "rollback_impossible"
    assert await world.current() == "v1"


@pytest.mark.requirement("7.2.7")
async def test_the_first_start_that_fails_rolls_back_by_itself_and_says_so(world: World) -> None:
    await world.promoted()
    await world.promoted()
    again = {"store": world.store, "registry": world.registry, "clock": world.clock}
    assert await first_start_failed(Profile.BUNDLE, "v1", "no", **again) is None, "v1 is not in use"
    pointer = await first_start_failed(Profile.BUNDLE, "v2", "the engine died", **again)
    assert pointer is not None
    assert (pointer.version, "the engine died" in pointer.note) == ("v1", True)


@pytest.mark.requirement("7.2.7")
async def test_a_start_that_fails_after_a_good_one_changes_nothing(world: World) -> None:
    await world.promoted()
    await world.promoted()
    await first_start_was_good(Profile.BUNDLE, "v2", registry=world.registry)
    failed = await first_start_failed(
        Profile.BUNDLE, "v2", "no", store=world.store, registry=world.registry, clock=world.clock
    )
    assert (failed, await world.current()) == (None, "v2")


@pytest.mark.requirement("7.3.1")
async def test_what_is_in_use_is_not_retired(world: World) -> None:
    first = await world.promoted()
    await world.promoted()
    world.registry.needed = {"image-v1"}
    for version in ("v1", "v2"):
        with pytest.raises(ConflictError) as refused:
            await retire_image(version, store=world.store, registry=world.registry, clock=world.clock)
        assert refused.value.code == "image_in_use"
    world.registry.needed = set()
    await retire_image(first.version, store=world.store, registry=world.registry, clock=world.clock)
    await world.run()
    assert set(world.registry.artifacts) == {"image-v2"}


@pytest.mark.requirement("7.3.1")
async def test_the_newest_five_and_what_is_needed_are_kept(world: World) -> None:
    for _ in range(9):
        await world.promoted()
    world.registry.needed = {"image-v2"}
    gone = await world.pipeline.retire_old()
    await world.run()
    assert {one.version for one in gone} == {"v1", "v3", "v4"}
    assert set(world.registry.artifacts) == {f"image-v{n}" for n in (2, 5, 6, 7, 8, 9)}


async def test_an_altered_pointer_keeps_its_own_images_and_no_other_profile_from_retiring(world: World) -> None:
    for _ in range(7):
        await world.promoted()
    world.registry.pointers[Profile.GPU_VLLM] = Pointer(profile=Profile.GPU_VLLM, version="v9", ref="somebody's own")
    await world.store.create(profile=Profile.GPU_VLLM, source=SOURCE, now=world.clock.now())
    assert {one.version for one in await world.pipeline.retire_old()} == {"v1", "v2"}


async def test_an_image_that_cannot_be_cleaned_is_in_no_other_ones_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = await world.offered()
    await reject_image(image.version, by="owner", store=world.store, clock=world.clock)

    async def stays(registry: FakeRegistry, artifact: Artifact) -> None:
        raise ImageError("AWS keeps it.")

    monkeypatch.setattr(FakeRegistry, "delete", stays)
    await world.ask()
    for _ in range(20):
        with pytest.raises(ImageError, match="AWS keeps it"):
            await world.pipeline.tick()
    assert (await world.store.get("v2")).state is ImageState.OFFERED
    monkeypatch.undo()
    await world.run()
    assert (await world.store.get("v1")).cleaned


class KilledError(BaseException):
    """The control plane is killed here."""


@dataclass(slots=True)
class Killer:
    """Kills at the ``at``-th call of one method, before or after it took effect."""

    at: int
    when: str
    calls: int = 0

    def around(self, plain: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **named: object) -> object:
            self.calls += 1
            hit = self.calls == self.at
            if hit and self.when == "before":
                raise KilledError
            found = await plain(*args, **named)
            if hit:
                raise KilledError
            return found

        return call


async def ticks_with_kills(world: World) -> None:
    """Tick to the end; after each kill another control plane goes on."""
    for _ in range(40):
        try:
            if not await world.pipeline.tick():
                return
        except KilledError:
            pass


@pytest.mark.requirement("7.1.1")
@pytest.mark.parametrize("name", ["replace", "log", "begin", "poll", "clean", "delete"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fails", [False, True])
async def test_killed_at_any_point_it_goes_on_or_ends_cleanly(
    monkeypatch: pytest.MonkeyPatch, name: str, when: str, fails: bool
) -> None:
    """Killed at each call of each kind."""
    owner = next(kind for kind in (MemoryImageStore, FakeBuilder, FakeRegistry) if hasattr(kind, name))
    plain = getattr(owner, name)
    for kill_at in range(1, 60):
        world, killer = World(), Killer(kill_at, when)
        if fails:
            broken = Failure(stage=Stage.SMOKE_TEST, code="image_test_failed", message="no")
            world.builder.failures = {Stage.SMOKE_TEST: broken}
        await world.ask()
        monkeypatch.setattr(owner, name, killer.around(plain))
        await ticks_with_kills(world)
        image = await world.store.get("v1")
        assert image.state is (ImageState.FAILED if fails else ImageState.OFFERED), (kill_at, image)
        assert world.builder.running == {}
        assert set(world.registry.artifacts) == (set() if fails else {"image-v1"})
        assert image.cleaned
        if killer.calls < kill_at:
            return
    raise AssertionError("it never came to its end unkilled")
