"""Images in the emulated AWS: what there is, Ubuntu's own to begin from, and those that a home is born with."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ssm.models import Parameter, ssm_backends

from tests.aws.emulator import REGION, Emulator, tagged
from tlfif.adapters.aws.calls.dynamo_items import to_wire
from tlfif.adapters.aws.calls.image_parameter import image_parameter
from tlfif.adapters.aws.images.ec2_image_builder import BASE_PARAMETER, Ec2ImageBuilder
from tlfif.control.container import Images
from tlfif.images.decide_on_image import promote_image
from tlfif.images.image import Artifact, Image, ImageState, Pointer, Profile, Stage
from tlfif.images.image_record import pointer_text
from tlfif.kernel.clock import Clock

CANONICAL = "099720109477"
PAPER = "v0"
"""The version of the images that a home is born with."""


def images_of(emulator: Emulator, home: str) -> list[dict[str, Any]]:
    """The home's images."""
    return [dict(one) for one in emulator.ec2.describe_images(Owners=["self"], Filters=_ours(home))["Images"]]


def snapshots_of(emulator: Emulator, home: str) -> list[str]:
    """Every snapshot with the home's tag."""
    found = emulator.ec2.describe_snapshots(OwnerIds=["self"], Filters=_ours(home))["Snapshots"]
    return [one["SnapshotId"] for one in found]


@cache
def ubuntu(emulator: Emulator) -> str:
    """Canonical's image, which its public parameter names from now on; nobody but AWS can write such a parameter."""
    image: str = emulator.ec2.describe_images(Owners=[CANONICAL])["Images"][0]["ImageId"]
    backend = ssm_backends[DEFAULT_ACCOUNT_ID][REGION]
    backend._parameters[BASE_PARAMETER] = [
        Parameter(
            account_id=DEFAULT_ACCOUNT_ID,
            name=BASE_PARAMETER,
            value=image,
            parameter_type="String",
            description=None,
            allowed_pattern=None,
            keyid=None,
            last_modified_date=datetime.now(UTC),
            version=1,
            data_type="aws:ec2:image",
        )
    ]
    return image


def promote_paper_images(
    emulator: Emulator, home: str, state_table: str, profiles: Iterable[Profile] = (Profile.GPU_VLLM, Profile.CPU_LLAMA)
) -> None:
    """An image of each of ``profiles`` was promoted in this home. A home that has one already keeps it."""
    found = [one["ImageId"] for one in images_of(emulator, home)]
    ref = found[0] if found else registered(emulator, home, PAPER)
    ssm = emulator.ssm
    for profile in profiles:
        pointer = Pointer(profile=profile, version=PAPER, ref=ref, proven=True, note="born with it", revision=1)
        ssm.put_parameter(
            Name=image_parameter(home, profile), Value=ref, Type="String", DataType="aws:ec2:image", Overwrite=True
        )
        item = {"body": pointer_text(pointer), "revision": 1, "settled": True}
        key = {"pk": "IMAGES", "sk": f"POINTER#{profile}"}
        emulator.dynamodb.put_item(TableName=state_table, Item=to_wire({**key, **item}))


def registered(emulator: Emulator, home: str, version: str) -> str:
    """An image of that version, which nobody has built."""
    image: str = emulator.ec2.register_image(Name=f"{home}-{version}")["ImageId"]
    (marks,) = tagged("image", home)
    emulator.ec2.create_tags(Resources=[image], Tags=[*marks["Tags"], {"Key": "tlfif:image", "Value": version}])
    return image


async def promoted_on_paper(emulator: Emulator, home: str, images: Images, image: Image, clock: Clock) -> None:
    """``image`` is promoted, which nobody has built."""
    artifact = Artifact(ref=registered(emulator, home, image.version), size_bytes=1)
    assert await images.store.replace(replace(image, state=ImageState.APPROVED, artifact=artifact, cleaned=True))
    await promote_image(image.version, by="owner", store=images.store, registry=images.registry, clock=clock)


def forget_images(emulator: Emulator, state_table: str, *, number: int | None = None) -> None:
    """The records of images are gone, as after a fault: of all, or of this one."""
    for item in emulator.dynamodb.scan(TableName=state_table)["Items"]:
        ours = item["pk"]["S"] == "IMAGES#OPEN" or item["sk"]["S"].startswith("IMAGE#")
        if ours and (number is None or int(item["sk"]["S"].removeprefix("IMAGE#")) == number):
            emulator.dynamodb.delete_item(TableName=state_table, Key={"pk": item["pk"], "sk": item["sk"]})


class KilledError(BaseException):
    """The control plane is killed here."""


def killed_behind_each_call(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, Stage, ImageState]]:
    """The control plane is killed behind the first call of each kind to the builder in each stage, before what it did
    was stored; returns where it was."""
    killed: set[tuple[str, Stage, ImageState]] = set()

    def deadly(method: str) -> Callable[..., Awaitable[object]]:
        plain = getattr(Ec2ImageBuilder, method)

        async def call(self: Ec2ImageBuilder, image: Image, **more: Any) -> object:
            found = await plain(self, image, **more)
            moment = (method, image.stage, image.state)
            if moment not in killed:
                killed.add(moment)
                raise KilledError
            return found

        return call

    for method in ("begin", "poll", "clean"):
        monkeypatch.setattr(Ec2ImageBuilder, method, deadly(method))
    return killed


def _ours(home: str) -> Any:
    return [{"Name": "tag:tlfif:home", "Values": [home]}]
