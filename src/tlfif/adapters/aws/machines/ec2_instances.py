"""Calls to EC2, and an instance as EC2 describes it."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import code_of, is_absent
from tlfif.adapters.aws.calls.home_tag import HOME_TAG, tagged, tags_of
from tlfif.adapters.aws.calls.patient_calls import PatientCalls
from tlfif.adapters.aws.machines.launch_plan import Attempt, Launched, Zone
from tlfif.adapters.aws.machines.promoted_images import LaunchImage

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import (
        EbsBlockDeviceTypeDef,
        InstanceTypeDef,
        LaunchTemplateSpecificationTypeDef,
        RunInstancesRequestTypeDef,
        TagTypeDef,
    )

MACHINE_TAG = "tlfif:machine-id"
IMAGE_TAG = "tlfif:image"
"""The image's version in our own numbering, so that a kept disk with an old image is not started again."""
WORK_TAG = "tlfif:image-work"
"""Only on an instance that builds or tests an image: it is no machine, and not the router's to end."""

PENDING, RUNNING, STOPPING, STOPPED = "pending", "running", "stopping", "stopped"
TERMINATED = "terminated"

MISMATCH = "IdempotentParameterMismatch"
"""EC2's code for a token that was used before with other parameters: something was launched with it."""

_MALFORMED = "InvalidInstanceID.Malformed"
_CANNOT_SKIP = re.compile(r"^(InvalidParameter|UnknownParameter|UnsupportedOperation)")
_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ec2Instance:
    """One instance. Times are EC2's own, in epoch seconds; ``ended_at`` is when it left the state running, if EC2 says
    so. ``reason`` is EC2's code for why it ended, if it did."""

    instance_id: str
    instance_type: str
    state: str
    machine_id: str | None
    image: str | None
    token: str
    began_at: float
    ended_at: float | None
    reason: str
    volume_ids: tuple[str, ...]
    is_work: bool = False
    last_words: str = ""
    """EC2's own sentence for why it ended."""

    @property
    def launched(self) -> Launched:
        """As the launch plan needs it."""
        ending = self.state not in {PENDING, RUNNING}
        return Launched(handle=self.instance_id, began_at=self.began_at, ending=ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What all attempts of one launch have in common. ``images`` and ``user_data``: by instance type, because a type
    decides the engine. ``disk_gb`` None: the launch template's."""

    machine_id: str
    images: Mapping[str, LaunchImage]
    user_data: Mapping[str, str]
    keep_disk: bool
    root_device: str = "/dev/sda1"
    disk_gb: int | None = None


class Ec2Instances:
    """The instances of one installation, selected by tag. All methods raise AWS's errors unless they say otherwise, and
    all are safe to repeat. ``launch_template`` is its id or its name. ``work``: those that build or test images,
    instead of the machines."""

    def __init__(self, ec2: "EC2Client", *, home: str, launch_template: str, work: bool = False) -> None:
        self._ec2 = ec2
        self._home = home
        self._work = work
        self._template: LaunchTemplateSpecificationTypeDef = (
            {"LaunchTemplateId": launch_template, "Version": "$Latest"}
            if launch_template.startswith("lt-")
            else {"LaunchTemplateName": launch_template, "Version": "$Latest"}
        )

    async def run(self, request: LaunchRequest, attempt: Attempt, calls: PatientCalls) -> Ec2Instance:
        """Launch an instance, or return the one that this very attempt has launched before."""
        wanted = self._wanted(request, attempt)
        try:
            answer = await calls.do(lambda: self._ec2.run_instances(**wanted))
        except ClientError as error:
            if code_of(error) != MISMATCH:
                raise
            # Launched before, with settings that have changed since: that instance is the one.
            return await self._made_before(request.machine_id, attempt, error, calls)
        return _seen(answer["Instances"][0])

    async def _made_before(
        self, machine_id: str, attempt: Attempt, error: ClientError, calls: PatientCalls
    ) -> Ec2Instance:
        """Look until EC2 shows it. A terminated one counts, because then this machine's run is over."""
        while True:
            found = await self.find({f"tag:{MACHINE_TAG}": [machine_id]}, calls)
            made = next((one for one in found if one.token == attempt.token), None)
            if made is not None:
                return made
            await calls.pause(error)

    async def zones(self, calls: PatientCalls) -> tuple[Zone, ...]:
        """Zones with one of our subnets, sorted by name."""
        answer = await calls.do(lambda: self._ec2.describe_subnets(Filters=tagged(self._home)))
        found = sorted((one["AvailabilityZone"], one["SubnetId"]) for one in answer["Subnets"])
        return tuple(Zone(name=name, subnet_id=subnet_id) for name, subnet_id in found)

    async def find(self, filters: Mapping[str, Sequence[str]], calls: PatientCalls) -> list[Ec2Instance]:
        """Instances with our tag that match ``filters``, in any state. The newest may not be visible yet."""
        # No filter of EC2's says "without this tag".
        return [one for one in await self._all(filters, calls) if one.is_work == self._work]

    async def at_work(self, calls: PatientCalls) -> list[Ec2Instance]:
        """Those that build or test images now, whichever kind this is about."""
        living = {"instance-state-name": [PENDING, RUNNING]}
        return [one for one in await self._all(living, calls) if one.is_work]

    async def _all(self, filters: Mapping[str, Sequence[str]], calls: PatientCalls) -> list[Ec2Instance]:
        wanted = tagged(self._home)
        wanted += [{"Name": name, "Values": list(values)} for name, values in filters.items()]

        def read() -> list[Ec2Instance]:
            pages = self._ec2.get_paginator("describe_instances").paginate(
                Filters=wanted, PaginationConfig={"PageSize": _PAGE}
            )
            return [_seen(one) for page in pages for group in page["Reservations"] for one in group["Instances"]]

        return await calls.do(read)

    async def of_machine(self, machine_id: str, calls: PatientCalls) -> list[Ec2Instance]:
        """The machine's instances that are not terminated; more than one only after a fault."""
        found = await self.find({f"tag:{MACHINE_TAG}": [machine_id]}, calls)
        return [one for one in found if one.state != TERMINATED]

    async def describe(self, instance_id: str, calls: PatientCalls) -> Ec2Instance | None:
        """The instance; None if EC2 does not know it: not yet, or no longer (about an hour after its end)."""
        try:
            answer = await calls.do(lambda: self._ec2.describe_instances(InstanceIds=[instance_id]))
        except ClientError as error:
            if _is_unknown(error):
                return None
            raise
        return next((_seen(one) for group in answer["Reservations"] for one in group["Instances"]), None)

    async def terminate(self, instance_id: str, calls: PatientCalls, *, at_once: bool) -> None:
        """Terminate it; ``at_once`` skips the operating system's shutdown. An instance that is gone is no error."""
        try:
            if at_once and await self._cut_off(instance_id, calls):
                return
            await calls.do(lambda: self._ec2.terminate_instances(InstanceIds=[instance_id]))
        except ClientError as error:
            if not _is_unknown(error):
                raise

    async def _cut_off(self, instance_id: str, calls: PatientCalls) -> bool:
        """Terminate it without a shutdown. False if EC2 does not allow that; the caller then terminates it normally."""
        try:
            await calls.do(lambda: self._ec2.terminate_instances(InstanceIds=[instance_id], SkipOsShutdown=True))
        except ClientError as error:
            if _CANNOT_SKIP.match(code_of(error)):
                return False
            raise
        return True

    async def stop(self, instance_id: str, calls: PatientCalls) -> None:
        """Shut it down and keep its disk. An instance that is gone is no error."""
        try:
            await calls.do(lambda: self._ec2.stop_instances(InstanceIds=[instance_id]))
        except ClientError as error:
            if not _is_unknown(error):
                raise

    async def wake(self, kept: Ec2Instance, request: LaunchRequest, calls: PatientCalls) -> None:
        """Start a stopped instance as another machine. The tags are set first: they identify a start whose answer is
        lost."""

        def mark() -> None:
            self._ec2.create_tags(
                Resources=[kept.instance_id, *kept.volume_ids], Tags=self._tags(request, kept.instance_type)
            )
            # Unlike in RunInstances, botocore does not encode this; EC2 wants base 64 (EC2 user guide, "user data").
            encoded = base64.b64encode(request.user_data[kept.instance_type].encode()).decode()
            self._ec2.modify_instance_attribute(InstanceId=kept.instance_id, Attribute="userData", Value=encoded)

        await calls.do(mark)
        await calls.do(lambda: self._ec2.start_instances(InstanceIds=[kept.instance_id]))

    def _tags(self, request: LaunchRequest, instance_type: str) -> "list[TagTypeDef]":
        tags = {
            "Name": f"{self._home} {request.machine_id}",
            HOME_TAG: self._home,
            MACHINE_TAG: request.machine_id,
            IMAGE_TAG: request.images[instance_type].version[:256],
        }
        if self._work:
            tags[WORK_TAG] = request.machine_id
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def _wanted(self, request: LaunchRequest, attempt: Attempt) -> "RunInstancesRequestTypeDef":
        tags = self._tags(request, attempt.instance_type)
        wanted: RunInstancesRequestTypeDef = {
            "LaunchTemplate": self._template,
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": attempt.token,
            "ImageId": request.images[attempt.instance_type].image_id,
            "InstanceType": cast("InstanceTypeType", attempt.instance_type),
            "SubnetId": attempt.zone.subnet_id,
            "InstanceInitiatedShutdownBehavior": "stop" if request.keep_disk else "terminate",
            "UserData": request.user_data[attempt.instance_type],
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": tags},
                {"ResourceType": "volume", "Tags": tags},
            ],
        }
        if request.disk_gb is not None:
            disk: EbsBlockDeviceTypeDef = {
                "VolumeSize": request.disk_gb,
                "VolumeType": "gp3",
                "Encrypted": True,
                "DeleteOnTermination": True,
            }
            wanted["BlockDeviceMappings"] = [{"DeviceName": request.root_device, "Ebs": disk}]
        return wanted


def _is_unknown(error: ClientError) -> bool:
    return is_absent(error) or code_of(error) == _MALFORMED


def _seen(one: "InstanceTypeDef") -> Ec2Instance:
    tags = tags_of(one.get("Tags", []))
    state = str(one["State"]["Name"])
    volumes = (mapping.get("Ebs", {}).get("VolumeId") for mapping in one.get("BlockDeviceMappings", []))
    return Ec2Instance(
        instance_id=one["InstanceId"],
        instance_type=one["InstanceType"],
        state=state,
        machine_id=tags.get(MACHINE_TAG),
        image=tags.get(IMAGE_TAG),
        token=one.get("ClientToken", ""),
        began_at=one["LaunchTime"].timestamp(),
        ended_at=None if state in {PENDING, RUNNING} else ended_at(one.get("StateTransitionReason", "")),
        reason=str(one.get("StateReason", {}).get("Code", "")),
        volume_ids=tuple(volume for volume in volumes if volume),
        is_work=WORK_TAG in tags,
        last_words=str(one.get("StateReason", {}).get("Message", "")),
    )


def ended_at(transition_reason: str) -> float | None:
    """The time in a text such as "User initiated (2024-01-01 12:00:00 GMT)", in epoch seconds; None if there is none,
    as for an instance that shut itself down."""
    found = _WHEN.search(transition_reason)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
