"""Which image a type is launched from: the promoted one of its profile."""

from dataclasses import replace

import pytest

from tests.fakes.images import FakeRegistry
from tlfif.adapters.aws.machines.promoted_images import LaunchImage, promoted_images
from tlfif.images.image import Artifact, Pointer, Profile
from tlfif.images.image_registry import StoredImage
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine_types import EngineKind

TYPES = ("g4dn.xlarge", "g6.xlarge", "c7i.xlarge")


async def registry(**promoted: str) -> FakeRegistry:
    """Each profile (with underscores) with the version that is promoted."""
    made = FakeRegistry()
    for name, version in promoted.items():
        profile, ref = Profile(name.replace("_", "-")), f"ami-{version}"
        made.artifacts[ref] = StoredImage(version=version, artifact=Artifact(ref=ref, size_bytes=1))
        assert await made.move(Pointer(profile=profile, version=version, ref=ref))
    return made


async def launched(made: FakeRegistry) -> dict[str, LaunchImage]:
    return await promoted_images(made, TYPES, gpu_engine=EngineKind.VLLM, model="tinyllama")


async def test_each_type_has_the_image_of_its_profile() -> None:
    made = await registry(gpu_vllm="v1", cpu_llama="v2", gpu_llama="v3")
    for engine, version in ((EngineKind.VLLM, "v1"), (EngineKind.LLAMA, "v3")):
        found = await promoted_images(made, TYPES, gpu_engine=engine, model="tinyllama")
        said = {name: (image.version, image.image_id, image.profile.engine) for name, image in found.items()}
        gpu, cpu = (version, f"ami-{version}", engine), ("v2", "ami-v2", EngineKind.LLAMA)
        assert said == {"g4dn.xlarge": gpu, "g6.xlarge": gpu, "c7i.xlarge": cpu}


async def test_a_type_without_an_image_or_with_one_of_another_model_is_left_out() -> None:
    made = await registry(cpu_llama="v2")
    assert list(await launched(made)) == ["c7i.xlarge"]
    made.pointers[Profile.GPU_VLLM] = replace(made.pointers[Profile.CPU_LLAMA], model="smollm2")
    assert list(await launched(made)) == ["c7i.xlarge"]


async def test_without_any_image_the_sentence_says_which_to_build() -> None:
    said = r"none of the kind gpu-vllm or cpu-llama.*--image-profile cpu-llama"
    with pytest.raises(MachineError, match=said) as refused:
        await launched(await registry())
    assert refused.value.code == "image_missing"


async def test_a_pointer_that_was_altered_by_hand_launches_nothing() -> None:
    made = await registry(gpu_vllm="v1", cpu_llama="v2")
    made.artifacts.clear()
    with pytest.raises(MachineError, match="Nothing was started") as refused:
        await launched(made)
    assert refused.value.code == "image_pointer_invalid"
