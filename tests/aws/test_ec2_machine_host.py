"""The EC2 machine host against the emulator: what it asks for, what it leaves behind, what it says of time."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.validate import validate_parameters
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import StateReason

from tests.aws.ec2_cloud import DEAD_LETTERS, MAX_RUN_SECONDS, ROLE, Ec2Cloud, Refuse, always
from tests.aws.emulator import REGION, Emulator
from tests.aws.test_ec2_faults import NO_QUOTA, no_quota_for
from tests.contract.test_machine_host import a_spec
from tlfif.adapters.aws.machines import ec2_instances
from tlfif.adapters.aws.machines.ec2_instances import ended_at
from tlfif.adapters.aws.machines.ec2_machine_host import Ec2Settings
from tlfif.adapters.aws.machines.ec2_user_data import MachineFile
from tlfif.adapters.aws.machines.image_model_store import MODELS_DIR
from tlfif.bootstrap.aws_worker import engine_config
from tlfif.images.image import Profile
from tlfif.kernel.errors import InvalidInputError, MachineError
from tlfif.machines.machine_host import LaunchSpec
from tlfif.machines.machine_types import EngineKind
from tlfif.models.catalogue import TINYLLAMA, TINYLLAMA_FP16


@pytest.fixture
def cloud(emulator: Emulator) -> Iterator[Ec2Cloud]:
    made = Ec2Cloud(emulator)
    yield made
    made.close()


async def test_a_launch_asks_for_one_marked_instance_from_the_template(cloud: Ec2Cloud) -> None:
    handle = await cloud.host().launch(a_spec())
    (request,) = cloud.requests["RunInstances"]
    assert request["LaunchTemplate.LaunchTemplateName"] == cloud.ground.template
    assert request["LaunchTemplate.Version"] == "$Latest"
    assert (request["MinCount"], request["MaxCount"]) == (1, 1)
    assert request["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert request["InstanceType"] == "g4dn.xlarge"
    assert request["ImageId"] == "ami-0123456789abcdef0", "the promoted one"
    left_to_the_template = {"BlockDeviceMapping.1.DeviceName", "NetworkInterface.1.DeviceIndex", "KeyName"}
    assert not left_to_the_template & request.keys()
    (instance,) = cloud.instances()
    assert instance["InstanceId"] == handle
    assert instance["SubnetId"] in {zone.subnet_id for zone in cloud.zones}
    marks = {"tlfif:home": cloud.home, "tlfif:machine-id": "machine_1", "tlfif:image": "embedded-1"}
    wanted = {**marks, "Name": f"{cloud.home} machine_1"}
    assert wanted.items() <= {tag["Key"]: tag["Value"] for tag in instance["Tags"]}.items()
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (disk,) = cloud.ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert {tag["Key"]: tag["Value"] for tag in disk["Tags"]} == wanted


async def test_the_template_may_be_given_by_its_id(cloud: Ec2Cloud) -> None:
    (found,) = cloud.ec2.describe_launch_templates(LaunchTemplateNames=[cloud.template])["LaunchTemplates"]
    cloud.template = found["LaunchTemplateId"]
    await cloud.host().launch(a_spec())
    assert cloud.requests["RunInstances"][0]["LaunchTemplate.LaunchTemplateId"] == found["LaunchTemplateId"]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan"), 10**9])
def test_no_setting_means_for_ever(seconds: float) -> None:
    with pytest.raises(ValueError, match="longest run"):
        Ec2Settings(home="h", region=REGION, max_run_seconds=seconds)


@pytest.mark.requirement("5.1.1")
def test_a_type_without_a_price_is_refused_at_the_first_door() -> None:
    with pytest.raises(InvalidInputError):
        Ec2Settings(home="h", region=REGION, max_run_seconds=3600.0, instance_types=("p5.48xlarge",))
    with pytest.raises(ValueError, match="at least one"):
        Ec2Settings(home="h", region=REGION, max_run_seconds=3600.0, instance_types=())


@pytest.mark.requirement("5.1.3")
async def test_a_disk_that_is_smaller_than_the_image_is_never_asked_for(cloud: Ec2Cloud) -> None:
    cloud.promote("v3", "ami-0123456789abcdef1", disk_gb=32)
    with pytest.raises(MachineError, match="v3 needs 32 GB, and this home's disks have 20") as refused:
        await cloud.host(disk_gb=20).launch(a_spec())
    assert refused.value.code == "disk_too_small"
    assert "--disk-gb 0" in refused.value.message
    assert not cloud.requests["RunInstances"]
    await cloud.host(disk_gb=32).launch(a_spec())


@pytest.mark.requirement("11.1.2")
async def test_a_type_whose_image_holds_another_model_is_never_asked_for(cloud: Ec2Cloud) -> None:
    cloud.promote("v3", "ami-0123456789abcdef1", model="smollm2")
    with pytest.raises(MachineError, match=r"with the model tinyllama .*v3 \(gpu-vllm\) holds smollm2") as refused:
        await cloud.host().launch(a_spec(model="tinyllama"))
    assert refused.value.code == "image_missing"
    assert not cloud.requests["RunInstances"]


async def test_the_owner_chooses_the_engine_of_types_with_a_gpu(cloud: Ec2Cloud) -> None:
    del cloud.registry.pointers[Profile.GPU_VLLM], cloud.registry.pointers[Profile.CPU_LLAMA]
    spec = a_spec(model="tinyllama")
    file = told(cloud, await cloud.host(gpu_engine=EngineKind.LLAMA).launch(spec))
    assert (file.instance_type, engine_config(file.settings).kind) == ("g4dn.xlarge", "llama")
    assert file.spec.model_sha256 == TINYLLAMA.sha256, "llama.cpp's own weights of it"


def told(cloud: Ec2Cloud, handle: str) -> MachineFile:
    """What the instance finds as its user data."""
    answer = cloud.ec2.describe_instance_attribute(InstanceId=handle, Attribute="userData")
    return MachineFile.parse(base64.b64decode(answer["UserData"]["Value"]).decode())


def apart_from_the_weights(spec: LaunchSpec) -> LaunchSpec:
    """Which of them an image holds, and where, its engine decides."""
    return replace(spec, model_path=a_spec().model_path, model_sha256=None)


async def test_the_instance_is_told_what_it_is(cloud: Ec2Cloud) -> None:
    handle = await cloud.host().launch(a_spec())
    file = told(cloud, handle)
    assert apart_from_the_weights(file.spec) == a_spec()
    assert (file.home, file.region, file.ends_after_seconds) == (cloud.home, REGION, MAX_RUN_SECONDS)
    assert file.settings == {"jobs_table": "tlfif-jobs", "engine": {"kind": "vllm"}}
    assert file.instance_type == "g4dn.xlarge"


async def test_a_type_without_a_gpu_is_told_its_own_engine_and_that_engines_weights(cloud: Ec2Cloud) -> None:
    spec = a_spec(model="tinyllama")
    handle = await cloud.host(types=("c7i.xlarge", "g4dn.xlarge")).launch(spec)
    file = told(cloud, handle)
    assert (file.instance_type, engine_config(file.settings).kind) == ("c7i.xlarge", "llama")
    assert (file.spec.model_path, file.spec.model_sha256) == (
        f"{MODELS_DIR}/tinyllama/tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
        TINYLLAMA.sha256,
    )
    graphic = told(cloud, await cloud.host(types=("g4dn.xlarge",)).launch(replace(spec, machine_id="machine_2")))
    assert (graphic.spec.model_path, graphic.spec.model_sha256) == (f"{MODELS_DIR}/tinyllama", TINYLLAMA_FP16.sha256)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "home": "x"}', "\x00"])
def test_a_machine_file_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        MachineFile.parse(text)
    assert caught.value.code == "settings_invalid"


def test_a_machine_file_larger_than_user_data_may_be_is_refused() -> None:
    file = MachineFile(home="h", region=REGION, spec=a_spec(), ends_after_seconds=60.0, settings={"long": "x" * 20000})
    with pytest.raises(ValueError, match="16384"):
        file.text()


@pytest.mark.requirement("3.6.3")
async def test_every_launch_has_a_schedule_that_ends_exactly_that_instance(cloud: Ec2Cloud) -> None:
    handle = await cloud.host().launch(a_spec())
    (schedule,) = cloud.schedules().values()
    assert schedule["Name"] == f"{cloud.home}-machine_1"
    assert schedule["GroupName"] == cloud.home
    (instance,) = cloud.instances()
    # The emulator's own time, not the test's clock, which is elsewhere.
    at = max(instance["LaunchTime"].timestamp() + MAX_RUN_SECONDS, cloud.clock.now() + 60)
    told = datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC).timestamp()
    assert 0 <= told - at < 1
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["State"] == "ENABLED"
    assert schedule["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
    assert schedule["Target"]["RoleArn"] == ROLE
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": DEAD_LETTERS}
    assert schedule["Target"]["Input"] == f'{{"InstanceIds":["{handle}"]}}'


@pytest.mark.requirement("3.6.3")
async def test_the_schedules_input_is_a_call_that_ec2_takes_and_that_ends_it(cloud: Ec2Cloud) -> None:
    """Scheduler reads the input only when it fires: so fire it."""
    handle = await cloud.host().launch(a_spec())
    (schedule,) = cloud.schedules().values()
    call = json.loads(schedule["Target"]["Input"])
    model = botocore.session.get_session().get_service_model("ec2").operation_model("TerminateInstances")
    validate_parameters(call, model.input_shape)
    cloud.ec2.terminate_instances(**call)
    assert await cloud.host().alive(handle) is False


async def test_the_schedule_stays_until_ec2_confirms_the_end(cloud: Ec2Cloud) -> None:
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.deaf.add(handle)
    await host.terminate(handle, force=False)
    assert await host.alive(handle) is True
    assert await host.find_all()
    assert len(cloud.schedules()) == 1
    await host.terminate(handle, force=True)
    assert len(cloud.schedules()) == 1
    assert await host.alive(handle) is False
    assert cloud.schedules() == {}


async def test_the_schedule_of_an_orphan_goes_with_it(cloud: Ec2Cloud) -> None:
    """Nobody asks after an ended orphan again: looking for all machines clears up."""
    host = cloud.host()
    await host.terminate(await host.launch(a_spec()), force=True)
    cloud.faults["DeleteSchedule"] = always(Refuse("ThrottlingException", status=429))
    assert await host.find_all() == []
    assert len(cloud.schedules()) == 1
    cloud.faults.clear()
    assert await host.find_all() == []
    assert cloud.schedules() == {}
    asked = len(cloud.requests["DeleteSchedule"])
    assert await host.find_all() == []
    assert len(cloud.requests["DeleteSchedule"]) == asked, "once is enough"


async def test_lifetime_is_ec2s_own_word(cloud: Ec2Cloud) -> None:
    host = cloud.host()
    handle = await host.launch(a_spec())
    began = cloud.instances()[0]["LaunchTime"].timestamp()
    running = await host.lifetime(handle)
    assert running is not None
    assert (running.began_at, running.ended_at, running.instance_type) == (began, None, "g4dn.xlarge")
    assert [m.began_at for m in await host.find_all()] == [began]
    await host.terminate(handle, force=True)
    ended = await host.lifetime(handle)
    assert ended is not None
    assert ended.began_at == began
    assert ended.ended_at is not None
    assert -1 <= ended.ended_at - began < 60
    assert ended.last_words == "", "it was asked to"
    instance = ec2_backends[DEFAULT_ACCOUNT_ID][REGION].get_instance(handle)
    instance.state_reason = StateReason("Client.InternalError: Client error on launch", "Client.InternalError")
    taken = await host.lifetime(handle)
    assert taken is not None
    assert taken.last_words == "Client.InternalError: Client error on launch"
    assert await host.lifetime("i-0123456789abcdef0") is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("User initiated (2024-01-01 12:00:00 GMT)", 1704110400.0),
        ("User initiated (2024-01-01 12:00:00 UTC)", 1704110400.0),
        ("", None),
        ("Server.InsufficientInstanceCapacity: none", None),
        ("User initiated (2024-13-41 12:00:00 GMT)", None),
    ],
)
def test_the_end_is_read_from_the_transition(text: str, moment: float | None) -> None:
    assert ended_at(text) == moment


async def test_what_is_not_visible_is_neither_alive_nor_gone(cloud: Ec2Cloud) -> None:
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.faults["DescribeInstances"] = always(Refuse("InvalidInstanceID.NotFound"))
    assert await host.alive(handle) is None
    assert len(cloud.schedules()) == 1, "no word about it is no word of its end"
    cloud.faults.clear()
    assert await host.alive(handle) is True


async def test_all_are_found_page_by_page_and_only_ours(
    cloud: Ec2Cloud, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Ec2Cloud(emulator)
    await other.host().launch(a_spec())
    other.close()
    cloud.ec2.run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        ClientToken="by hand",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "tlfif:home", "Value": cloud.home}]}],
    )
    monkeypatch.setattr(ec2_instances, "_PAGE", 2)
    host = cloud.host()
    handles = {await host.launch(a_spec(f"machine_{number}")): f"machine_{number}" for number in range(4)}
    cloud.requests.clear()
    found = await host.find_all()
    assert len(cloud.requests["DescribeInstances"]) == 3
    assert {m.handle: m.machine_id for m in found if m.machine_id} == handles
    assert [m.machine_id for m in found].count(None) == 1, "marked as ours, but not by which record"


@pytest.mark.requirement("5.1.4")
async def test_standby_keeps_the_disk_and_starts_it_again(cloud: Ec2Cloud) -> None:
    host = cloud.host(standby=True)
    handle = await host.launch(a_spec())
    assert cloud.requests["RunInstances"][0]["InstanceInitiatedShutdownBehavior"] == "stop"
    await host.terminate(handle, force=False)
    assert await host.alive(handle) is False
    assert await host.find_all() == []
    assert cloud.schedules() == {}
    assert [one["InstanceId"] for one in cloud.instances("stopped")] == [handle]
    assert await cloud.host(standby=True).launch(a_spec("machine_2")) == handle
    assert await host.alive(handle) is True
    assert [(m.handle, m.machine_id) for m in await host.find_all()] == [(handle, "machine_2")]
    assert list(cloud.schedules()) == [f"{cloud.home}-machine_2"]
    assert apart_from_the_weights(told(cloud, handle).spec) == a_spec("machine_2")
    assert len(cloud.requests["RunInstances"]) == 1


@pytest.mark.requirement("5.1.4")
async def test_standby_gives_up_a_kept_disk_that_is_of_no_use(cloud: Ec2Cloud) -> None:
    """Its zone has nothing free, or it has an old image: a new machine, and no rent for the old disk."""
    host = cloud.host(standby=True)
    first = await host.launch(a_spec())
    await host.terminate(first, force=False)
    cloud.faults["StartInstances"] = always(Refuse("InsufficientInstanceCapacity", status=500))
    second = await host.launch(a_spec("machine_2"))
    assert second != first
    assert [one["InstanceId"] for one in cloud.instances()] == [second]
    await host.terminate(second, force=False)
    cloud.promote("new", "ami-0123456789abcdef1")
    third = await host.launch(a_spec("machine_3"))
    assert third not in {first, second}
    assert [one["InstanceId"] for one in cloud.instances()] == [third]


async def test_a_kept_disk_is_started_in_its_types_turn(cloud: Ec2Cloud) -> None:
    """What runs without a GPU is kept while the account may run none with one, and given up once it may."""
    cloud.faults["RunInstances"] = no_quota_for("g")
    host = cloud.host(standby=True)
    first = await host.launch(a_spec())
    await host.terminate(first, force=False)
    assert await host.launch(a_spec("machine_2")) == first
    assert told(cloud, first).instance_type == "c7i.xlarge"
    await host.terminate(first, force=False)
    cloud.faults.clear()
    second = await host.launch(a_spec("machine_3"))
    assert [(one["InstanceId"], one["InstanceType"]) for one in cloud.instances()] == [(second, "g4dn.xlarge")]


async def test_a_kept_disk_that_the_quota_bars_is_kept_until_another_machine_runs(cloud: Ec2Cloud) -> None:
    host = cloud.host(standby=True)
    first = await host.launch(a_spec())
    await host.terminate(first, force=False)
    cloud.faults["StartInstances"] = cloud.faults["RunInstances"] = always(NO_QUOTA)
    with pytest.raises(MachineError) as caught:
        await host.launch(a_spec("machine_2"))
    assert caught.value.code == "no_quota"
    assert [one["InstanceId"] for one in cloud.instances("stopped")] == [first]
    cloud.faults.pop("RunInstances")
    second = await host.launch(a_spec("machine_3"))
    assert [(one["InstanceId"], one["InstanceType"]) for one in cloud.instances()] == [(second, "c7i.xlarge")]


async def test_a_second_kept_disk_is_nobodys(cloud: Ec2Cloud) -> None:
    """A prompt that came while the first machine was on its way out launched another one."""
    host = cloud.host(standby=True)
    first = await host.launch(a_spec())
    second = await host.launch(a_spec("machine_2"))
    for handle in (first, second):
        await host.terminate(handle, force=False)
    (spare,) = await host.find_all()
    assert spare.handle in {first, second}
    await host.terminate(spare.handle, force=True)
    assert await host.find_all() == []
    assert len(cloud.instances("stopped")) == 1


async def test_without_standby_a_stopped_instance_is_not_gone(cloud: Ec2Cloud) -> None:
    """Somebody stopped it by hand; its disk costs rent until it is ended."""
    host = cloud.host()
    handle = await host.launch(a_spec())
    cloud.ec2.stop_instances(InstanceIds=[handle])
    assert await host.alive(handle) is True
    assert [m.handle for m in await host.find_all()] == [handle]
    await host.terminate(handle, force=True)
    assert await host.alive(handle) is False


async def test_a_disk_kept_before_standby_was_switched_off_is_nobodys(cloud: Ec2Cloud) -> None:
    """``deploy --no-standby``: the router's sweep finds it, and its rent ends."""
    handle = await cloud.host(standby=True).launch(a_spec())
    await cloud.host(standby=True).terminate(handle, force=False)
    host = cloud.host(standby=False)
    assert [m.handle for m in await host.find_all()] == [handle]
    await host.terminate(handle, force=True)
    assert await host.find_all() == []
    assert cloud.instances() == []
