"""From which image a machine is launched, and what its first start does to the pointer."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.builders import T0, a_machine
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.adapters.local.images.folder_registry import FolderRegistry
from tlfif.control.launched_image import LaunchedImage, LaunchImage
from tlfif.images.image import Artifact, ImageState, Pointer, Profile, Source
from tlfif.images.image_registry import StoredImage
from tlfif.images.promotion import given_up
from tlfif.kernel.errors import ImageError

INSTALLED = "embedded-1"


@dataclass
class World:
    store: MemoryImageStore = field(default_factory=MemoryImageStore)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    why: str = ""

    def __post_init__(self) -> None:
        self.launched = LaunchedImage(
            store=self.store,
            registry=self.registry,
            profile=Profile.BUNDLE,
            installed=INSTALLED,
            clock=FakeClock(T0),
            unusable=lambda _: self.why,
        )

    async def promoted(self, *versions: str, proven: bool = False) -> None:
        """Images of these versions, the last one promoted after the others."""
        for version in versions:
            artifact = Artifact(ref=f"ref-{version}", size_bytes=1)
            source = Source(repository="/src", commit="a" * 40, subject="", asked_by="a test")
            image = await self.store.create(profile=Profile.BUNDLE, source=source, now=T0)
            await self.store.replace(replace(image, state=ImageState.APPROVED, artifact=artifact))
            self.registry.artifacts[artifact.ref] = StoredImage(version=version, artifact=artifact)
        self.registry.pointers[Profile.BUNDLE] = Pointer(
            profile=Profile.BUNDLE,
            version=versions[-1],
            ref=f"ref-{versions[-1]}",
            before=versions[:-1],
            proven=proven,
        )

    async def now(self) -> str | None:
        return (await self.registry.pointer(Profile.BUNDLE)).version


@pytest.fixture
def world() -> World:
    return World()


async def test_without_a_promoted_image_it_is_what_is_installed(world: World) -> None:
    assert await world.launched.next() == LaunchImage(version=INSTALLED)
    assert await world.launched.ref_of(INSTALLED) is None


async def test_each_launch_follows_the_pointer(world: World) -> None:
    await world.promoted("v1")
    assert await world.launched.next() == LaunchImage(version="v1", ref="ref-v1")
    await world.promoted("v2")
    assert (await world.launched.next()).version == "v2"
    assert await world.launched.ref_of("v1") == "ref-v1", "a launch that was begun before is completed as it was begun"


async def test_what_this_program_cannot_work_with_is_not_launched_and_that_is_said(world: World) -> None:
    await world.promoted("v1")
    world.why = "it is of another time"
    assert await world.launched.next() == LaunchImage(
        version=INSTALLED, note="without the promoted image v1: it is of another time"
    )


async def test_an_altered_pointer_launches_nothing(world: World) -> None:
    await world.promoted("v1")
    world.registry.artifacts.clear()
    with pytest.raises(ImageError) as caught:
        await world.launched.next()
    assert caught.value.code == "image_pointer_invalid"
    with pytest.raises(ImageError) as gone:
        await world.launched.ref_of("v7")
    assert gone.value.code == "image_gone"


async def test_only_a_first_start_that_fails_goes_back(world: World) -> None:
    machine = replace(a_machine(), image="v2")
    await world.promoted("v1", "v2")
    await world.launched.started(machine)
    assert await world.launched.broke(machine, "no more room") == ""
    assert await world.now() == "v2"


async def test_a_first_start_that_fails_goes_back_once(world: World) -> None:
    machine = replace(a_machine(), image="v2")
    await world.promoted("v1", "v2")
    assert await world.launched.broke(machine, "libx") == "; rolled back by itself from v2 to v1"
    assert await world.now() == "v1"
    assert await world.launched.broke(machine, "libx") == ""
    assert await world.launched.broke(replace(machine, image="v1"), "libx") == "", "it has proven itself"
    assert await world.launched.broke(replace(machine, image=INSTALLED), "libx") == ""


async def test_without_one_behind_it_what_is_installed_is_started_again(world: World) -> None:
    await world.promoted("v1")
    told = await world.launched.broke(replace(a_machine(), image="v1"), "libx")
    assert told == "; rolled back by itself from v1 to the TL-FIF that is installed"
    assert await world.launched.next() == LaunchImage(version=INSTALLED)
    await world.promoted("v1")
    assert (await world.launched.next()).version == "v1", "it can be promoted once more"


async def test_a_home_keeps_on_its_disk_that_nothing_is_promoted_any_more(tmp_path: Path) -> None:
    async def launched() -> None:
        return None

    registry = FolderRegistry(tmp_path, launched=launched)
    empty = Pointer(profile=Profile.BUNDLE)
    assert await registry.move(given_up(empty, why="it broke", now=5.0))
    found = await registry.pointer(Profile.BUNDLE)
    assert (found.version, found.ref, found.note, found.revision) == (None, None, "it broke", empty.revision + 1)
