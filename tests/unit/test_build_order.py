"""Images that another program asks for: a push, the month."""

from dataclasses import replace

import pytest

from tests.builders import T0
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.images.build_order import MONTHLY, PUSH, Outcome, ordered_image, outcome_of, rebuild_images, sentence_of
from tlfif.images.image import Failure, ImageState, Pointer, Profile, Source, Stage
from tlfif.images.image_store import new_image
from tlfif.images.order_image import order_image
from tlfif.kernel.errors import InvalidInputError

SOURCE = Source(repository="owner/name", commit="a" * 40, subject="A change", asked_by="a push")


@pytest.mark.parametrize(
    ("state", "outcome", "words"),
    [
        (ImageState.WAITING, Outcome.GOING_ON, "v7 waits for its turn."),
        (ImageState.UNDER_WAY, Outcome.GOING_ON, "v7 is at the stage smoke test."),
        (ImageState.OFFERED, Outcome.GOOD, "v7 passed its tests. To use it: ./tlfif image approve v7"),
        (ImageState.APPROVED, Outcome.GOOD, "v7 is approved."),
        (ImageState.REJECTED, Outcome.GOOD, "v7 is rejected."),
        (ImageState.RETIRED, Outcome.GOOD, "v7 is retired."),
        (ImageState.FAILED, Outcome.BAD, "[image_test_failed] It babbles."),
        (ImageState.SUPERSEDED, Outcome.BAD, "[image_superseded] A newer commit came before it was the turn of v7."),
    ],
)
def test_whoever_follows_an_image_is_told(state: ImageState, outcome: Outcome, words: str) -> None:
    failure = Failure(stage=Stage.SMOKE_TEST, code="image_test_failed", message="It babbles.")
    image = replace(
        new_image(7, profile=Profile.CPU_LLAMA, source=SOURCE, now=T0),
        state=state,
        stage=Stage.SMOKE_TEST,
        failure=failure if state is ImageState.FAILED else None,
    )
    assert (outcome_of(image), sentence_of(image)) == (outcome, words)


async def test_the_same_commit_is_asked_for_once_until_it_is_done() -> None:
    store, clock = MemoryImageStore(), FakeClock(T0)

    async def asked(profile: Profile = Profile.CPU_LLAMA) -> str:
        return (await ordered_image(SOURCE, profile, store=store, clock=clock)).version

    assert [await asked(), await asked(), await asked(Profile.GPU_VLLM)] == ["v1", "v1", "v2"]
    await store.replace(replace(await store.get("v1"), state=ImageState.OFFERED))
    assert await asked() == "v3"


async def test_a_pointer_that_was_altered_by_hand_keeps_no_other_image_from_its_month() -> None:
    store, clock, registry = MemoryImageStore(), FakeClock(T0), FakeRegistry()
    await ordered_image(SOURCE, Profile.GPU_VLLM, store=store, clock=clock)
    await store.replace(replace(await store.get("v1"), state=ImageState.APPROVED))
    registry.pointers = {
        Profile.CPU_LLAMA: Pointer(profile=Profile.CPU_LLAMA, version="v9", ref="somebody's own"),
        Profile.GPU_VLLM: Pointer(profile=Profile.GPU_VLLM, version="v1"),
    }
    made = await rebuild_images(store=store, registry=registry, clock=clock)
    assert [image.profile for image in made] == [Profile.GPU_VLLM]


@pytest.mark.requirement("7.2.6")
async def test_the_month_builds_each_image_in_use_anew_and_no_other() -> None:
    store, clock, registry = MemoryImageStore(), FakeClock(T0), FakeRegistry()
    for profile in (Profile.CPU_LLAMA, Profile.GPU_VLLM, Profile.GPU_LLAMA):
        image = await ordered_image(SOURCE, profile, store=store, clock=clock)
        await store.replace(replace(image, state=ImageState.APPROVED))
    registry.pointers = {
        Profile.CPU_LLAMA: Pointer(profile=Profile.CPU_LLAMA, version="v1"),
        Profile.GPU_VLLM: Pointer(profile=Profile.GPU_VLLM, version="v2"),
        Profile.BUNDLE: Pointer(profile=Profile.BUNDLE, version="v99"),
    }
    made = await rebuild_images(store=store, registry=registry, clock=clock)
    assert [(one.version, one.profile) for one in made] == [("v4", Profile.CPU_LLAMA), ("v5", Profile.GPU_VLLM)]
    assert {one.source for one in made} == {replace(SOURCE, asked_by=MONTHLY)}
    assert await rebuild_images(store=store, registry=registry, clock=clock) == made, "once, however often it is asked"


async def test_a_home_that_cannot_look_builds_the_last_commit_that_a_push_has_brought() -> None:
    store, clock = MemoryImageStore(), FakeClock()

    async def ordered(repository: str | None, branch: str | None = None) -> Source:
        image = await order_image(
            repository, None, Profile.BUNDLE, branch=branch, by="me", store=store, git=None, clock=clock
        )
        return image.source

    for repository, commit, by in (("me/tl-fif", "a", PUSH), ("me/other", "b", PUSH), ("me/tl-fif", "c", "me")):
        source = Source(repository=repository, commit=commit * 40, subject="Mend it", asked_by=by)
        await store.create(profile=Profile.BUNDLE, source=source, now=1.0)
    for repository, commit in ((None, "b"), ("me/tl-fif", "a")):
        source = await ordered(repository)
        assert (source.commit, source.subject, source.asked_by) == (commit * 40, "Mend it", "me")
    for repository, branch in (("me/third", None), (None, "next")):
        with pytest.raises(InvalidInputError) as refused:
            await ordered(repository, branch)
        assert (refused.value.code, "--commit" in refused.value.message) == ("commit_needed", True)
