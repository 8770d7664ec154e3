"""What ``tlfif doctor`` asks AWS about things that cost money now."""

from typing import Any

from tlfif.adapters.aws.doctor.doctor_calls import Question
from tlfif.adapters.aws.machines.ec2_instances import HOME_TAG
from tlfif.doctor import doctor_leftovers as verdicts
from tlfif.doctor.doctor import Finding

_COSTING = ["pending", "running", "stopping", "shutting-down"]
GIB = 1 << 30


async def machines(ask: Question) -> Finding:
    """Instances with the home's tag that are not off."""
    found = await ask.calls.items(
        "ec2",
        "describe_instances",
        "Reservations",
        Filters=[_ours(ask), {"Name": "instance-state-name", "Values": _COSTING}],
    )
    facts = [
        verdicts.MachineFact(
            instance_id=one["InstanceId"],
            instance_type=one["InstanceType"],
            age_seconds=max(0.0, (ask.now - one["LaunchTime"]).total_seconds()),
        )
        for reservation in found
        for one in reservation.get("Instances", [])
    ]
    return verdicts.machines(facts, ask.priced, max_run_seconds=ask.max_run_seconds)


async def disks(ask: Question) -> Finding:
    """Volumes with the home's tag."""
    found = await ask.calls.items("ec2", "describe_volumes", "Volumes", Filters=[_ours(ask)])
    return verdicts.disks([_disk(one) for one in found], ask.priced)


async def foreign_disks(ask: Question) -> Finding:
    """Volumes of somebody's that no machine uses. Filters cannot say "without a tag"."""
    found = await ask.calls.items(
        "ec2", "describe_volumes", "Volumes", Filters=[{"Name": "status", "Values": ["available"]}]
    )
    others = [one for one in found if HOME_TAG not in {tag["Key"] for tag in one.get("Tags", [])}]
    return verdicts.foreign_disks([_disk(one) for one in others], ask.priced)


async def snapshots(ask: Question) -> Finding:
    """Snapshots with the home's tag, beside those that images of the account need."""
    images = await ask.calls.items("ec2", "describe_images", "Images", Owners=["self"])
    needed = {
        mapping["Ebs"].get("SnapshotId")
        for image in images
        for mapping in image.get("BlockDeviceMappings", [])
        if "Ebs" in mapping
    }
    found = await ask.calls.items("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=[_ours(ask)])
    facts = [
        verdicts.SnapshotFact(snapshot_id=one["SnapshotId"], gb=_stored_gb(one), of_image=one["SnapshotId"] in needed)
        for one in found
    ]
    return verdicts.snapshots(facts, ask.priced)


async def log_groups(ask: Question) -> Finding:
    """Log groups by the names that the home's have; without ``retentionInDays`` AWS keeps them for ever."""
    endless = []
    for prefix in (
        f"/aws/lambda/{ask.home}-",
        f"/aws/vendedlogs/{ask.home}/",
        f"/aws/codebuild/{ask.home}",
        f"/{ask.home}/",
    ):
        found = await ask.calls.items("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
        endless += [
            verdicts.LogGroupFact(name=one["logGroupName"], stored_bytes=int(one.get("storedBytes", 0)))
            for one in found
            if "retentionInDays" not in one
        ]
    return verdicts.log_groups(endless, region=ask.region)


def _ours(ask: Question) -> dict[str, Any]:
    return {"Name": f"tag:{HOME_TAG}", "Values": [ask.home]}


def _disk(found: dict[str, Any]) -> verdicts.DiskFact:
    return verdicts.DiskFact(
        volume_id=found["VolumeId"],
        gb=int(found["Size"]),
        attached=found["State"] != "available",
        kind=found.get("VolumeType", "gp3"),
    )


def _stored_gb(found: dict[str, Any]) -> float:
    """What is really in it, where AWS says so; else the whole disk."""
    stored = found.get("FullSnapshotSizeInBytes")
    return round(int(stored) / GIB, 1) if stored else float(found["VolumeSize"])
