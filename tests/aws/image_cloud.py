"""Images in the emulated AWS: what there is, Ubuntu's own to begin from, and those that a home is born with."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ssm.models import Parameter, ssm_backends

from tests.aws.emulator import REGION, Emulator, tagged
from tlfif.adapters.aws.calls.dynamo_items import to_wire
from tlfif.adapters.aws.calls.image_parameter import image_parameter
from tlfif.adapters.aws.images.ec2_image_builder import BASE_PARAMETER
from tlfif.images.image import Pointer, Profile
from tlfif.images.image_record import pointer_text

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


def _ours(home: str) -> Any:
    return [{"Name": "tag:tlfif:home", "Values": [home]}]
