"""The probes of ``tlfif doctor`` for resources that cost money now."""

from collections.abc import Mapping
from typing import Any

from tlfif.adapters.aws.calls.home_tag import HOME_TAG, tags_of
from tlfif.adapters.aws.calls.image_parameter import image_parameters
from tlfif.adapters.aws.deployment.clients import Place
from tlfif.adapters.aws.deployment.inventory import Inventory, Item
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.adapters.aws.doctor.probe_context import ProbeContext
from tlfif.adapters.aws.machines.ec2_instances import IMAGE_TAG
from tlfif.adapters.daemon_thread import in_daemon_thread
from tlfif.doctor import leftover_verdicts as verdicts
from tlfif.doctor.checks import Finding

_COSTING = frozenset({"pending", "running", "stopping", "shutting-down"})
GIB = 1 << 30


async def machines(context: ProbeContext) -> Finding:
    """The home's instances that are not stopped or terminated."""
    facts = [
        verdicts.MachineFact(
            instance_id=one.name,
            instance_type=one.facts["InstanceType"],
            age_seconds=max(0.0, (context.now - one.facts["LaunchTime"]).total_seconds()),
        )
        for one in await _ours(context, "machines")
        if one.facts["State"]["Name"] in _COSTING
    ]
    return verdicts.machines(facts, context.priced, max_run_seconds=context.max_run_seconds)


async def disks(context: ProbeContext) -> Finding:
    """The home's volumes."""
    return verdicts.disks([_disk(one.facts) for one in await _ours(context, "disks")], context.priced)


async def foreign_disks(context: ProbeContext) -> Finding:
    """Volumes without the home's tag that no machine uses. EC2's filters cannot express "without a tag"."""
    found = await context.calls.items(
        "ec2", "describe_volumes", "Volumes", Filters=[{"Name": "status", "Values": ["available"]}]
    )
    others = [one for one in found if HOME_TAG not in {tag["Key"] for tag in one.get("Tags", [])}]
    return verdicts.foreign_disks([_disk(one) for one in others], context.priced)


async def images(context: ProbeContext) -> Finding:
    """The home's images, and the parameters that say which ones machines are launched from."""
    path = image_parameters(context.home)
    found = await context.calls.items("ssm", "get_parameters_by_path", "Parameters", Path=path)
    promoted = {one["Name"].rpartition("/")[2]: one["Value"] for one in found}
    facts = [
        verdicts.ImageFact(
            image_id=one.name,
            version=tags_of(one.facts.get("Tags", [])).get(IMAGE_TAG),
            state=one.facts.get("State", ""),
        )
        for one in await _ours(context, "images")
    ]
    return verdicts.images(facts, promoted, region=context.region)


async def snapshots(context: ProbeContext) -> Finding:
    """The home's snapshots, and which of them an image of the account needs."""
    images = await context.calls.items("ec2", "describe_images", "Images", Owners=["self"])
    needed = {
        mapping["Ebs"].get("SnapshotId")
        for image in images
        for mapping in image.get("BlockDeviceMappings", [])
        if "Ebs" in mapping
    }
    facts = [
        verdicts.SnapshotFact(snapshot_id=one.name, gb=_stored_gb(one.facts), of_image=one.name in needed)
        for one in await _ours(context, "snapshots")
    ]
    return verdicts.snapshots(facts, context.priced)


async def log_groups(context: ProbeContext) -> Finding:
    """The home's log groups without ``retentionInDays``, which AWS keeps for ever."""
    endless = [
        verdicts.LogGroupFact(name=one.name, stored_bytes=int(one.facts.get("storedBytes", 0)))
        for one in await _ours(context, "logs")
        if "retentionInDays" not in one.facts
    ]
    return verdicts.log_groups(endless, region=context.region)


async def _ours(context: ProbeContext, kind: str) -> list[Item]:
    place = Place(home=context.home, account_id=context.account, region=context.region)
    found = await in_daemon_thread(lambda: Inventory(context.calls.reading, place, StackTemplate()).find(kind))
    return [one for one in found if one.ours]


def _disk(found: Mapping[str, Any]) -> verdicts.DiskFact:
    return verdicts.DiskFact(
        volume_id=found["VolumeId"],
        gb=int(found["Size"]),
        attached=found["State"] != "available",
        kind=found.get("VolumeType", "gp3"),
    )


def _stored_gb(found: Mapping[str, Any]) -> float:
    """The stored size in GiB if AWS reports it; otherwise the size of the disk."""
    stored = found.get("FullSnapshotSizeInBytes")
    return round(int(stored) / GIB, 1) if stored else float(found["VolumeSize"])
