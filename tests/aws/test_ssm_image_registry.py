"""Images as AMIs and pointers as parameters, over the emulator: what the contract of every registry does not say."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.aws.dynamo_state import open_state_table
from tests.aws.ec2_cloud import Ec2Cloud, LostAnswer, Refuse, always, times
from tests.aws.emulator import REGION, Emulator
from tests.aws.image_cloud import images_of, snapshots_of, ubuntu
from tlfif.adapters.aws.calls.image_parameter import image_parameter
from tlfif.adapters.aws.images.ec2_images import Ec2Images
from tlfif.adapters.aws.images.ssm_image_registry import SsmImageRegistry
from tlfif.images.image import UNREADABLE, Artifact, Pointer, Profile
from tlfif.kernel.errors import ImageError

PROFILE = Profile.CPU_LLAMA


class Place:
    """A home's registry, opened as often as there are control planes."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.cloud = Ec2Cloud(emulator)

    def open(self) -> SsmImageRegistry:
        cloud = self.cloud
        return SsmImageRegistry(
            self.emulator.ssm,
            Ec2Images(cloud.ec2, home=cloud.home, clock=cloud.clock),
            open_state_table(self.emulator, cloud.home),
            home=cloud.home,
            region=REGION,
            clock=cloud.clock,
        )

    @property
    def parameter(self) -> str:
        return image_parameter(self.cloud.home, PROFILE)

    async def made(self, version: str) -> Artifact:
        """An image of that version, as the builder makes it."""
        cloud = self.cloud
        instance = cloud.ec2.run_instances(
            ImageId=ubuntu(self.emulator), MinCount=1, MaxCount=1, ClientToken=f"{cloud.home}-{version}"
        )["Instances"][0]["InstanceId"]
        await Ec2Images(cloud.ec2, home=cloud.home, clock=cloud.clock).create(
            instance, version=version, model="tinyllama"
        )
        cloud.ec2.terminate_instances(InstanceIds=[instance])
        return next(one.artifact for one in await self.open().stored() if one.version == version)

    async def promoted(self, version: str) -> Pointer:
        artifact, registry = await self.made(version), self.open()
        now = await registry.pointer(PROFILE)
        assert await registry.move(
            Pointer(profile=PROFILE, version=version, ref=artifact.ref, note="by a test", revision=now.revision)
        )
        return await registry.pointer(PROFILE)


@pytest.fixture
def place(emulator: Emulator) -> Iterator[Place]:
    made = Place(emulator)
    yield made
    made.cloud.close()


async def test_the_pointer_is_a_parameter_that_names_an_image(place: Place) -> None:
    pointer = await place.promoted("v1")
    found = place.emulator.ssm.get_parameter(Name=place.parameter)["Parameter"]
    assert (found["Value"], found["DataType"]) == (pointer.ref, "aws:ec2:image")
    assert await place.open().pointer(PROFILE) == pointer, "every control plane sees the same"
    assert (await place.open().pointer(Profile.GPU_VLLM)).version is None


@pytest.mark.requirement("7.2.5")
async def test_a_pointer_changed_by_hand_is_not_launched_from_until_it_is_promoted_again(place: Place) -> None:
    pointer = await place.promoted("v1")
    other = ubuntu(place.emulator)
    place.emulator.ssm.put_parameter(Name=place.parameter, Value=other, Type="String", Overwrite=True)
    with pytest.raises(ImageError) as refused:
        await place.open().pointer(PROFILE)
    assert (refused.value.code, other in refused.value.message) == ("image_pointer_invalid", True)
    second = await place.made("v2")
    late = replace(pointer, version="v2", ref=second.ref)
    assert not await place.open().move(late), "it is not what was read"
    assert await place.open().move(Pointer(profile=PROFILE, version="v2", ref=second.ref, revision=UNREADABLE))
    mended = await place.open().pointer(PROFILE)
    assert (mended.ref, mended.before, mended.revision) == (second.ref, ("v1",), pointer.revision + 1)
    assert not await place.open().move(replace(mended, revision=UNREADABLE)), "it can be read"


async def test_who_moves_second_changes_nothing_and_nothing_points_at_what_is_gone(place: Place) -> None:
    pointer, second = await place.promoted("v1"), await place.made("v2")
    assert await place.open().move(replace(pointer, version="v2", ref=second.ref))
    assert not await place.open().move(replace(pointer, note="too late"))
    with pytest.raises(ImageError) as refused:
        await place.open().move(Pointer(profile=PROFILE, version="v3", ref="ami-0123456789abcdef0", revision=2))
    assert refused.value.code == "image_gone"
    assert (await place.open().pointer(PROFILE)).version == "v2"


async def test_a_parameter_that_nobody_promoted_is_none_of_ours(place: Place) -> None:
    place.emulator.ssm.put_parameter(Name=place.parameter, Value=ubuntu(place.emulator), Type="String")
    with pytest.raises(ImageError, match="no image was promoted here"):
        await place.open().pointer(PROFILE)


async def test_an_image_deregistered_by_hand_is_not_launched_from(place: Place) -> None:
    pointer = await place.promoted("v1")
    place.cloud.ec2.deregister_image(ImageId=pointer.ref or "")
    with pytest.raises(ImageError) as refused:
        await place.open().pointer(PROFILE)
    assert refused.value.code == "image_pointer_invalid"


async def test_killed_before_the_parameter_was_written_the_next_one_completes_the_move(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await place.promoted("v1"), await place.made("v2")

    class KilledError(BaseException):
        pass

    async def die(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as killing:
        killing.setattr(SsmImageRegistry, "_settle", die)
        with pytest.raises(KilledError):
            await place.open().move(
                Pointer(profile=PROFILE, version="v2", ref=second.ref, before=("v1",), revision=first.revision)
            )
    pointer = await place.open().pointer(PROFILE)
    assert (pointer.version, pointer.ref, pointer.before) == ("v2", second.ref, ("v1",))
    assert place.emulator.ssm.get_parameter(Name=place.parameter)["Parameter"]["Value"] == second.ref


async def test_a_snapshot_that_lags_is_tried_again_and_a_lost_answer_is_none(place: Place) -> None:
    artifact = await place.made("v1")
    assert artifact.snapshots
    assert artifact.size_bytes >= 1 << 30
    place.cloud.faults["DeregisterImage"] = times(1, LostAnswer())
    place.cloud.faults["DeleteSnapshot"] = times(1, Refuse("InternalError", status=500))
    await place.open().delete(artifact)
    assert (images_of(place.emulator, place.cloud.home), snapshots_of(place.emulator, place.cloud.home)) == ([], [])
    await place.open().delete(artifact)


async def test_an_image_whose_making_was_not_answered_is_made_once(place: Place) -> None:
    place.cloud.faults["CreateImage"] = times(1, LostAnswer())
    artifact = await place.made("v1")
    assert [one["ImageId"] for one in images_of(place.emulator, place.cloud.home)] == [artifact.ref]
    assert snapshots_of(place.emulator, place.cloud.home) == list(artifact.snapshots)


async def test_a_snapshot_that_stays_is_said(place: Place) -> None:
    artifact = await place.made("v1")
    place.cloud.faults["DeleteSnapshot"] = always(Refuse("InvalidSnapshot.NotFound"))
    with pytest.raises(ImageError, match="costs money until it is gone"):
        await place.open().delete(artifact)


async def test_instances_and_every_version_of_a_template_refer_to_an_image(place: Place) -> None:
    artifact, cloud = await place.made("v1"), place.cloud
    mark = [{"Key": "tlfif:home", "Value": cloud.home}]
    template = cloud.ec2.create_launch_template(
        LaunchTemplateName=cloud.home,
        LaunchTemplateData={"ImageId": artifact.ref},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": mark}],
    )["LaunchTemplate"]["LaunchTemplateId"]
    cloud.ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "t3.nano"})
    assert artifact.ref in await place.open().referenced(), "an old version of a template"
    cloud.ec2.delete_launch_template(LaunchTemplateId=template)
    assert await place.open().referenced() == set()
