"""The machine types that may be launched on AWS, and what each decides: its engine, its image and its quota. Pure.

Prices: ``money.prices``. A type without a GPU runs llama.cpp on the processor: slower, cheaper, and in a quota that AWS
gives new accounts from the first day.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tlfif.kernel.errors import InvalidInputError


class EngineKind(StrEnum):
    """What runs the model; the machine file's ``settings.engine.kind``."""

    VLLM = "vllm"
    LLAMA = "llama"
    """llama.cpp."""

    @property
    def proper_name(self) -> str:
        """Its proper name."""
        return "vLLM" if self is EngineKind.VLLM else "llama.cpp"


class ImageProfile(StrEnum):
    """A kind of machine image. Each is built and promoted by itself."""

    BUNDLE = "bundle"
    """A folder on this computer, from which its own machine is launched."""
    CPU_LLAMA = "cpu-llama"
    """A disk for machine types without a GPU: llama.cpp and a GGUF file."""
    GPU_VLLM = "gpu-vllm"
    """A disk for machine types with a GPU: vLLM and safetensors."""
    GPU_LLAMA = "gpu-llama"
    """A disk for machine types with a GPU: llama.cpp built for CUDA, which starts sooner."""

    @property
    def engine(self) -> EngineKind:
        """The engine that is in it."""
        return EngineKind.VLLM if self is ImageProfile.GPU_VLLM else EngineKind.LLAMA

    @property
    def needs_gpu(self) -> bool:
        """Whether it is for machine types with a GPU."""
        return self in (ImageProfile.GPU_VLLM, ImageProfile.GPU_LLAMA)

    @property
    def disk_gb(self) -> int:
        """The size of the disk that it is built on, in GB, and so the least of a machine's."""
        return _DISK_GB.get(self, 0)


_DISK_GB = {ImageProfile.CPU_LLAMA: 10, ImageProfile.GPU_LLAMA: 16, ImageProfile.GPU_VLLM: 32}
"""Estimates with room for the system's updates, logs and what an engine compiles: only an account measures."""
MOST_DISK_GB = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class VcpuQuota:
    """A quota of running on-demand machines, counted in virtual processors (vCPU) per account and region. ``quota_id``
    and ``name`` as Service Quotas has them."""

    quota_id: str
    name: str
    wanted_vcpus: int
    """What to ask for: one machine, and the test of a new image beside it."""

    def page(self, region: str) -> str:
        """Where it is raised."""
        return f"https://{region}.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/{self.quota_id}"


GPU_QUOTA = VcpuQuota(quota_id="L-DB2E81BA", name="Running On-Demand G and VT instances", wanted_vcpus=8)
STANDARD_QUOTA = VcpuQuota(
    quota_id="L-1216C47A", name="Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", wanted_vcpus=8
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineType:
    """``on_free_plan``: AWS lets an account on the Free plan launch it (``describe-instance-types`` with the filter
    ``free-tier-eligible``; github.com/RhinoSecurityLabs/cloudgoat/issues/375, aws-samples/eks-workshop-v2/issues/1644,
    both of 2025)."""

    name: str
    vcpus: int
    has_gpu: bool = False
    on_free_plan: bool = False

    @property
    def quota(self) -> VcpuQuota:
        """The quota that it counts against."""
        return GPU_QUOTA if self.has_gpu else STANDARD_QUOTA

    def profile(self, gpu_engine: EngineKind = EngineKind.VLLM) -> ImageProfile:
        """The kind of image that it is launched from, in a home that has chosen ``gpu_engine`` for its GPUs."""
        if not self.has_gpu:
            return ImageProfile.CPU_LLAMA
        return ImageProfile.GPU_VLLM if gpu_engine is EngineKind.VLLM else ImageProfile.GPU_LLAMA


MACHINE_TYPES = {
    one.name: one
    for one in (
        MachineType(name="g4dn.xlarge", vcpus=4, has_gpu=True),
        MachineType(name="g6.xlarge", vcpus=4, has_gpu=True),
        MachineType(name="g5.xlarge", vcpus=4, has_gpu=True),
        MachineType(name="c7i.xlarge", vcpus=4),
        MachineType(name="m7i.xlarge", vcpus=4),
        MachineType(name="c7i-flex.large", vcpus=2, on_free_plan=True),
    )
}
"""By name, those with a GPU first."""
INSTANCE_TYPES = tuple(MACHINE_TYPES)
USUAL_TYPES = ("g4dn.xlarge", "g6.xlarge", "g5.xlarge", "c7i.xlarge")
"""In the order in which they are tried, unless the owner says otherwise."""


def check_instance_type(name: str) -> str:
    """``name`` if it is a known type. Raises InvalidInputError ``instance_type_unknown``."""
    if name not in MACHINE_TYPES:
        raise InvalidInputError(
            f"There are no prices for the machine type {name[:40]!a}. Known types: {', '.join(INSTANCE_TYPES)}.",
            code="instance_type_unknown",
            details={"known": list(INSTANCE_TYPES)},
        )
    return name


def check_instance_types(names: Sequence[str]) -> tuple[str, ...]:
    """``names`` without blanks and repetitions. Raises InvalidInputError ``instance_type_unknown``, also for none."""
    found = tuple(dict.fromkeys(check_instance_type(name.strip()) for name in names))
    return found or (check_instance_type(""),)


def needs_gpu(name: str) -> bool:
    """Whether the known type ``name`` has a GPU, and so needs that quota."""
    return MACHINE_TYPES[name].has_gpu


def profiles_of(names: Iterable[str], gpu_engine: EngineKind = EngineKind.VLLM) -> tuple[ImageProfile, ...]:
    """The kinds of image that the known types ``names`` are launched from, in their order, each once."""
    return tuple(dict.fromkeys(MACHINE_TYPES[name].profile(gpu_engine) for name in names))


def disks_of(names: Iterable[str], gpu_engine: EngineKind = EngineKind.VLLM, disk_gb: int = 0) -> dict[str, int]:
    """GB of a machine's disk by its type, where disks have ``disk_gb`` (0: what the image needs)."""
    return {name: max(disk_gb, MACHINE_TYPES[name].profile(gpu_engine).disk_gb) for name in names}


def check_disk_gb(size: int, profiles: Iterable[ImageProfile]) -> int:
    """``size`` if it is a size that a machine's disk may be given: 0, as large as its image needs, or in GB between
    what each of ``profiles`` needs and :data:`MOST_DISK_GB`. Raises InvalidInputError ``disk_too_small``."""
    least, most = max((profile.disk_gb for profile in profiles), default=0), MOST_DISK_GB
    if size and not least <= size <= most:
        raise InvalidInputError(
            f"A machine's disk of {size} GB is not possible: your images need {least} GB, and the most is {most}. "
            "Say a size between, or 0 for as much as the image needs. Nothing was changed.",
            code="disk_too_small" if size < least else "disk_size_invalid",
        )
    return size


def type_instead(
    tried: Collection[str], *, full: Collection[VcpuQuota] = (), on_free_plan: bool = False
) -> MachineType | None:
    """A type without a GPU to offer to somebody whose list of types, ``tried``, came to nothing: the first that is not
    in it and whose quota is not ``full``; with ``on_free_plan``, one that such an account may launch. None where there
    is none."""
    return next(
        (
            one
            for one in MACHINE_TYPES.values()
            if not needs_gpu(one.name)
            and one.name not in tried
            and one.quota not in full
            and (one.on_free_plan or not on_free_plan)
        ),
        None,
    )
