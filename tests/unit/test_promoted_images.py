"""Which image a type is launched from: the promoted one of its profile."""

import pytest

from tests.fakes.images import FakeRegistry
from tlfif.adapters.aws.machines.promoted_images import LaunchImage, promoted_images
from tlfif.images.image import Artifact, Pointer, Profile
from tlfif.images.image_registry import StoredImage
from tlfif.kernel.errors import MachineError

TYPES = ("g4dn.xlarge", "g6.xlarge", "c7i.xlarge")


async def registry(**promoted: str) -> FakeRegistry:
    """Each profile (with underscores) with the version that is promoted."""
    made = FakeRegistry()
    for name, version in promoted.items():
        profile, ref = Profile(name.replace("_", "-")), f"ami-{version}"
        made.artifacts[ref] = StoredImage(version=version, artifact=Artifact(ref=ref, size_bytes=1))
        assert await made.move(Pointer(profile=profile, version=version, ref=ref))
    return made


async def test_each_type_has_the_image_of_its_profile() -> None:
    found = await promoted_images(await registry(gpu_vllm="v1", cpu_llama="v2"), TYPES)
    gpu, cpu = LaunchImage(version="v1", image_id="ami-v1"), LaunchImage(version="v2", image_id="ami-v2")
    assert found == {"g4dn.xlarge": gpu, "g6.xlarge": gpu, "c7i.xlarge": cpu}


async def test_a_type_without_an_image_is_left_out() -> None:
    found = await promoted_images(await registry(cpu_llama="v2"), TYPES)
    assert list(found) == ["c7i.xlarge"]


async def test_without_any_image_the_sentence_says_which_to_build() -> None:
    said = r"none of the kind gpu-vllm or cpu-llama.*--image-profile cpu-llama"
    with pytest.raises(MachineError, match=said) as refused:
        await promoted_images(await registry(), TYPES)
    assert refused.value.code == "image_missing"


async def test_a_pointer_that_was_altered_by_hand_launches_nothing() -> None:
    made = await registry(gpu_vllm="v1", cpu_llama="v2")
    made.artifacts.clear()
    with pytest.raises(MachineError, match="Nothing was started") as refused:
        await promoted_images(made, TYPES)
    assert refused.value.code == "image_pointer_invalid"
