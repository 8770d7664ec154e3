"""What making an image of a machine's disk takes, from which its price follows. Estimates: only an account measures."""

from dataclasses import dataclass

from tlfif.images.image import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Seconds of the builder, of the cloud until the image is there, and of the candidate from its launch to its end.
    ``disk_gb``: of the builder, and so the least of every machine's."""

    build_seconds: float
    image_seconds: float
    test_seconds: float
    disk_gb: int

    @property
    def seconds(self) -> float:
        """From the push to the offer."""
        return self.build_seconds + self.image_seconds + self.test_seconds


EFFORTS = {
    Profile.CPU_LLAMA: Effort(build_seconds=210.0, image_seconds=150.0, test_seconds=240.0, disk_gb=10),
    Profile.GPU_LLAMA: Effort(build_seconds=300.0, image_seconds=180.0, test_seconds=240.0, disk_gb=16),
    Profile.GPU_VLLM: Effort(build_seconds=720.0, image_seconds=360.0, test_seconds=420.0, disk_gb=32),
}
"""A bundle is made on one's own computer and costs nothing."""
