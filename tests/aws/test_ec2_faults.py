"""What EC2 and Scheduler do to a launch, and that afterwards nothing runs that nobody owns."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import CredentialRetrievalError, NoCredentialsError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tests.aws.ec2_cloud import MAX_RUN_SECONDS, Ec2Cloud, LostAnswer, NoConnection, Refuse, always, times
from tests.aws.emulator import REGION, Emulator
from tests.contract.test_machine_host import a_spec
from tlfif.adapters.aws.calls.patient_calls import MACHINE_PAUSES
from tlfif.control.launch_machine import END_STATES
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine import MachineState
from tlfif.machines.machine_types import USUAL_TYPES
from tlfif.money.amounts import usd_of
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import running_rates

NO_CAPACITY = Refuse("InsufficientInstanceCapacity", "We currently do not have sufficient capacity.", status=500)
THROTTLED = Refuse("RequestLimitExceeded", "Request limit exceeded.", status=503)
FREE_PLAN = Refuse(
    "InvalidParameterCombination",
    "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run "
    "'describe-instance-types' with the filter 'free-tier-eligible=true'.",
)
NO_QUOTA = Refuse("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of 0.")
NOT_MINE = Refuse(
    "UnauthorizedOperation",
    "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/x is not authorized to "
    "perform: iam:PassRole on resource: arn:aws:iam::1:role/y because no identity-based policy allows it.",
    status=403,
)


@pytest.fixture
def cloud(emulator: Emulator) -> Iterator[Ec2Cloud]:
    made = Ec2Cloud(emulator)
    yield made
    made.close()


async def refused(cloud: Ec2Cloud, *types: str) -> MachineError:
    """A launch that comes to nothing."""
    with pytest.raises(MachineError) as caught:
        await cloud.host(types=types or USUAL_TYPES).launch(a_spec())
    return caught.value


def no_quota_for(*kinds: str, otherwise: Refuse | None = None) -> Callable[[dict[str, Any]], Refuse | None]:
    """The account may run no machine whose type begins so."""
    return lambda request: NO_QUOTA if request["InstanceType"].startswith(kinds) else otherwise


def nothing_left(cloud: Ec2Cloud) -> bool:
    return cloud.instances() == [] and cloud.schedules() == {}


def fires_at(schedule: dict[str, Any]) -> float:
    told = datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)")
    return told.replace(tzinfo=UTC).timestamp()


def where(request: dict[str, Any]) -> tuple[str, str]:
    return request["InstanceType"], request["SubnetId"]


# Capacity


@pytest.mark.requirement("3.2.3")
async def test_no_capacity_in_one_zone_is_the_next_zones_turn(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = times(1, NO_CAPACITY)
    handle = await cloud.host().launch(a_spec())
    first, second = (where(request) for request in cloud.requests["RunInstances"])
    assert (first[0], second[0]) == ("g4dn.xlarge", "g4dn.xlarge")
    assert first[1] != second[1]
    assert [one["InstanceId"] for one in cloud.instances()] == [handle]
    assert len(cloud.schedules()) == 1


async def test_a_type_that_no_zone_has_is_the_next_types_turn(cloud: Ec2Cloud) -> None:
    def only_g6(request: dict[str, Any]) -> Refuse | None:
        if request["InstanceType"] == "g6.xlarge":
            return None
        return Refuse("Unsupported", "Your requested instance type is not supported in your requested zone.")

    cloud.faults["RunInstances"] = only_g6
    await cloud.host().launch(a_spec())
    assert [one["InstanceType"] for one in cloud.instances()] == ["g6.xlarge"]
    assert len(cloud.requests["RunInstances"]) == 4


async def test_no_capacity_anywhere_is_said_so_and_nothing_is_left(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = always(NO_CAPACITY)
    error = await refused(cloud)
    assert error.code == "no_capacity"
    tried = [where(request) for request in cloud.requests["RunInstances"]]
    assert len(set(tried)) == len(tried) == len(USUAL_TYPES) * 3
    assert [kind for kind, _ in tried] == [kind for kind in USUAL_TYPES for _ in range(3)]
    assert "nothing is charged" in error.message
    assert (
        "g4dn.xlarge, g6.xlarge, g5.xlarge, c7i.xlarge in eu-central-1a, eu-central-1b, eu-central-1c" in error.message
    )
    assert nothing_left(cloud)
    assert cloud.clock.monotonic() == 1000.0, "another zone is asked at once"


async def test_no_capacity_for_a_while(cloud: Ec2Cloud) -> None:
    """The same machine is asked for again when there is some: with the same tokens."""
    cloud.faults["RunInstances"] = always(NO_CAPACITY)
    assert (await refused(cloud)).code == "no_capacity"
    cloud.faults.clear()
    handle = await cloud.host().launch(a_spec())
    tokens = [request["ClientToken"] for request in cloud.requests["RunInstances"]]
    assert tokens[12] == tokens[0]
    assert [one["InstanceId"] for one in cloud.instances()] == [handle]


# Refusals that asking again does not change


@pytest.mark.requirement("3.2.4")
@pytest.mark.parametrize(
    ("fault", "code", "state", "said"),
    [
        (
            Refuse("ResourceLimitExceeded", "The volume initialization rate limit of the region is exceeded."),
            "no_quota",
            MachineState.NO_QUOTA,
            ("fills no more disks", "Wait some minutes"),
        ),
        (
            Refuse("PendingVerification", "Your request for accessing resources in this region is being validated."),
            "account_pending",
            MachineState.NO_QUOTA,
            ("being validated", "start the machine"),
        ),
        (NOT_MINE, "aws_denied", MachineState.BROKEN, ("the action iam:PassRole", "./tlfif deploy")),
        (
            Refuse("UnauthorizedOperation", "You are not authorized to perform this operation.", status=403),
            "aws_denied",
            MachineState.BROKEN,
            ("the action ec2:RunInstances",),
        ),
        (
            Refuse("AuthFailure", "AWS was not able to validate the provided access credentials", status=401),
            "aws_denied",
            MachineState.BROKEN,
            ("does not know who asks", "./tlfif doctor"),
        ),
        (
            Refuse("InvalidParameterValue", "Value (x) for parameter groupId is invalid."),
            "machine_failed",
            MachineState.BROKEN,
            ("groupId", "nothing is charged", "./tlfif doctor"),
        ),
    ],
    ids=lambda value: value.code if isinstance(value, Refuse) else None,
)
async def test_each_refusal_has_its_code_its_words_and_its_state(
    cloud: Ec2Cloud, fault: Refuse, code: str, state: MachineState, said: tuple[str, ...]
) -> None:
    cloud.faults["RunInstances"] = always(fault)
    error = await refused(cloud)
    assert error.code == code
    for words in said:
        assert words in error.message
    assert END_STATES.get(code, MachineState.BROKEN) is state
    assert len(cloud.requests["RunInstances"]) == 1, "neither another zone nor asking again helps"
    assert nothing_left(cloud)


async def test_a_disk_smaller_than_the_image_is_said_and_each_profile_is_asked_for_once(cloud: Ec2Cloud) -> None:
    words = "Volume of size 20GB is smaller than snapshot 'snap-1', expect size >= 32GB"
    cloud.faults["RunInstances"] = always(Refuse("InvalidBlockDeviceMapping", words))
    error = await refused(cloud)
    assert (error.code, END_STATES.get(error.code, MachineState.BROKEN)) == ("disk_too_small", MachineState.BROKEN)
    assert "expect size >= 32GB" in error.message
    assert "--disk-gb 0" in error.message
    assert len(cloud.requests["RunInstances"]) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Refuse("InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist"), "ami-1"),
        (Refuse("InvalidLaunchTemplateName.NotFoundException", "The template does not exist."), "does not exist"),
        (
            Refuse("InvalidParameterValue", "Unable to resolve ssm parameter resolve:ssm:/tlfif/image/promoted"),
            "/tlfif/image/promoted",
        ),
    ],
    ids=lambda value: value.code if isinstance(value, Refuse) else None,
)
async def test_without_an_image_each_profile_is_asked_for_once(cloud: Ec2Cloud, fault: Refuse, said: str) -> None:
    cloud.faults["RunInstances"] = always(fault)
    error = await refused(cloud)
    assert (error.code, END_STATES.get(error.code, MachineState.BROKEN)) == ("image_missing", MachineState.BROKEN)
    for words in (said, "./tlfif deploy --build-image", "nothing is charged", "./tlfif profile use computer"):
        assert words in error.message
    assert kinds_asked(cloud) == ["g4dn.xlarge", "c7i.xlarge"]
    assert nothing_left(cloud)


# Types of machine


def kinds_asked(cloud: Ec2Cloud) -> list[str]:
    return [request["InstanceType"] for request in cloud.requests["RunInstances"]]


async def test_no_quota_for_gpus_is_the_turn_of_a_type_without_one(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = no_quota_for("g")
    await cloud.host().launch(a_spec())
    assert [one["InstanceType"] for one in cloud.instances()] == ["c7i.xlarge"]
    assert kinds_asked(cloud) == ["g4dn.xlarge", "c7i.xlarge"], "a quota that is used up is asked about once"


async def test_the_list_may_begin_without_a_gpu(cloud: Ec2Cloud) -> None:
    await cloud.host(types=("c7i.xlarge", "g4dn.xlarge")).launch(a_spec())
    assert kinds_asked(cloud) == ["c7i.xlarge"]


@pytest.mark.parametrize("fault", [NO_QUOTA, Refuse("MaxSpotInstanceCountExceeded")], ids=lambda fault: fault.code)
async def test_no_quota_and_nothing_else_in_the_list_is_an_offer(cloud: Ec2Cloud, fault: Refuse) -> None:
    cloud.faults["RunInstances"] = always(fault)
    error = await refused(cloud, "g4dn.xlarge", "g6.xlarge")
    assert (error.code, END_STATES[error.code]) == ("no_quota", MachineState.NO_QUOTA)
    hour = sum(running_rates(BUILT_IN_PRICES, REGION, "c7i.xlarge", at_ms=0))
    for words in (
        "may not run a GPU machine in eu-central-1 yet: its quota “Running On-Demand G and VT instances” (L-DB2E81BA)",
        f"c7i.xlarge, a machine without a GPU, would answer today, more slowly, for {usd_of(hour)} an hour without VAT",
        "run `./tlfif deploy --type g4dn.xlarge,g6.xlarge,c7i.xlarge`",
        "ask for 8",
        "https://eu-central-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-DB2E81BA",
        "nothing is charged",
    ):
        assert words in error.message
    assert kinds_asked(cloud) == ["g4dn.xlarge"]
    assert nothing_left(cloud)


async def test_no_quota_for_anything_names_each_quota_and_who_answers_meanwhile(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = always(NO_QUOTA)
    error = await refused(cloud)
    assert error.code == "no_quota"
    for words in ("a machine of your list", "L-DB2E81BA", "L-1216C47A", "./tlfif profile use computer"):
        assert words in error.message
    assert "would answer" not in error.message
    assert error.details["quota_codes"] == ["L-DB2E81BA", "L-1216C47A"]
    assert kinds_asked(cloud) == ["g4dn.xlarge", "c7i.xlarge"]
    assert nothing_left(cloud)


async def test_on_the_free_plan_each_type_is_asked_for_once_and_one_that_it_permits_is_offered(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = always(FREE_PLAN)
    error = await refused(cloud)
    assert (error.code, END_STATES[error.code]) == ("account_plan", MachineState.NO_QUOTA)
    for words in ("Free plan", "Upgrade plan", "nothing is charged", "c7i-flex.large", "c7i.xlarge,c7i-flex.large`"):
        assert words in error.message
    assert kinds_asked(cloud) == list(USUAL_TYPES)
    assert nothing_left(cloud)
    cloud.faults["RunInstances"] = lambda request: None if "flex" in request["InstanceType"] else FREE_PLAN
    await cloud.host(types=(*USUAL_TYPES, "c7i-flex.large")).launch(a_spec())
    assert [one["InstanceType"] for one in cloud.instances()] == ["c7i-flex.large"]


async def test_no_quota_here_and_no_capacity_there_is_asked_again_soon(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = no_quota_for("g", otherwise=NO_CAPACITY)
    error = await refused(cloud)
    assert error.code == "no_capacity"
    for words in ("no machine free: c7i.xlarge in eu-central-1a", "barred by your account's quota", "L-DB2E81BA"):
        assert words in error.message
    assert kinds_asked(cloud) == ["g4dn.xlarge", "c7i.xlarge", "c7i.xlarge", "c7i.xlarge"]
    assert nothing_left(cloud)


@pytest.mark.parametrize("types", [USUAL_TYPES, ("c7i.xlarge", "g4dn.xlarge")])
async def test_no_quota_here_and_no_image_there_names_what_the_owner_can_make(
    cloud: Ec2Cloud, types: tuple[str, ...]
) -> None:
    no_image = Refuse("InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist")
    cloud.faults["RunInstances"] = no_quota_for("g", otherwise=no_image)
    error = await refused(cloud, *types)
    assert error.code == "image_missing"
    for words in ("ami-1", "barred by your account's quota", "L-DB2E81BA", "nothing is charged"):
        assert words in error.message


async def test_no_capacity_for_gpus_alone_is_an_offer_too(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = always(NO_CAPACITY)
    error = await refused(cloud, "g4dn.xlarge")
    assert error.code == "no_capacity"
    assert "`./tlfif deploy --type g4dn.xlarge,c7i.xlarge`" in error.message


@pytest.mark.parametrize(
    "error",
    [NoCredentialsError(), CredentialRetrievalError(provider="x", error_msg="y")],
    ids=lambda e: type(e).__name__,
)
async def test_without_a_key_nobody_is_asked(cloud: Ec2Cloud, error: Exception) -> None:
    cloud.faults["DescribeInstances"] = always(error)
    told = await refused(cloud)
    assert told.code == "aws_denied"
    assert "does not know who asks" in told.message


async def test_a_missing_template_in_the_emulators_own_words(cloud: Ec2Cloud) -> None:
    cloud.template = "no-such-template"
    assert (await refused(cloud)).code == "image_missing"


async def test_without_a_network_there_is_no_place(cloud: Ec2Cloud) -> None:
    subnets = [zone.subnet_id for zone in cloud.zones]
    cloud.ec2.delete_tags(Resources=subnets, Tags=[{"Key": "tlfif:home"}])
    error = await refused(cloud)
    assert error.code == "machine_failed"
    assert "./tlfif deploy" in error.message
    assert cloud.requests["RunInstances"] == []


async def test_what_aws_says_is_shown_short_and_harmless(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = always(Refuse("Strange", "\x1b[2J\n" + "x" * 5000))
    error = await refused(cloud)
    assert error.message.isprintable()
    assert len(error.message) < 600


# Throttled, lost, not reached


async def test_throttled_for_a_moment_is_not_noticed(cloud: Ec2Cloud) -> None:
    cloud.faults["DescribeInstances"] = times(1, THROTTLED)
    cloud.faults["RunInstances"] = times(2, THROTTLED)
    cloud.faults["CreateSchedule"] = times(2, Refuse("ThrottlingException", status=429))
    handle = await cloud.host().launch(a_spec())
    assert [one["InstanceId"] for one in cloud.instances()] == [handle]
    assert len(cloud.schedules()) == 1
    assert cloud.clock.monotonic() - 1000.0 == sum(MACHINE_PAUSES[:3]) + sum(MACHINE_PAUSES[:2])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (THROTTLED, "aws_busy"),
        (Refuse("InternalError", status=500), "aws_busy"),
        (Refuse("SomethingNew", status=502), "aws_busy"),
        (NoConnection(), "aws_unreachable"),
        (ReadTimeoutError(endpoint_url="injected"), "aws_unreachable"),
        (ResponseParserError("half an answer"), "aws_unreachable"),
    ],
    ids=["throttled", "internal error", "unknown, but theirs", "no connection", "no answer", "half an answer"],
)
async def test_turned_away_for_long_ends_in_bounded_time(cloud: Ec2Cloud, fault: Any, code: str) -> None:
    cloud.faults["RunInstances"] = always(fault)
    error = await refused(cloud)
    assert error.code == code
    assert error.details["retryable"] is True
    assert "Whether a machine was started is not known" in error.message
    assert cloud.clock.monotonic() - 1000.0 == sum(MACHINE_PAUSES)
    assert len({request["ClientToken"] for request in cloud.requests["RunInstances"]}) == 1
    assert nothing_left(cloud)


async def test_before_anything_was_asked_for_nothing_can_have_been_started(cloud: Ec2Cloud) -> None:
    cloud.faults["DescribeInstances"] = always(NoConnection())
    error = await refused(cloud)
    assert error.code == "aws_unreachable"
    assert "Nothing was started" in error.message
    assert cloud.requests["RunInstances"] == []


@pytest.mark.requirement("3.2.1")
async def test_the_answer_to_run_instances_is_lost(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = times(1, LostAnswer())
    handle = await cloud.host().launch(a_spec())
    assert len(cloud.requests["RunInstances"]) == 2
    assert [one["InstanceId"] for one in cloud.instances()] == [handle]
    assert handle in next(iter(cloud.schedules().values()))["Target"]["Input"]


async def test_every_answer_is_lost_and_another_control_plane_goes_on(cloud: Ec2Cloud) -> None:
    cloud.faults["RunInstances"] = always(LostAnswer())
    assert (await refused(cloud)).code == "aws_unreachable"
    (orphan,) = cloud.instances()
    assert cloud.schedules() == {}
    cloud.faults.clear()
    assert await cloud.host().launch(a_spec()) == orphan["InstanceId"], "found by its mark"
    assert len(cloud.instances()) == 1
    assert len(cloud.schedules()) == 1, "the missing schedule was made"


async def test_the_lost_one_is_not_visible_yet_and_the_settings_have_changed(cloud: Ec2Cloud) -> None:
    """EC2 refuses a token with other parameters: what it made is looked for until it shows."""
    cloud.faults["RunInstances"] = always(LostAnswer())
    await refused(cloud)
    (orphan,) = cloud.instances()
    cloud.faults["RunInstances"] = always(Refuse("IdempotentParameterMismatch"))
    cloud.hidden = 3
    assert await cloud.host().launch(replace(a_spec(), idle_timeout_seconds=60.0)) == orphan["InstanceId"]
    assert len(cloud.instances()) == 1


async def test_two_launchers_at_once(cloud: Ec2Cloud) -> None:
    handles = await asyncio.gather(*(cloud.host().launch(a_spec()) for _ in range(4)))
    assert len(set(handles)) == 1
    assert [one["InstanceId"] for one in cloud.instances()] == [handles[0]]
    assert len(cloud.schedules()) == 1


async def test_two_launchers_get_one_each_in_different_zones(cloud: Ec2Cloud) -> None:
    """One was refused where the other, a moment later, was not: whoever looks next ends all but one."""
    cloud.hidden = 10**6  # neither sees what the other has
    cloud.faults["RunInstances"] = times(1, NO_CAPACITY)
    first = await cloud.host().launch(a_spec())
    second = await cloud.host().launch(a_spec())
    assert first != second
    assert {one["InstanceId"] for one in cloud.instances()} == {first, second}
    cloud.hidden = 0
    kept = await cloud.host().launch(a_spec())
    assert [one["InstanceId"] for one in cloud.instances()] == [kept]
    assert kept in {first, second}
    (schedule,) = cloud.schedules().values()
    assert schedule["Target"]["Input"] == f'{{"InstanceIds":["{kept}"]}}'


async def test_the_second_of_two_launchers_sees_the_first_ones_machine_too_late(cloud: Ec2Cloud) -> None:
    """Seen only after its own launch: both have a schedule at any moment, and one is left."""
    cloud.hidden = 10**6
    first = await cloud.host().launch(a_spec())
    cloud.hidden = 1
    cloud.faults["RunInstances"] = times(1, NO_CAPACITY)
    kept = await cloud.host().launch(a_spec())
    assert [one["InstanceId"] for one in cloud.instances()] == [kept]
    ended = {one["InstanceId"] for one in cloud.instances("terminated")}
    assert len(ended) == 1
    assert first in ended | {kept}
    (schedule,) = cloud.schedules().values()
    assert kept in schedule["Target"]["Input"]


async def test_a_look_for_a_second_one_that_fails_does_not_cost_the_start(cloud: Ec2Cloud) -> None:
    looks = iter([None, *[Refuse("UnauthorizedOperation", status=403)] * 9])
    cloud.faults["DescribeInstances"] = lambda _: next(looks)
    handle = await cloud.host().launch(a_spec())
    assert [one["InstanceId"] for one in cloud.instances()] == [handle]
    assert len(cloud.schedules()) == 1


# No schedule, no launch


@pytest.mark.requirement("3.6.3")
@pytest.mark.parametrize(
    "fault",
    [
        Refuse("AccessDeniedException", "not authorized to perform: scheduler:CreateSchedule", status=403),
        Refuse("ResourceNotFoundException", "Schedule group does not exist.", status=404),
        Refuse("ServiceQuotaExceededException", status=402),
        Refuse("ThrottlingException", status=429),
        NoConnection(),
    ],
    ids=["denied", "no group", "quota", "throttled", "no connection"],
)
async def test_no_schedule_no_launch(cloud: Ec2Cloud, fault: Any) -> None:
    cloud.faults["CreateSchedule"] = always(fault)
    error = await refused(cloud)
    assert error.code == "no_schedule"
    assert "$0.10" in error.message
    assert error.details["ended"] is True
    assert nothing_left(cloud)
    assert cloud.clock.monotonic() - 1000.0 <= sum(MACHINE_PAUSES)


async def test_neither_a_schedule_nor_an_end(cloud: Ec2Cloud) -> None:
    """The worst case is told with the instance's name; the machine is found by its mark and ended later."""
    cloud.faults["CreateSchedule"] = always(Refuse("AccessDeniedException", status=403))
    cloud.faults["TerminateInstances"] = always(NoConnection())
    error = await refused(cloud)
    (instance,) = cloud.instances()
    assert error.code == "no_schedule"
    assert error.details["ended"] is False
    assert instance["InstanceId"] in error.message
    cloud.faults.clear()
    (found,) = await cloud.host().find_all()
    await cloud.host().terminate(found.handle, force=True)
    assert nothing_left(cloud)


async def test_the_answer_to_create_schedule_is_lost(cloud: Ec2Cloud) -> None:
    cloud.faults["CreateSchedule"] = times(1, LostAnswer())
    handle = await cloud.host().launch(a_spec())
    (schedule,) = cloud.schedules().values()
    assert handle in schedule["Target"]["Input"]
    assert cloud.requests["DeleteSchedule"] == []


async def test_the_launcher_dies_between_the_launch_and_the_schedule(cloud: Ec2Cloud) -> None:
    class KilledError(BaseException):
        """Nothing after it runs, no clearing up either."""

    def killed(_: dict[str, Any]) -> None:
        raise KilledError

    cloud.faults["CreateSchedule"] = killed
    with pytest.raises(KilledError):
        await cloud.host().launch(a_spec())
    (instance,) = cloud.instances()
    cloud.faults.clear()
    assert await cloud.host().launch(a_spec()) == instance["InstanceId"]
    assert len(cloud.schedules()) == 1


async def test_repeating_a_launch_never_puts_the_end_off(cloud: Ec2Cloud) -> None:
    await cloud.host().launch(a_spec())
    (before,) = cloud.schedules().values()
    cloud.clock.advance(MAX_RUN_SECONDS * 100)
    await cloud.host().launch(a_spec())
    (after,) = cloud.schedules().values()
    assert after["ScheduleExpression"] == before["ScheduleExpression"]


@pytest.mark.parametrize("off", [-600.0, 600.0])
async def test_a_clock_that_is_ten_minutes_off_does_not_move_the_end(cloud: Ec2Cloud, off: float) -> None:
    cloud.clock.jump(off)
    await cloud.host().launch(a_spec())
    began = cloud.instances()[0]["LaunchTime"].timestamp()
    (schedule,) = cloud.schedules().values()
    assert 0 <= fires_at(schedule) - (began + MAX_RUN_SECONDS) < 1


async def test_a_schedule_that_was_changed_by_hand_is_set_right(cloud: Ec2Cloud) -> None:
    handle = await cloud.host().launch(a_spec())
    (schedule,) = cloud.schedules().values()
    cloud.scheduler.update_schedule(
        Name=schedule["Name"],
        GroupName=cloud.home,
        ScheduleExpression="at(2099-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={**schedule["Target"], "Input": '{"instanceIds":[]}'},
        State="DISABLED",
    )
    assert await cloud.host().launch(a_spec()) == handle
    (mended,) = cloud.schedules().values()
    assert mended["ScheduleExpression"] == schedule["ScheduleExpression"]
    assert mended["Target"]["Input"] == schedule["Target"]["Input"]
    assert mended["State"] == "ENABLED"


@pytest.mark.parametrize("operation", ["GetSchedule", "DeleteSchedule"])
async def test_a_schedule_that_cannot_be_set_right_is_no_schedule(cloud: Ec2Cloud, operation: str) -> None:
    handle = await cloud.host().launch(a_spec())
    (schedule,) = cloud.schedules().values()
    cloud.scheduler.update_schedule(
        Name=schedule["Name"],
        GroupName=cloud.home,
        ScheduleExpression="at(2099-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=schedule["Target"],
    )
    cloud.faults[operation] = always(Refuse("AccessDeniedException", status=403))
    error = await refused(cloud)
    assert error.code == "no_schedule"
    assert cloud.instances() == []
    assert handle == error.details["instance_id"]


async def test_the_schedule_goes_between_two_looks(cloud: Ec2Cloud) -> None:
    """Somebody removes it just after it was found to be there: it is made again."""
    handle = await cloud.host().launch(a_spec())
    (schedule,) = cloud.schedules().values()

    def removed(_: dict[str, Any]) -> None:
        cloud.faults.pop("GetSchedule")
        cloud.scheduler.delete_schedule(Name=schedule["Name"], GroupName=cloud.home)

    cloud.faults["GetSchedule"] = removed
    assert await cloud.host().launch(a_spec()) == handle
    assert len(cloud.schedules()) == 1


# Ends


async def test_stuck_in_its_shutdown(cloud: Ec2Cloud) -> None:
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.deaf.add(handle)
    for _ in range(3):
        await host.terminate(handle, force=False)
        assert await host.alive(handle) is True, "asked to end is not ended"
    await host.terminate(handle, force=True)
    assert await host.alive(handle) is False


async def test_ended_by_hand_in_the_console(cloud: Ec2Cloud) -> None:
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.ec2.terminate_instances(InstanceIds=[handle])
    assert await host.alive(handle) is False
    assert await host.find_all() == []
    assert nothing_left(cloud)
    await host.terminate(handle, force=True)


async def test_ec2_will_not_leave_the_shutdown_out(cloud: Ec2Cloud) -> None:
    def unknown(request: dict[str, Any]) -> Refuse | None:
        return Refuse("UnsupportedOperation") if "SkipOsShutdown" in request else None

    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.faults["TerminateInstances"] = unknown
    await host.terminate(handle, force=True)
    assert await host.alive(handle) is False


@pytest.mark.parametrize("force", [False, True])
async def test_an_end_that_is_not_taken_is_told(cloud: Ec2Cloud, force: bool) -> None:
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.faults["TerminateInstances"] = always(Refuse("UnauthorizedOperation", status=403))
    with pytest.raises(MachineError, match="ec2:TerminateInstances") as caught:
        await host.terminate(handle, force=force)
    assert caught.value.code == "aws_denied"
    assert "may still run" in caught.value.message
    assert await host.alive(handle) is True


@pytest.mark.parametrize("fault", [THROTTLED, NoConnection(), Refuse("UnauthorizedOperation", status=403)])
async def test_no_answer_is_no_word_about_the_machine(cloud: Ec2Cloud, fault: Any) -> None:
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.faults["DescribeInstances"] = always(fault)
    for ask in (host.alive(handle), host.lifetime(handle), host.find_all()):
        with pytest.raises(MachineError):
            await ask
    assert len(cloud.schedules()) == 1


async def test_a_machine_that_failed_by_itself_is_gone(cloud: Ec2Cloud, caplog: pytest.LogCaptureFixture) -> None:
    """EC2 accepts a launch, and ends the instance a second later for want of capacity or of a key's grant."""
    caplog.set_level("INFO")
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.ec2.terminate_instances(InstanceIds=[handle])
    assert await host.launch(a_spec()) == handle, "the same token is the same instance, never a second one"
    assert await host.alive(handle) is False
    assert "Client.UserInitiatedShutdown" in caplog.text
    assert nothing_left(cloud)


# Standby


async def test_the_launcher_dies_before_the_kept_machine_is_started(cloud: Ec2Cloud) -> None:
    host = cloud.host(standby=True)
    handle = await host.launch(a_spec())
    await host.terminate(handle, force=False)
    cloud.faults["StartInstances"] = always(NoConnection())
    with pytest.raises(MachineError) as caught:
        await host.launch(a_spec("machine_2"))
    assert caught.value.code == "aws_unreachable"
    cloud.faults.clear()
    assert await cloud.host(standby=True).launch(a_spec("machine_2")) == handle
    assert await host.alive(handle) is True
    assert len(cloud.requests["RunInstances"]) == 1


async def test_a_kept_machine_that_starts_has_its_whole_time(cloud: Ec2Cloud) -> None:
    """EC2 may still show the time of the last start: the schedule goes by the new one."""
    host = cloud.host(standby=True)
    handle = await host.launch(a_spec())
    await host.terminate(handle, force=False)
    assert await host.alive(handle) is False
    cloud.clock.advance(30 * 86400.0)
    await host.launch(a_spec("machine_2"))
    (schedule,) = cloud.schedules().values()
    assert 0 <= fires_at(schedule) - (cloud.clock.now() + MAX_RUN_SECONDS) < 1


async def test_standby_stops_what_is_gone_without_complaint(cloud: Ec2Cloud) -> None:
    host = cloud.host(standby=True)
    await host.terminate("i-0123456789abcdef0", force=False)
    cloud.faults["StopInstances"] = always(Refuse("UnauthorizedOperation", status=403))
    with pytest.raises(MachineError, match="ec2:StopInstances"):
        await host.terminate("i-0123456789abcdef0", force=False)
