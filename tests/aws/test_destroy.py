"""``tlfif destroy`` against the emulator: all of ours goes, nothing else is touched."""

import json
from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from tests.aws.deployed_world import World, run_tlfif
from tests.aws.deployments import EmulatedHome
from tests.aws.emulator import Emulator, tagged
from tests.aws.home import made_grounds
from tlfif.adapters.aws.deployment.leftovers import removals
from tlfif.kernel.errors import UnavailableError


@pytest.fixture
def home(emulator: Emulator, tmp_path: Path) -> EmulatedHome:
    return EmulatedHome(emulator, tmp_path)


@pytest.mark.requirement("10.6.1")
async def test_nothing_of_a_whole_home_is_left(home: EmulatedHome) -> None:
    clients, name = home.clients, home.place.home
    world = World(home)
    await world.deploy()
    clients.cloudwatch.put_metric_alarm(
        AlarmName=f"{name}-dead-letters",
        MetricName="m",
        Namespace="n",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    clients.budgets.create_budget(
        AccountId=home.place.account_id,
        Budget={
            "BudgetName": f"{name}-month",
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
            "BudgetLimit": {"Amount": "23", "Unit": "USD"},
        },
    )
    clients.ssm.put_parameter(Name=f"/{name}/image/promoted", Value="ami-1", Type="String")
    clients.logs.create_log_group(logGroupName=f"/{name}/by-hand")
    made_grounds(home.emulator, name)
    clients.scheduler.create_schedule(
        Name=f"{name}-machine_1",
        GroupName=name,
        ScheduleExpression="at(2030-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances",
            "RoleArn": "arn:aws:iam::123456789012:role/r",
        },
    )
    found = await world.destruction().survey()
    for kind in ("alarms", "budgets", "parameters", "timers", "launch templates", "logs", "users", "rights", "queues"):
        assert any(one.ours for one in found[kind]), kind
    done = await world.destroy()
    assert done.nothing_left, (done.troubles, [one for one in done.kinds if not one.clean])
    assert all(one.found == one.removed for one in done.kinds)
    assert await world.ours() == []
    again = await world.destroy()
    assert again.nothing_left
    assert all(one.found == 0 for one in again.kinds)


async def test_a_bucket_with_thousands_of_objects_and_versions_is_emptied(home: EmulatedHome) -> None:
    world = World(home)
    bucket = await home.installation.make_code_bucket()
    s3 = home.clients.s3
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = s3_backends[home.place.account_id]["aws"]  # past the socket, where each object takes 20 ms
    for number in range(1250):
        store.put_object(bucket, f"jobs/{number}", b"x")
        store.delete_object(bucket, f"jobs/{number}")
    done = await world.destroy()
    assert done.nothing_left
    assert done.objects == 2500


async def test_a_running_machine_is_ended_first(home: EmulatedHome) -> None:
    world = World(home)
    ec2 = home.clients.ec2
    image = ec2.register_image(Name=f"{home.place.home}-image", RootDeviceName="/dev/sda1")["ImageId"]
    machine = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tagged("instance", home.place.home)
    )["Instances"][0]["InstanceId"]
    other = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    done = await world.destroy()
    assert done.nothing_left

    def state(name: str) -> str:
        return str(ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]["State"]["Name"])

    assert state(machine) == "terminated"
    assert state(other) == "running"
    assert {one.kind: (one.found, one.removed) for one in done.kinds}["machines"] == (1, 1)


@pytest.mark.requirement("10.1.1")
async def test_a_stopped_machine_goes_with_the_disk_that_was_kept(home: EmulatedHome) -> None:
    """Standby: the instance is stopped, and its disk costs rent until it ends."""
    ec2, name = home.clients.ec2, home.place.home
    image = ec2.register_image(Name=f"{name}-image", RootDeviceName="/dev/sda1")["ImageId"]
    (machine,) = ec2.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[*tagged("instance", name), *tagged("volume", name)],
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 40, "DeleteOnTermination": True}}],
    )["Instances"]
    ec2.stop_instances(InstanceIds=[machine["InstanceId"]])
    world = World(home)
    assert {"machines", "disks"} <= {one.partition(":")[0] for one in await world.ours()}
    done = await world.destroy()
    assert done.nothing_left
    assert await world.ours() == []
    assert [one for one in done.kinds if one.kind == "machines" and one.removed == 1]


@pytest.mark.requirement("10.6.1")
async def test_a_disk_and_a_snapshot_of_ours_go_and_strangers_stay(home: EmulatedHome) -> None:
    world = World(home)
    ec2, name = home.clients.ec2, home.place.home
    disks = [
        ec2.create_volume(AvailabilityZone="eu-central-1a", Size=1, TagSpecifications=specification)["VolumeId"]
        for specification in (tagged("volume", name), tagged("volume", f"{name}-two"), [])
    ]
    snapshots = [
        ec2.create_snapshot(VolumeId=disks[2], TagSpecifications=specification)["SnapshotId"]
        for specification in (tagged("snapshot", name), tagged("snapshot", f"{name}-two"), [])
    ]
    image = ec2.register_image(
        Name=f"{name}-own",
        RootDeviceName="/dev/sda1",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshots[0]}}],
    )["ImageId"]
    ec2.create_tags(Resources=[image], Tags=[{"Key": "tlfif:home", "Value": name}])
    done = await world.destroy()
    assert done.nothing_left
    left = {one["VolumeId"] for page in ec2.get_paginator("describe_volumes").paginate() for one in page["Volumes"]}
    assert not left & {disks[0]}
    assert set(disks[1:]) <= left
    seen = {one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
    assert snapshots[0] not in seen
    assert set(snapshots[1:]) <= seen
    assert {one.kind: (one.found, one.removed) for one in done.kinds}["images"] == (1, 1)


async def test_things_that_only_have_a_similar_name_stay_and_are_named(home: EmulatedHome) -> None:
    world = World(home)
    name = home.place.home
    home.emulator.create_state_table(f"{name}-other")
    queue = home.emulator.create_queue(f"{name}-other")
    stranger = home.clients.cognito.create_user_pool(PoolName=name)["UserPool"]["Id"]
    found = await world.destruction().survey()
    assert [one.name for one in found["tables"] if not one.ours] == [f"{name}-other"]
    assert [one.name for one in found["users"] if not one.ours] == [stranger]
    assert (await world.destroy()).nothing_left
    assert home.clients.dynamodb.describe_table(TableName=f"{name}-other")["Table"]
    assert home.clients.sqs.get_queue_attributes(QueueUrl=queue)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert home.clients.cognito.describe_user_pool(UserPoolId=stranger)["UserPool"]["Name"] == name


def test_whatever_can_be_found_can_be_removed(home: EmulatedHome) -> None:
    found = {kind for kind, _ in home.sweeper.kinds()}
    assert found == set(removals(home.clients, home.place))


def test_the_command_itself_on_an_account_without_a_home(emulator: Emulator, tmp_path: Path) -> None:
    account = {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    done = run_tlfif("destroy", "--yes", "--json", folder=tmp_path, **account)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["nothing_left"]
    kinds = {one["kind"] for one in report["kinds"]}
    assert kinds >= {"machines", "disks", "snapshots", "images", "timers", "logs", "buckets", "users", "tables"}


async def test_a_stack_deleted_by_hand_leaves_the_data_and_destroy_takes_it(home: EmulatedHome) -> None:
    world = World(home)
    await world.deploy()
    name, clients = home.place.home, home.clients
    clients.dynamodb.put_item(TableName=f"{name}-jobs", Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    clients.cloudformation.delete_stack(StackName=name)
    assert await home.installation.stack() is None
    assert clients.dynamodb.scan(TableName=f"{name}-jobs")["Count"] == 1
    with pytest.raises(UnavailableError) as refused:
        await world.deploy()
    assert refused.value.code == "stack_half"
    assert f"{name}-jobs, {name}-state" in refused.value.message
    found = await world.destruction().survey()
    assert not found["stacks"]
    assert {one.name for one in found["tables"]} == {f"{name}-jobs", f"{name}-state"}
    assert all(one.ours for kind in ("tables", "buckets", "users") for one in found[kind])
    done = await world.destroy()
    assert done.nothing_left, [one for one in done.kinds if not one.clean]
    assert await world.ours() == []


@pytest.mark.requirement("8.1.2")
def test_without_credentials_both_commands_say_how_to_get_some(tmp_path: Path) -> None:
    for arguments in (("deploy", "--email", "me@example.com", "--yes"), ("destroy", "--yes")):
        done = run_tlfif(*arguments, folder=tmp_path)
        assert done.returncode == 5
        assert "[aws_no_credentials]" in done.stderr
        assert "aws configure" in done.stderr
