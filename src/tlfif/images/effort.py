"""What making an image takes; of a machine's disk its price follows from that. Estimates: only an account measures."""

from collections.abc import Iterable
from dataclasses import dataclass

from tlfif.images.image import Image, Profile, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Seconds of the builder, of the cloud until the image is there, and of the candidate until its end."""

    build_seconds: float
    image_seconds: float
    test_seconds: float

    @property
    def seconds(self) -> float:
        """From the push to the offer."""
        return self.build_seconds + self.image_seconds + self.test_seconds


EFFORTS = {
    Profile.CPU_LLAMA: Effort(build_seconds=210.0, image_seconds=150.0, test_seconds=240.0),
    Profile.GPU_LLAMA: Effort(build_seconds=300.0, image_seconds=180.0, test_seconds=240.0),
    Profile.GPU_VLLM: Effort(build_seconds=720.0, image_seconds=360.0, test_seconds=420.0),
}
"""A bundle is made on one's own computer and costs nothing."""
LAST_BUILDS = 3


def expected_seconds(images: Iterable[Image], profile: Profile, *, usual: float) -> float:
    """What a build is going to take: as long as the longest of the last three ``images`` (the newest first) that came
    through their test here; before there is one, ``usual``."""
    tested = [one for one in images if one.profile is profile and Stage.SMOKE_TEST in one.stage_seconds]
    return max((sum(one.stage_seconds.values()) for one in tested[:LAST_BUILDS]), default=usual)
