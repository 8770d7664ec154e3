"""What a machine type decides: engine, image, quota; and which one is offered where a list came to nothing."""

import pytest

from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import (
    GPU_QUOTA,
    MACHINE_TYPES,
    STANDARD_QUOTA,
    USUAL_TYPES,
    EngineKind,
    check_disk_gb,
    check_instance_types,
    disks_of,
    needs_gpu,
    profiles_of,
    type_instead,
)


@pytest.mark.requirement("5.1.1")
@pytest.mark.parametrize(
    ("name", "profile", "engine", "code", "vcpus"),
    [
        ("g4dn.xlarge", "gpu-vllm", "vllm", "L-DB2E81BA", 4),
        ("c7i.xlarge", "cpu-llama", "llama", "L-1216C47A", 4),
        ("m7i.xlarge", "cpu-llama", "llama", "L-1216C47A", 4),
        ("c7i-flex.large", "cpu-llama", "llama", "L-1216C47A", 2),
    ],
)
def test_what_a_type_decides(name: str, profile: str, engine: str, code: str, vcpus: int) -> None:
    found = MACHINE_TYPES[name]
    kind = found.profile()
    assert (kind, kind.engine, found.quota.quota_id, found.vcpus) == (profile, engine, code, vcpus)


def test_the_owner_chooses_what_types_with_a_gpu_are_launched_from() -> None:
    types = ("g4dn.xlarge", "c7i.xlarge", "g6.xlarge")
    assert profiles_of(types) == ("gpu-vllm", "cpu-llama")
    assert profiles_of(types, EngineKind.LLAMA) == ("gpu-llama", "cpu-llama")
    assert disks_of(types[:2], EngineKind.LLAMA) == {"g4dn.xlarge": 16, "c7i.xlarge": 10}
    assert disks_of(types[:2], disk_gb=20) == {"g4dn.xlarge": 32, "c7i.xlarge": 20}


def test_a_disk_is_as_large_as_the_image_or_larger_and_never_without_end() -> None:
    both = profiles_of(USUAL_TYPES)
    assert [check_disk_gb(size, both) for size in (0, 32, 500)] == [0, 32, 500]
    assert check_disk_gb(10, both[1:]) == 10
    for size, code in ((31, "disk_too_small"), (-1, "disk_too_small"), (501, "disk_size_invalid")):
        with pytest.raises(InvalidInputError, match="your images need 32 GB") as refused:
            check_disk_gb(size, both)
        assert refused.value.code == code


def test_the_usual_list_ends_with_a_type_that_needs_no_gpu_quota() -> None:
    assert [needs_gpu(name) for name in USUAL_TYPES] == [True, True, True, False]
    assert EngineKind.LLAMA.proper_name == "llama.cpp"


def test_what_is_offered_instead() -> None:
    gpus = ("g4dn.xlarge", "g6.xlarge")
    found = [
        type_instead(gpus),
        type_instead((*gpus, "c7i.xlarge")),
        type_instead(gpus, on_free_plan=True),
        type_instead(gpus, full=[GPU_QUOTA]),
    ]
    assert [one.name for one in found if one] == ["c7i.xlarge", "m7i.xlarge", "c7i-flex.large", "c7i.xlarge"]
    assert type_instead(gpus, full=[GPU_QUOTA, STANDARD_QUOTA]) is None
    assert type_instead(MACHINE_TYPES) is None


def test_a_list_of_types_is_checked_and_without_repetitions() -> None:
    assert check_instance_types([" c7i.xlarge", "g6.xlarge", "c7i.xlarge"]) == ("c7i.xlarge", "g6.xlarge")
    for wrong in ([], [""], ["c7i.xlarge", "t2.nano"], ["C7I.XLARGE"]):
        with pytest.raises(InvalidInputError, match="Known types: g4dn") as caught:
            check_instance_types(wrong)
        assert caught.value.code == "instance_type_unknown"
