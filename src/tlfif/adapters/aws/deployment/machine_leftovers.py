"""Leftovers of machines: instances, disks, images, snapshots, launch templates, timers. EC2's are ours by tag alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import code_of
from tlfif.adapters.aws.deployment.deployment_clients import DeploymentClients, Place
from tlfif.adapters.aws.deployment.leftover_kinds import HOME_TAG, LeftoverKind
from tlfif.deployment.deployment import Found

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

TERMINATED = "terminated"
_BY_TAG = "tag tlfif:home"


def machine_kinds(clients: DeploymentClients, place: Place) -> list[LeftoverKind]:
    """In the order of removal: a disk only goes after its machine, a snapshot after its image."""
    ec2 = clients.ec2
    return [
        LeftoverKind(
            name="machines",
            looked_for=_BY_TAG,
            service="ec2",
            find=lambda: [Found(name=name) for name in live_instances(clients, place)],
            remove=lambda name: ec2.terminate_instances(InstanceIds=[name]),
        ),
        LeftoverKind(
            name="disks",
            looked_for=_BY_TAG,
            service="ec2",
            find=lambda: _volumes(clients, place),
            remove=lambda name: ec2.delete_volume(VolumeId=name),
        ),
        LeftoverKind(
            name="images",
            looked_for=f"{_BY_TAG}, with their snapshots",
            service="ec2",
            find=lambda: _images(clients, place),
            remove=lambda name: _remove_image(clients, name),
        ),
        LeftoverKind(
            name="snapshots",
            looked_for=_BY_TAG,
            service="ec2",
            find=lambda: _snapshots(clients, place),
            remove=lambda name: ec2.delete_snapshot(SnapshotId=name),
        ),
        LeftoverKind(
            name="launch templates",
            looked_for=_BY_TAG,
            service="ec2",
            find=lambda: _launch_templates(clients, place),
            remove=lambda name: ec2.delete_launch_template(LaunchTemplateId=name),
        ),
        LeftoverKind(
            name="timers",
            looked_for=f"schedules in the group {place.home}",
            service="scheduler",
            find=lambda: _schedules(clients, place),
            remove=lambda name: _remove_schedule(clients, place, name),
        ),
    ]


def live_instances(clients: DeploymentClients, place: Place) -> Iterator[str]:
    """Ids of the home's instances in any state but terminated."""
    for page in clients.ec2.get_paginator("describe_instances").paginate(Filters=_ours(place)):
        for group in page["Reservations"]:
            yield from (one["InstanceId"] for one in group["Instances"] if one["State"]["Name"] != TERMINATED)


def _ours(place: Place) -> "list[FilterTypeDef]":
    return [{"Name": f"tag:{HOME_TAG}", "Values": [place.home]}]


def _volumes(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    for page in clients.ec2.get_paginator("describe_volumes").paginate(Filters=_ours(place)):
        yield from (
            Found(name=one["VolumeId"]) for one in page["Volumes"] if one["State"] not in {"deleting", "deleted"}
        )


def _images(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    for one in clients.ec2.describe_images(Owners=["self"], Filters=_ours(place))["Images"]:
        yield Found(name=one["ImageId"])


def _remove_image(clients: DeploymentClients, name: str) -> None:
    """Its snapshots go on costing after it, so they go with it."""
    found = clients.ec2.describe_images(ImageIds=[name])["Images"]
    disks = [disk.get("Ebs", {}).get("SnapshotId") for one in found for disk in one.get("BlockDeviceMappings", [])]
    own = {one["SnapshotId"] for one in _own_snapshots(clients, [disk for disk in disks if disk])}
    clients.ec2.deregister_image(ImageId=name)
    for snapshot in sorted(own):
        clients.ec2.delete_snapshot(SnapshotId=snapshot)


def _own_snapshots(clients: DeploymentClients, names: list[str]) -> list[dict[str, str]]:
    if not names:
        return []
    wanted: list[FilterTypeDef] = [{"Name": "snapshot-id", "Values": names}]
    found = clients.ec2.describe_snapshots(OwnerIds=["self"], Filters=wanted)["Snapshots"]
    return [{"SnapshotId": one["SnapshotId"]} for one in found]


def _snapshots(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    for page in clients.ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=_ours(place)):
        yield from (Found(name=one["SnapshotId"]) for one in page["Snapshots"])


def _launch_templates(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    for page in clients.ec2.get_paginator("describe_launch_templates").paginate(Filters=_ours(place)):
        yield from (Found(name=one["LaunchTemplateId"]) for one in page["LaunchTemplates"])


def _schedules(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    """Schedules carry no tags, their group does; it goes with the stack and takes them along."""
    try:
        for page in clients.scheduler.get_paginator("list_schedules").paginate(GroupName=place.home):
            yield from (Found(name=one["Name"]) for one in page["Schedules"] if "Name" in one)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise


def _remove_schedule(clients: DeploymentClients, place: Place, name: str) -> object:
    return clients.scheduler.delete_schedule(Name=name, GroupName=place.home)
