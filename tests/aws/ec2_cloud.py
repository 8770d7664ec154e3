"""A part of the emulated AWS where machines run: a network, a launch template, a schedule group, and faults on request.

The emulator's EC2 knows no client tokens, and its instances obey at once. Both are added here, in front of the socket,
by botocore's events: every request that is not refused or short-cut here goes over the wire.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from tests.aws.emulator import REGION, Emulator
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.images import FakeRegistry
from tlfif.adapters.aws.calls.clients import MACHINE_CONFIG
from tlfif.adapters.aws.calls.dynamo_table import DynamoTable
from tlfif.adapters.aws.machines.capacity_search import CapacitySearch
from tlfif.adapters.aws.machines.dead_mans_switch import DeadMansSwitch
from tlfif.adapters.aws.machines.ec2_instances import Ec2Instances
from tlfif.adapters.aws.machines.ec2_machine_host import Ec2MachineHost, Ec2Settings
from tlfif.adapters.aws.machines.launch_plan import Zone
from tlfif.images.image import Artifact, Pointer, Profile
from tlfif.images.image_registry import StoredImage
from tlfif.machines.machine_types import USUAL_TYPES, EngineKind

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

ZONES = ("a", "b", "c")
MAX_RUN_SECONDS = 4 * 3600.0
ROLE = "arn:aws:iam::123456789012:role/tlfif-schedule"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:123456789012:tlfif-schedule-dead"


@dataclass(frozen=True)
class Refuse:
    """The request never reaches the emulator; AWS answers with this error."""

    code: str
    message: str = "Injected."
    status: int = 400


class LostAnswer:
    """The request is executed, and the connection breaks before its answer arrives."""


class NoConnection:
    """The request does not get through."""


Fault = Refuse | LostAnswer | NoConnection | Exception | None
"""An exception is raised by botocore before anything is sent."""
Choose = Callable[[dict[str, Any]], Fault]
"""Given the request's parameters as they go over the wire: what goes wrong, or None."""

DEAF_ANSWER = {"CurrentState": {"Code": 32, "Name": "shutting-down"}, "PreviousState": {"Code": 16, "Name": "running"}}


_NUMBERS = count(1)
"""All emulators of one process share what they hold, so names are counted by the process."""


class Ground:
    """What takes time to make, and what one test after the other can stand on: clients, a network, a template."""

    def __init__(self, emulator: Emulator) -> None:
        self.ec2: EC2Client = emulator.session.client("ec2", endpoint_url=emulator.endpoint, config=MACHINE_CONFIG)
        self.scheduler: EventBridgeSchedulerClient = emulator.session.client(
            "scheduler", endpoint_url=emulator.endpoint, config=MACHINE_CONFIG
        )
        self.template = f"template-{next(_NUMBERS)}"
        self.ec2.create_launch_template(
            LaunchTemplateName=self.template, LaunchTemplateData={"InstanceInitiatedShutdownBehavior": "terminate"}
        )
        vpc = self.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self.zones = tuple(self._zone(vpc, number, letter) for number, letter in enumerate(ZONES))

    def _zone(self, vpc: str, number: int, letter: str) -> Zone:
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=REGION + letter)[
            "Subnet"
        ]["SubnetId"]
        return Zone(name=REGION + letter, subnet_id=subnet)


_GROUNDS: WeakKeyDictionary[Emulator, list[Ground]] = WeakKeyDictionary()
"""Those that no test stands on at the moment."""


class Ec2Cloud:
    """``faults`` by operation are chosen for each request; ``requests`` counts those made, with their parameters.

    ``deaf`` instances do not end while their operating system is asked to. ``hidden``: as many looks for instances by
    their marks find none, since EC2 shows what is new late.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.home = f"cloud-{next(_NUMBERS)}"  # no name that a home of ``Emulator.unique`` has
        self.ground = _GROUNDS[emulator].pop() if _GROUNDS.setdefault(emulator, []) else Ground(emulator)
        self._emulator = emulator
        self.ec2, self.scheduler, self.zones = self.ground.ec2, self.ground.scheduler, self.ground.zones
        self.clock = FakeClock(time.time(), auto_advance=True)  # the emulator has the real time
        self.faults: dict[str, Choose] = {}
        self.requests: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.deaf: set[str] = set()
        self.all_deaf = False
        self.hidden = 0
        self.template = self.ground.template
        self.registry = FakeRegistry()
        self.promote("embedded-1", "ami-0123456789abcdef0")
        self.scheduler.create_schedule_group(Name=self.home)
        emulator.create_state_table(self.home)
        # Of the test before, if there was one: a tag has one value.
        self.ec2.create_tags(
            Resources=[zone.subnet_id for zone in self.zones], Tags=[{"Key": "tlfif:home", "Value": self.home}]
        )
        self._made: dict[str, Any] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        for client in (self.ec2, self.scheduler):
            events = client.meta.events
            events.register_first("before-call", self._before)
            events.register_last("after-call", self._after)
            events.register("after-call-error", self._release)

    def close(self) -> None:
        """Leave the ground to the next test."""
        for client in (self.ec2, self.scheduler):
            events = client.meta.events
            events.unregister("before-call", self._before)
            events.unregister("after-call", self._after)
            events.unregister("after-call-error", self._release)
        _GROUNDS[self._emulator].append(self.ground)

    def promote(self, version: str, image_id: str, *, disk_gb: int = 10, model: str = "") -> None:
        """An image for each kind of machine, with these facts."""
        artifact = Artifact(ref=image_id, size_bytes=1)
        self.registry.artifacts[image_id] = StoredImage(version=version, artifact=artifact)
        for profile in Profile:
            self.registry.pointers[profile] = Pointer(
                profile=profile, version=version, ref=image_id, disk_gb=disk_gb, model=model
            )

    def host(
        self,
        *,
        standby: bool = False,
        types: tuple[str, ...] = USUAL_TYPES,
        gpu_engine: EngineKind = EngineKind.VLLM,
        disk_gb: int = 0,
    ) -> Ec2MachineHost:
        """One more control plane."""
        return Ec2MachineHost(
            instances=Ec2Instances(self.ec2, home=self.home, launch_template=self.template),
            switch=DeadMansSwitch(
                self.scheduler,
                home=self.home,
                group=self.home,
                role_arn=ROLE,
                dead_letters_arn=DEAD_LETTERS,
                clock=self.clock,
            ),
            search=CapacitySearch(
                DynamoTable(self._emulator.dynamodb, self.home, clock=self.clock, ids=FakeIds(), rng=Random(1)),
                self.clock,
            ),
            settings=Ec2Settings(
                home=self.home,
                region=REGION,
                instance_types=types,
                max_run_seconds=MAX_RUN_SECONDS,
                standby=standby,
                gpu_engine=gpu_engine,
                disk_gb=disk_gb,
                machine_settings={"jobs_table": "tlfif-jobs"},
            ),
            clock=self.clock,
            registry=self.registry,
        )

    def instances(self, *states: str) -> "list[InstanceTypeDef]":
        """What there is, as the emulator itself has it; without ``states`` all that is not terminated."""
        with self.no_faults():
            answer = self.ec2.describe_instances(
                Filters=[
                    {"Name": "tag:tlfif:home", "Values": [self.home]},
                    {
                        "Name": "instance-state-name",
                        "Values": states or ["pending", "running", "stopping", "stopped", "shutting-down"],
                    },
                ]
            )
        return [one for group in answer["Reservations"] for one in group["Instances"]]

    def schedules(self) -> dict[str, dict[str, Any]]:
        """All schedules of the group by name."""
        with self.no_faults():
            names = [one["Name"] for one in self.scheduler.list_schedules(GroupName=self.home)["Schedules"]]
            return {name: dict(self.scheduler.get_schedule(Name=name, GroupName=self.home)) for name in names}

    @contextmanager
    def no_faults(self) -> Iterator[None]:
        """The test looks for itself: without faults, and not counted."""
        kept = self.faults, self.requests, self.hidden
        self.faults, self.requests, self.hidden = {}, defaultdict(list), 0
        yield
        self.faults, self.requests, self.hidden = kept

    def _before(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: object) -> Any:
        body = params.get("body")
        wire = dict(body) if isinstance(body, dict) else {"path": params.get("url_path")}
        self.requests[model.name].append(wire)
        choose = self.faults.get(model.name)
        fault = choose(wire) if choose is not None else None
        context["fault"] = fault
        if isinstance(fault, NoConnection):
            raise ConnectionClosedError(endpoint_url="injected")
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, Refuse):
            return injected_answer(
                fault.status,
                {
                    "Error": {"Code": fault.code, "Message": fault.message},
                    "ResponseMetadata": {"HTTPStatusCode": fault.status},
                },
            )
        context["by_mark"] = "Filter.1.Name" in wire
        if model.name == "RunInstances":
            return self._by_token(wire["ClientToken"], context)
        if model.name == "TerminateInstances" and "SkipOsShutdown" not in wire:
            asked = wire["InstanceId.1"]
            if self.all_deaf or asked in self.deaf:
                return injected_answer(200, {"TerminatingInstances": [{"InstanceId": asked, **DEAF_ANSWER}]})
        return None

    def _by_token(self, token: str, context: dict[str, Any]) -> Any:
        """As EC2 does: one token is one instance, and who comes while it is made waits for it."""
        lock = self._locks[token]
        lock.acquire()
        context["lock"] = lock
        if token in self._made:
            context["answered"] = True
            return injected_answer(200, self._made[token])
        context["token"] = token
        return None

    def _after(self, http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **_: object) -> None:
        if "token" in context and http_response.status_code == 200:
            self._made[context["token"]] = parsed
        if model.name == "DescribeInstances" and context.pop("by_mark", False) and self.hidden > 0:
            self.hidden -= 1
            parsed["Reservations"] = []
        self._release(context)
        if isinstance(context.get("fault"), LostAnswer):
            raise ConnectionClosedError(endpoint_url="injected")

    def _release(self, context: dict[str, Any], **_: object) -> None:
        lock = context.pop("lock", None)
        if lock is not None:
            lock.release()


def injected_answer(status: int, parsed: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
    """An answer that the emulator did not give."""
    return AWSResponse("injected", status, {}, None), parsed


def times(number: int, fault: Fault) -> Choose:
    """The first ``number`` requests go wrong."""
    left = iter([fault] * number)
    return lambda _: next(left, None)


def always(fault: Fault) -> Choose:
    """Every request goes wrong."""
    return lambda _: fault
