"""The router over EC2: from a prompt to an instance and to its confirmed end, and what it finds after an accident."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.aws.ec2_cloud import ZONES, Ec2Cloud, LostAnswer, Refuse, always
from tests.aws.emulator import Emulator
from tests.aws.test_ec2_faults import FREE_PLAN, NO_CAPACITY, nothing_left
from tests.builders import a_new_job
from tests.fakes.clock import FakeIds
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.model_store import FakeModelStore
from tlfif.adapters.aws.machines.capacity_search import VALID_SECONDS
from tlfif.adapters.aws.machines.ec2_machine_host import SEARCH_SECONDS
from tlfif.control.reconcile import Reconciler
from tlfif.control.stop_machine import stop_machine
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.policy import JobPolicy
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_types import USUAL_TYPES
from tlfif.machines.policy import MachinePolicy


@dataclass(kw_only=True)
class World:
    """A control plane whose machines are instances; its stores are in memory."""

    cloud: Ec2Cloud
    jobs: MemoryJobStore = field(default_factory=lambda: MemoryJobStore(FakeIds()))
    machines: MemoryMachineStore = field(default_factory=lambda: MemoryMachineStore(default_idle_timeout=300.0))
    ids: FakeIds = field(default_factory=FakeIds)

    def router(self) -> Reconciler:
        """As a new process has it."""
        return Reconciler(
            jobs=self.jobs,
            machines=self.machines,
            models=FakeModelStore(),
            host=self.cloud.host(),
            clock=self.cloud.clock,
            ids=self.ids,
            job_policy=JobPolicy(),
            machine_policy=MachinePolicy(),
            image="2026.11",
        )

    async def prompt(self) -> None:
        now = self.cloud.clock.now()
        await self.jobs.submit(a_new_job(now=now, wait_seconds=JobPolicy().wait_limit_seconds), now=now, max_queued=9)

    async def latest(self) -> MachineRecord:
        record = await self.machines.latest()
        assert record is not None
        return record


@pytest.fixture
def world(emulator: Emulator) -> Iterator[World]:
    cloud = Ec2Cloud(emulator)
    yield World(cloud=cloud)
    cloud.close()


async def test_a_prompt_starts_one_instance_and_a_stop_ends_it(world: World) -> None:
    await world.prompt()
    for _ in range(3):
        await world.router().tick()
    (instance,) = world.cloud.instances()
    record = await world.latest()
    assert (record.state, record.handle) == (MachineState.LAUNCHING, instance["InstanceId"])
    host = world.cloud.host()
    await stop_machine(requeue=True, jobs=world.jobs, machines=world.machines, host=host, clock=world.cloud.clock)
    assert (await world.latest()).state is MachineState.STOPPING
    await world.router().tick()
    assert (await world.latest()).ended_at is not None
    assert nothing_left(world.cloud)
    assert (await world.jobs.get("job_1")).status is JobStatus.QUEUED


async def test_ended_by_hand_before_it_was_ready(world: World) -> None:
    await world.prompt()
    await world.router().tick()
    (instance,) = world.cloud.instances()
    world.cloud.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    await world.router().tick()
    record = await world.latest()
    assert (record.state, record.reason) == (MachineState.BROKEN, "ended before it was ready")
    world.cloud.clock.advance(60.0)
    await world.router().tick()
    assert len(world.cloud.instances()) == 1, "the prompt still waits: another machine"
    assert len(world.cloud.schedules()) == 1


@pytest.mark.parametrize(
    ("fault", "state", "pause"),
    [
        (NO_CAPACITY, MachineState.NO_CAPACITY, MachinePolicy().no_capacity_pause_seconds),
        (FREE_PLAN, MachineState.NO_QUOTA, MachinePolicy().no_quota_pause_seconds),
    ],
    ids=["capacity", "account plan"],
)
async def test_refused_for_a_while_the_prompt_waits_and_is_served_after_the_pause(
    world: World, fault: Refuse, state: MachineState, pause: float
) -> None:
    await world.prompt()
    world.cloud.faults["RunInstances"] = always(fault)
    await world.router().tick()
    assert (await world.latest()).state is state
    asked = len(world.cloud.requests["RunInstances"])
    world.cloud.clock.advance(pause - 1.0)
    await world.router().tick()
    assert len(world.cloud.requests["RunInstances"]) == asked, "not asked before its time"
    world.cloud.faults.clear()
    world.cloud.clock.advance(2.0)
    await world.router().tick()
    assert (await world.latest()).state is MachineState.LAUNCHING
    assert len(world.cloud.instances()) == 1


PLACES = len(USUAL_TYPES) * len(ZONES)
SLOW_SECONDS = 4.0


def asked(world: World) -> list[tuple[str, str]]:
    """The places that were asked for an instance, in order."""
    return [(each["InstanceType"], each["SubnetId"]) for each in world.cloud.requests["RunInstances"]]


def slowly(world: World, *, free_at: int = PLACES) -> Callable[[dict[str, Any]], Refuse | None]:
    """AWS takes four seconds for each refusal, until the place with the number ``free_at``."""

    def choose(_: dict[str, Any]) -> Refuse | None:
        if len(asked(world)) > free_at:
            return None
        world.cloud.clock.advance(SLOW_SECONDS)
        return NO_CAPACITY

    return choose


async def test_a_search_that_takes_too_long_is_recorded_and_gone_on_with_at_the_next_look(world: World) -> None:
    await world.prompt()
    world.cloud.faults["RunInstances"] = slowly(world, free_at=PLACES - 3)
    router, began = world.router(), world.cloud.clock.monotonic()
    await router.tick()
    took = world.cloud.clock.monotonic() - began
    assert SEARCH_SECONDS <= took < SEARCH_SECONDS + SLOW_SECONDS
    record = await world.latest()
    assert record.state is MachineState.NO_CAPACITY
    assert f"{PLACES - len(asked(world))} other places are asked next" in record.reason
    assert 0 < len(asked(world)) < PLACES
    await router.tick()
    assert (await world.latest()).state is MachineState.LAUNCHING
    assert len(set(asked(world))) == len(asked(world)) == PLACES - 2, "each place once"
    assert len(world.cloud.instances()) == 1


@pytest.mark.requirement("3.2.3")
async def test_a_search_that_was_ended_is_gone_on_with_by_another_process(world: World) -> None:
    """After the pause, because it does not know of it; once every place was asked, the next search begins anew."""
    await world.prompt()
    world.cloud.faults["RunInstances"] = slowly(world)
    for _ in range(3):
        await world.router().tick()
        assert (await world.latest()).state is MachineState.NO_CAPACITY
        world.cloud.clock.advance(MachinePolicy().no_capacity_pause_seconds)
    assert len(set(asked(world))) == len(asked(world)) == PLACES
    assert "other places" not in (await world.latest()).reason
    world.cloud.faults.clear()
    await world.router().tick()
    assert asked(world)[-1][0] == USUAL_TYPES[0], "the cheapest is asked first again"


async def test_a_search_of_long_ago_is_begun_anew(world: World) -> None:
    await world.prompt()
    world.cloud.faults["RunInstances"] = slowly(world)
    await world.router().tick()
    world.cloud.faults.clear()
    world.cloud.clock.advance(VALID_SECONDS)
    await world.router().tick()
    assert asked(world)[-1][0] == USUAL_TYPES[0]


async def test_where_aws_says_that_there_is_capacity_is_asked_next(world: World) -> None:
    await world.prompt()
    named: list[str] = []

    def hint(wire: dict[str, Any]) -> Refuse | None:
        if named:
            return None
        free = next(zone for zone in reversed(world.cloud.zones) if zone.subnet_id != wire["SubnetId"])
        named.append(free.subnet_id)
        return Refuse(
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient g4dn.xlarge capacity in the Availability Zone you requested "
            f"(eu-central-1a). Our system will be working on provisioning additional capacity. You can currently get "
            "g4dn.xlarge capacity by not specifying an Availability Zone in your request or choosing "
            f"eu-central-1x, {free.name}.",
            status=500,
        )

    world.cloud.faults["RunInstances"] = hint
    await world.router().tick()
    assert asked(world)[1:] == [(USUAL_TYPES[0], named[0])]


@pytest.mark.requirement("3.6.5")
async def test_every_answer_is_lost_and_the_sweep_ends_what_nobody_owns(world: World) -> None:
    await world.prompt()
    world.cloud.faults["RunInstances"] = always(LostAnswer())
    await world.router().tick()
    record = await world.latest()
    assert (record.state, record.handle) == (MachineState.BROKEN, None)
    (orphan,) = world.cloud.instances()
    world.cloud.faults.clear()
    router = world.router()
    assert await router.sweep_orphans() == []
    assert await router.sweep_orphans() == [orphan["InstanceId"]]
    await router.sweep_orphans()
    assert nothing_left(world.cloud)


async def test_not_visible_at_first_is_waited_for(world: World) -> None:
    await world.prompt()
    await world.router().tick()
    world.cloud.faults["DescribeInstances"] = always(Refuse("InvalidInstanceID.NotFound"))
    world.cloud.clock.advance(30.0)
    await world.router().tick()
    assert (await world.latest()).state is MachineState.LAUNCHING
    world.cloud.faults.clear()
    await world.router().tick()
    assert len(world.cloud.instances()) == 1
