"""The sweeper port on AWS: terminates machines, empties buckets, and removes what the inventory finds."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.errors import unless_absent
from tlfif.adapters.aws.calls.reading_calls import ReadingCalls
from tlfif.adapters.aws.deployment.buckets import empty_bucket, remove_bucket
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place, ask
from tlfif.adapters.aws.deployment.ingress import disable_ingress
from tlfif.adapters.aws.deployment.inventory import Inventory
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.deployment.deployment import Found
from tlfif.deployment.sweeper import Sweeper

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef


class AwsSweeper(Sweeper):
    """One home at one place; ``template`` gives the names that count as ours."""

    def __init__(self, clients: DeploymentClients, place: Place, *, template: StackTemplate) -> None:
        self._clients = clients
        self._place = place
        self._inventory = Inventory(ReadingCalls(clients.client), place, template)
        self._removals = removals(clients, place)

    async def disable_ingress(self) -> None:
        """See the port, and ``ingress.py``."""
        await disable_ingress(self._clients, self._place)

    async def machines(self) -> tuple[str, ...]:
        return tuple(one.name for one in await self.find("machines"))

    async def end_machines(self, names: Sequence[str]) -> None:
        """See the port. One request for each: a single unknown id would make EC2 refuse all of them."""
        for name in names:
            await self.remove("machines", name)

    async def empty_buckets(self) -> int:
        """See the port. All three buckets, with old versions."""
        names = self._inventory.bucket_names()
        return await ask("s3", lambda: sum(empty_bucket(self._clients.s3, name) for name in names))

    def kinds(self) -> tuple[tuple[str, str], ...]:
        return tuple((kind.name, kind.looked_for) for kind in self._inventory.kinds.values())

    async def find(self, kind: str) -> tuple[Found, ...]:
        service = self._inventory.kinds[kind].service
        found = await ask(service, lambda: self._inventory.find(kind))
        return tuple(Found(name=one.name, ours=one.ours) for one in found)

    async def remove(self, kind: str, name: str) -> None:
        service = self._inventory.kinds[kind].service
        await ask(service, lambda: unless_absent(lambda: self._removals[kind](name)))


def removals(clients: DeploymentClients, place: Place) -> Mapping[str, Callable[[str], object]]:
    """How to remove one resource of each kind, by the kind's name in the inventory. Removing what does not exist any
    more raises AWS's error that says so."""
    return {
        "machines": lambda name: clients.ec2.terminate_instances(InstanceIds=[name]),
        "disks": lambda name: clients.ec2.delete_volume(VolumeId=name),
        "images": lambda name: _remove_image(clients, name),
        "snapshots": lambda name: clients.ec2.delete_snapshot(SnapshotId=name),
        "launch templates": lambda name: clients.ec2.delete_launch_template(LaunchTemplateId=name),
        "timers": lambda name: clients.scheduler.delete_schedule(Name=name, GroupName=place.home),
        "programs": lambda name: clients.functions.delete_function(FunctionName=name),
        "users": lambda name: _remove_pool(clients, name),
        "alarms": lambda name: clients.cloudwatch.delete_alarms(AlarmNames=[name]),
        "alarm addresses": lambda name: clients.sns.delete_topic(TopicArn=name),
        "budgets": lambda name: clients.budgets.delete_budget(AccountId=place.account_id, BudgetName=name),
        "rights": lambda name: _remove_role(clients, name),
        "stacks": lambda name: clients.cloudformation.delete_stack(StackName=name),
        "tables": lambda name: clients.dynamodb.delete_table(TableName=name),
        "queues": lambda name: clients.sqs.delete_queue(QueueUrl=name),
        "logs": lambda name: clients.logs.delete_log_group(logGroupName=name),
        "parameters": lambda name: clients.ssm.delete_parameter(Name=name),
        "buckets": lambda name: remove_bucket(clients.s3, name),
    }


def _remove_image(clients: DeploymentClients, name: str) -> None:
    """Its own snapshots are deleted with it, because they would go on costing money; snapshots of others are kept."""
    images = clients.ec2.describe_images(ImageIds=[name])["Images"]
    disks = [disk.get("Ebs", {}).get("SnapshotId") for one in images for disk in one.get("BlockDeviceMappings", [])]
    used: list[FilterTypeDef] = [{"Name": "snapshot-id", "Values": [disk for disk in disks if disk]}]
    own = clients.ec2.describe_snapshots(OwnerIds=["self"], Filters=used)["Snapshots"] if used[0]["Values"] else []
    clients.ec2.deregister_image(ImageId=name)
    for snapshot in sorted({one["SnapshotId"] for one in own}):
        clients.ec2.delete_snapshot(SnapshotId=snapshot)


def _remove_pool(clients: DeploymentClients, pool_id: str) -> None:
    """A pool with a domain cannot be deleted."""
    domain = clients.cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"].get("Domain")
    if domain:
        clients.cognito.delete_user_pool_domain(Domain=domain, UserPoolId=pool_id)
    clients.cognito.delete_user_pool(UserPoolId=pool_id)


def _remove_role(clients: DeploymentClients, name: str) -> None:
    """IAM deletes a role only once nothing is attached to it."""
    iam = clients.iam
    for profile in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
        iam.delete_instance_profile(InstanceProfileName=profile["InstanceProfileName"])
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=attached.get("PolicyArn", ""))
    iam.delete_role(RoleName=name)
