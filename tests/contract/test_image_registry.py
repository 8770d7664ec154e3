"""What every registry of images owes: pointers that move one step at a time, artifacts that are gone when deleted."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.aws.dynamo_state import open_state_table
from tests.aws.ec2_cloud import Ec2Cloud
from tests.aws.emulator import REGION, Emulator
from tests.aws.image_cloud import registered, ubuntu
from tests.fakes.images import FakeRegistry
from tlfif.adapters.aws.calls.image_parameter import image_parameter
from tlfif.adapters.aws.images.ec2_images import Ec2Images
from tlfif.adapters.aws.images.ssm_image_registry import SsmImageRegistry
from tlfif.adapters.local.bundle import Bundle
from tlfif.adapters.local.images.folder_registry import FolderRegistry
from tlfif.images.image import UNREADABLE, Artifact, Pointer, Profile
from tlfif.images.image_registry import ImageRegistry, StoredImage
from tlfif.kernel.errors import ImageError

PROFILE = Profile.BUNDLE


class Place(ABC):
    """A registry, and what may be done to it behind its back."""

    registry: ImageRegistry

    @abstractmethod
    async def add(self, version: str) -> Artifact:
        """Put an image there, as a build does."""

    @abstractmethod
    async def lose(self, artifact: Artifact) -> None:
        """Delete it by hand."""

    @abstractmethod
    async def alter(self) -> None:
        """Make the pointer name something that is no image of this home."""

    @abstractmethod
    async def use(self, version: str) -> None:
        """A machine runs from it."""


class FakePlace(Place):
    def __init__(self) -> None:
        self.registry = self.fake = FakeRegistry()

    async def add(self, version: str) -> Artifact:
        artifact = Artifact(ref=version, size_bytes=10)
        self.fake.artifacts[version] = StoredImage(version=version, artifact=artifact)
        return artifact

    async def lose(self, artifact: Artifact) -> None:
        self.fake.artifacts.pop(artifact.ref)

    async def alter(self) -> None:
        self.fake.pointers[PROFILE] = replace(self.fake.pointers[PROFILE], ref="ami-of-somebody")

    async def use(self, version: str) -> None:
        self.fake.needed.add(version)


class FolderPlace(Place):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launched: str | None = None

        async def launched() -> str | None:
            return self.launched

        self.registry = FolderRegistry(folder, launched=launched)

    async def add(self, version: str) -> Artifact:
        bundle = Bundle(self.folder / version)
        bundle.code.mkdir(parents=True)
        bundle.write_manifest({"commit": "a" * 40})
        bundle.protect()
        return Artifact(ref=version, size_bytes=bundle.size_bytes())

    async def lose(self, artifact: Artifact) -> None:
        (self.folder / artifact.ref).chmod(0o700)
        (self.folder / artifact.ref).rename(self.folder / "elsewhere")

    async def alter(self) -> None:
        file = self.folder / f"{PROFILE}.pointer.json"
        file.write_text(file.read_text().replace('"v1"', '"../../bin"'))

    async def use(self, version: str) -> None:
        self.launched = version


class AwsPlace(Place):
    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.cloud = cloud = Ec2Cloud(emulator)
        images = Ec2Images(cloud.ec2, home=cloud.home, clock=cloud.clock)
        table = open_state_table(emulator, cloud.home)
        self.registry = SsmImageRegistry(emulator.ssm, images, table, home=cloud.home, region=REGION, clock=cloud.clock)

    async def add(self, version: str) -> Artifact:
        ref = registered(self.emulator, self.cloud.home, version)
        return next(one.artifact for one in await self.registry.stored() if one.artifact.ref == ref)

    async def lose(self, artifact: Artifact) -> None:
        self.cloud.ec2.deregister_image(ImageId=artifact.ref)

    async def alter(self) -> None:
        name = image_parameter(self.cloud.home, PROFILE)
        self.emulator.ssm.put_parameter(Name=name, Value=ubuntu(self.emulator), Type="String", Overwrite=True)

    async def use(self, version: str) -> None:
        ref = next(one.artifact.ref for one in await self.registry.stored() if one.version == version)
        mark = [{"Key": "tlfif:home", "Value": self.cloud.home}]
        self.emulator.ec2.run_instances(
            ImageId=ref,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": mark}],
        )


@pytest.fixture(params=["fake", "folder", "aws"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "aws":
        aws = AwsPlace(request.getfixturevalue("emulator"))
        yield aws
        aws.cloud.close()
    else:
        yield FakePlace() if request.param == "fake" else FolderPlace(tmp_path / "images")


async def pointed(place: Place, version: str = "v1") -> Pointer:
    """An image, and the pointer at it."""
    artifact = await place.add(version)
    pointer = await place.registry.pointer(PROFILE)
    assert await place.registry.move(replace(pointer, version=version, ref=artifact.ref, note="for a test"))
    return await place.registry.pointer(PROFILE)


async def test_at_first_nothing_is_promoted(place: Place) -> None:
    assert await place.registry.pointer(PROFILE) == Pointer(profile=PROFILE)
    assert await place.registry.stored() == []
    assert not await place.registry.referenced()


async def test_a_move_is_read_back_whole(place: Place) -> None:
    pointer = await pointed(place)
    assert (pointer.version, pointer.note, pointer.revision) == ("v1", "for a test", 1)
    second = await place.add("v2")
    moved = replace(pointer, version="v2", ref=second.ref, before=("v1",), proven=True, moved_at=5.5)
    assert await place.registry.move(moved)
    assert await place.registry.pointer(PROFILE) == replace(moved, revision=2)
    assert (await place.registry.pointer(Profile.CPU_LLAMA)).version is None, "each profile has its own"


@pytest.mark.requirement("7.2.5")
async def test_who_moves_second_changes_nothing(place: Place) -> None:
    pointer = await pointed(place)
    second = await place.add("v2")
    assert await place.registry.move(replace(pointer, version="v2", ref=second.ref))
    assert not await place.registry.move(replace(pointer, note="too late"))
    assert (await place.registry.pointer(PROFILE)).version == "v2"
    assert not await place.registry.move(replace(pointer, revision=UNREADABLE)), "it can be read"


async def test_nothing_is_pointed_at_that_is_gone(place: Place) -> None:
    pointer = await pointed(place)
    lost = await place.add("v2")
    await place.lose(lost)
    with pytest.raises(ImageError) as caught:
        await place.registry.move(replace(pointer, version="v2", ref=lost.ref))
    assert caught.value.code == "image_gone"
    assert await place.registry.pointer(PROFILE) == pointer


@pytest.mark.parametrize("how", ["altered", "lost"])
async def test_a_pointer_at_none_of_our_images_is_refused_until_one_is_promoted(place: Place, how: str) -> None:
    pointer = await pointed(place)
    await (place.alter() if how == "altered" else place.lose(Artifact(ref=pointer.ref or "", size_bytes=1)))
    with pytest.raises(ImageError) as caught:
        await place.registry.pointer(PROFILE)
    assert caught.value.code == "image_pointer_invalid"
    second = await place.add("v2")
    assert not await place.registry.move(replace(pointer, version="v2", ref=second.ref)), "it is not what was read"
    assert await place.registry.move(Pointer(profile=PROFILE, version="v2", ref=second.ref, revision=UNREADABLE))
    assert (await place.registry.pointer(PROFILE)).version == "v2"


async def test_what_is_stored_is_listed_and_gone_when_deleted(place: Place) -> None:
    first, second = await place.add("v1"), await place.add("v2")
    assert {one.version: one.artifact.ref for one in await place.registry.stored()} == {
        "v1": first.ref,
        "v2": second.ref,
    }
    assert all(one.artifact.size_bytes > 0 for one in await place.registry.stored())
    await place.registry.delete(first)
    await place.registry.delete(first)
    assert [one.artifact.ref for one in await place.registry.stored()] == [second.ref]


async def test_what_a_machine_runs_from_is_referenced(place: Place) -> None:
    artifact = await place.add("v1")
    await place.use("v1")
    assert artifact.ref in await place.registry.referenced()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '"v1"', "null", '{"profile": "bundle"}', "\x00", '{"profile": "nothing", "before": []}'],
)
async def test_a_damaged_pointer_file_is_one_that_was_altered(tmp_path: Path, text: str) -> None:
    place = FolderPlace(tmp_path)
    (tmp_path / "bundle.pointer.json").write_text(text)
    with pytest.raises(ImageError) as caught:
        await place.registry.pointer(PROFILE)
    assert caught.value.code == "image_pointer_invalid"


@pytest.mark.parametrize("ref", ["../keep", "keep", "", "/", "v1/../../keep"])
async def test_nothing_but_a_bundle_is_deleted(tmp_path: Path, ref: str) -> None:
    (tmp_path / "keep").mkdir()
    await FolderPlace(tmp_path / "images").registry.delete(Artifact(ref=ref, size_bytes=0))
    assert (tmp_path / "keep").exists()
