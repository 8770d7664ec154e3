"""Calls to EC2 about images (AMIs) and their snapshots."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import code_of, is_absent
from tlfif.adapters.aws.calls.home_tag import HOME_TAG, tagged, tags_of
from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES, PatientCalls
from tlfif.adapters.aws.machines.ec2_instances import IMAGE_TAG
from tlfif.images.image import Artifact
from tlfif.kernel.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import ImageTypeDef, TagSpecificationTypeDef

GIB = 1 << 30
MODEL_TAG = "tlfif:model"
AVAILABLE, PENDING = "available", "pending"
_NAME_TAKEN = "InvalidAMIName.Duplicate"
_GONE = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    """An AMI as EC2 describes it. ``disk_gb``: of its root disk. ``model``: what it holds, empty where it does not say.
    ``reason``: why it failed, in EC2's words."""

    image_id: str
    version: str | None
    state: str
    snapshots: tuple[str, ...]
    root_device: str
    disk_gb: int
    model: str = ""
    reason: str = ""


class Ec2Images:
    """The images of one home, selected by tag. All methods raise AWS's errors, and all are safe to repeat."""

    def __init__(self, ec2: "EC2Client", *, home: str, clock: Clock) -> None:
        self._ec2 = ec2
        self._home = home
        self._clock = clock

    async def all(self) -> list[FoundImage]:
        """Every image with the home's tag, whatever its state."""
        return await self._described(Owners=["self"], Filters=tagged(self._home))

    async def of_version(self, version: str) -> list[FoundImage]:
        """The image that was made for ``version``; more than one only after a fault."""
        ours = [*tagged(self._home), {"Name": f"tag:{IMAGE_TAG}", "Values": [version]}]
        return await self._described(Owners=["self"], Filters=ours)

    async def own(self, image_id: str) -> FoundImage | None:
        """The image, where it exists and is this home's."""
        ours = [*tagged(self._home), {"Name": "image-id", "Values": [image_id]}]
        return next(iter(await self._described(Owners=["self"], Filters=ours)), None)

    async def public(self, image_id: str) -> FoundImage | None:
        """An image of anybody."""
        return next(iter(await self._described(ImageIds=[image_id])), None)

    async def create(self, instance_id: str, *, version: str, model: str) -> None:
        """Make an image of the stopped instance, which holds ``model``. One that has the name already is the one: its
        answer was lost."""
        tags = {HOME_TAG: self._home, IMAGE_TAG: version, MODEL_TAG: model, "Name": f"{self._home} {version}"}
        given = [{"Key": key, "Value": value} for key, value in tags.items()]
        marks: Any = [{"ResourceType": kind, "Tags": given} for kind in ("image", "snapshot")]
        specifications: Sequence[TagSpecificationTypeDef] = marks
        try:
            await self._calls().do(
                lambda: self._ec2.create_image(
                    InstanceId=instance_id,
                    Name=f"{self._home}-{version}",
                    Description=f"Image {version} of the home {self._home}",
                    TagSpecifications=specifications,
                )
            )
        except ClientError as error:
            if code_of(error) != _NAME_TAKEN:
                raise

    async def artifact(self, found: FoundImage) -> Artifact:
        """What was made, with the size that its snapshots are paid by."""
        snapshots = await self.snapshots(found.snapshots)
        size = sum(int(one.get("FullSnapshotSizeInBytes") or int(one["VolumeSize"]) * GIB) for one in snapshots)
        return Artifact(ref=found.image_id, size_bytes=size, snapshots=found.snapshots)

    async def snapshots(self, names: Collection[str]) -> list[Mapping[str, Any]]:
        """Those of ``names`` that exist."""
        if not names:
            return []
        wanted: Any = [{"Name": "snapshot-id", "Values": sorted(names)}]
        answer = await self._calls().do(lambda: self._ec2.describe_snapshots(OwnerIds=["self"], Filters=wanted))
        return [*answer["Snapshots"]]

    async def loose_snapshots(self, needed: Collection[str]) -> list[str]:
        """Snapshots with the home's tag that are not ``needed``."""
        answer = await self._calls().do(
            lambda: self._ec2.describe_snapshots(OwnerIds=["self"], Filters=tagged(self._home))
        )
        return sorted({one["SnapshotId"] for one in answer["Snapshots"]} - set(needed))

    async def delete(self, artifact: Artifact) -> bool:
        """Deregister the image, then delete its snapshots, then look whether anything is left; True where nothing is.
        That EC2 deletes snapshots with their image is asked of it in vain by some."""
        found = await self.own(artifact.ref)
        snapshots = {*artifact.snapshots, *(found.snapshots if found is not None else ())}
        if found is not None:
            await self._unless_gone(lambda: self._ec2.deregister_image(ImageId=artifact.ref))
        for snapshot in sorted(snapshots):
            await self.delete_snapshot(snapshot)
        return await self.own(artifact.ref) is None and not await self.snapshots(snapshots)

    async def delete_snapshot(self, snapshot: str) -> None:
        """One that is gone is no error."""
        await self._unless_gone(lambda: self._ec2.delete_snapshot(SnapshotId=snapshot))

    async def referenced(self) -> set[str]:
        """The images of the home's instances in any state but terminated, and of every version of its launch
        templates."""

        def read() -> set[str]:
            pages = self._ec2.get_paginator("describe_instances").paginate(Filters=tagged(self._home))
            instances = (one for page in pages for group in page["Reservations"] for one in group["Instances"])
            used = {one["ImageId"] for one in instances if one["State"]["Name"] != _GONE}
            templates = self._ec2.describe_launch_templates(Filters=tagged(self._home))["LaunchTemplates"]
            for template in templates:
                versions = self._ec2.get_paginator("describe_launch_template_versions").paginate(
                    LaunchTemplateId=template["LaunchTemplateId"]
                )
                every = (one for page in versions for one in page["LaunchTemplateVersions"])
                used |= {one["LaunchTemplateData"].get("ImageId", "") for one in every}
            return {name for name in used if name.startswith("ami-")}

        return await self._calls().do(read)

    async def _described(self, **asked: Any) -> list[FoundImage]:
        answer = await self._calls().do(lambda: self._ec2.describe_images(**asked))
        return [_found(one) for one in answer["Images"]]

    async def _unless_gone(self, call: Any) -> None:
        try:
            await self._calls().do(call)
        except ClientError as error:
            if not (is_absent(error) or code_of(error) == "InvalidAMIID.Unavailable"):
                raise

    def _calls(self) -> PatientCalls:
        return PatientCalls(self._clock, MACHINE_PAUSES)


def _found(one: "ImageTypeDef") -> FoundImage:
    disks = one.get("BlockDeviceMappings", [])
    root = str(one.get("RootDeviceName", ""))
    sizes = [disk.get("Ebs", {}).get("VolumeSize", 0) for disk in disks if disk.get("DeviceName") == root]
    tags = tags_of(one.get("Tags", []))
    return FoundImage(
        image_id=one["ImageId"],
        version=tags.get(IMAGE_TAG),
        state=str(one.get("State", "")),
        snapshots=tuple(name for disk in disks if (name := disk.get("Ebs", {}).get("SnapshotId"))),
        root_device=root,
        disk_gb=max(sizes, default=0),
        model=tags.get(MODEL_TAG, ""),
        reason=str(one.get("StateReason", {}).get("Message", "")),
    )
