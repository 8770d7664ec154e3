"""What one home owns in an account: each kind of resource, how it is found, and whether it is ours.

``tlfif destroy`` removes what is found here, and ``tlfif doctor`` reports what of it costs money. A resource is ours if
it has the home's tag, or exactly a name from the template; one that only looks similar is found and marked as not ours.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tlfif.adapters.aws.calls.errors import unless_absent
from tlfif.adapters.aws.calls.home_tag import HOME_TAG, tagged, tags_of
from tlfif.adapters.aws.calls.reading_calls import ReadingCalls
from tlfif.adapters.aws.deployment.buckets import code_bucket_name
from tlfif.adapters.aws.deployment.clients import Place
from tlfif.adapters.aws.deployment.stack import is_ours
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.deployment.deployment import GONE

_BY_TAG = f"tag {HOME_TAG}"
_BY_NAME = "the template's names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One resource. ``name`` identifies it in a removal: an id, a name, an ARN or a URL. ``facts``: AWS's own
    description, if one was read."""

    name: str
    ours: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """``name`` and ``looked_for`` are for people, ``service`` is its prefix in IAM actions. ``find`` raises AWS's
    errors."""

    name: str
    service: str
    looked_for: str
    find: Callable[[], Iterable[Item]]


class Inventory:
    """The resources of the home at ``place``; ``template`` gives their names."""

    def __init__(self, reading: ReadingCalls, place: Place, template: StackTemplate) -> None:
        self._reading = reading
        self._place = place
        self._template = template
        self.kinds = {kind.name: kind for kind in self._in_order()}
        """By name, in the order of removal."""

    def find(self, kind: str) -> list[Item]:
        """Everything of one kind. Raises AWS's errors."""
        return list(self.kinds[kind].find())

    def bucket_names(self) -> list[str]:
        """The home's buckets. Their names contain the account's number and are unique in the world, so no tag is
        needed."""
        place = self._place
        return sorted({*self._names("AWS::S3::Bucket"), code_bucket_name(place.home, place.account_id, place.region)})

    def _in_order(self) -> Iterator[Kind]:
        """In the order of removal: a disk after its machine, a snapshot after its image, roles after the functions that
        use them."""
        home = self._place.home
        yield Kind("machines", "ec2", _BY_TAG, self._machines)
        yield Kind("disks", "ec2", _BY_TAG, self._disks)
        yield Kind("images", "ec2", f"{_BY_TAG}, with their snapshots", lambda: self._tagged("image", Owners=["self"]))
        yield Kind("snapshots", "ec2", _BY_TAG, lambda: self._tagged("snapshot", OwnerIds=["self"]))
        yield Kind("launch templates", "ec2", _BY_TAG, lambda: self._tagged("launch_template"))
        yield Kind("timers", "scheduler", f"schedules in the group {home}", self._timers)
        yield Kind("programs", "lambda", _BY_NAME, self._functions)
        yield Kind("users", "cognito-idp", f"user pools named {home} with {_BY_TAG}", self._user_pools)
        yield Kind("alarms", "cloudwatch", _BY_NAME, self._alarms)
        yield Kind("alarm addresses", "sns", f"{_BY_NAME} (SNS topics)", self._topics)
        yield Kind("budgets", "budgets", _BY_NAME, self._budgets)
        yield Kind("rights", "iam", f"roles beginning with {home}- with {_BY_TAG}", self._roles)
        yield Kind("stacks", "cloudformation", f"the name {home} with {_BY_TAG}", self._stacks)
        yield Kind("tables", "dynamodb", f"{_BY_TAG}, {_BY_NAME}", self._tables)
        yield Kind("queues", "sqs", f"{_BY_TAG}, {_BY_NAME}", self._queues)
        yield Kind("logs", "logs", f"{_BY_NAME}, /aws/lambda/{home}-…, /{home}/…", self._log_groups)
        yield Kind("parameters", "ssm", f"names under /{home}/", self._parameters)
        yield Kind("buckets", "s3", ", ".join(self.bucket_names()), self._buckets)

    def _names(self, resource_type: str) -> list[str]:
        place = self._place
        found = self._template.names(resource_type, home=place.home, account_id=place.account_id, region=place.region)
        return sorted(found)

    def _is_tagged(self, tags: Mapping[str, str]) -> bool:
        return tags.get(HOME_TAG) == self._place.home

    def _unless_absent(self, service: str, operation: str, **asked: Any) -> dict[str, Any] | None:
        return unless_absent(lambda: self._reading.call(service, operation, **asked))

    def _tagged(self, thing: str, **asked: Any) -> Iterator[Item]:
        """EC2 resources of one type, selected by tag; without the tag they are not ours."""
        words = [word.capitalize() for word in thing.split("_")]
        key, id_key = "".join(words) + "s", "".join(words) + "Id"
        found = self._reading.items("ec2", f"describe_{thing}s", key, Filters=tagged(self._place.home), **asked)
        yield from (Item(name=one[id_key], facts=one) for one in found)

    def _machines(self) -> Iterator[Item]:
        """In any state but terminated."""
        found = self._reading.items("ec2", "describe_instances", "Reservations", Filters=tagged(self._place.home))
        for one in (one for reservation in found for one in reservation.get("Instances", [])):
            if one["State"]["Name"] != "terminated":
                yield Item(name=one["InstanceId"], facts=one)

    def _disks(self) -> Iterator[Item]:
        yield from (one for one in self._tagged("volume") if one.facts["State"] not in {"deleting", "deleted"})

    def _timers(self) -> Iterator[Item]:
        """Schedules have no tags. Their group has, and is deleted with the stack, schedules included."""
        group = self._place.home
        found = unless_absent(lambda: self._reading.items("scheduler", "list_schedules", "Schedules", GroupName=group))
        yield from (Item(name=one["Name"]) for one in found or [])

    def _functions(self) -> Iterator[Item]:
        for name in self._names("AWS::Lambda::Function"):
            if self._unless_absent("lambda", "get_function", FunctionName=name) is not None:
                yield Item(name=name)

    def _user_pools(self) -> Iterator[Item]:
        """Several pools may have the same name, so the tag decides. The item's name is the pool's id."""
        for one in self._reading.items("cognito-idp", "list_user_pools", "UserPools", MaxResults=60):
            if one.get("Name") == self._place.home:
                pool = self._reading.call("cognito-idp", "describe_user_pool", UserPoolId=one["Id"])["UserPool"]
                yield Item(name=one["Id"], ours=self._is_tagged(pool.get("UserPoolTags", {})))

    def _alarms(self) -> Iterator[Item]:
        names = self._names("AWS::CloudWatch::Alarm")
        found = self._reading.items("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=names) if names else []
        yield from (Item(name=one["AlarmName"]) for one in found)

    def _topics(self) -> Iterator[Item]:
        names = self._names("AWS::SNS::Topic")
        for one in self._reading.items("sns", "list_topics", "Topics"):
            if one["TopicArn"].rpartition(":")[2] in names:
                yield Item(name=one["TopicArn"])

    def _budgets(self) -> Iterator[Item]:
        account = self._place.account_id
        for name in self._names("AWS::Budgets::Budget"):
            if self._unless_absent("budgets", "describe_budget", AccountId=account, BudgetName=name) is not None:
                yield Item(name=name)

    def _roles(self) -> Iterator[Item]:
        for one in self._reading.items("iam", "list_roles", "Roles"):
            name = one["RoleName"]
            if name.startswith(f"{self._place.home}-"):
                tags = self._reading.call("iam", "list_role_tags", RoleName=name)["Tags"]
                yield Item(name=name, ours=self._is_tagged(tags_of(tags)))

    def _stacks(self) -> Iterator[Item]:
        found = self._unless_absent("cloudformation", "describe_stacks", StackName=self._place.home)
        stacks = found["Stacks"] if found is not None else []
        for one in stacks:
            if one["StackStatus"] != GONE:
                yield Item(name=one["StackName"], ours=is_ours(one, self._place.home))

    def _tables(self) -> Iterator[Item]:
        given = self._names("AWS::DynamoDB::Table")
        names: list[Any] = self._reading.items("dynamodb", "list_tables", "TableNames")
        for name in names:
            if not name.startswith(f"{self._place.home}-"):
                continue
            table = self._reading.call("dynamodb", "describe_table", TableName=name)["Table"]
            if table.get("TableStatus") == "DELETING":
                continue
            tags = self._reading.call("dynamodb", "list_tags_of_resource", ResourceArn=table["TableArn"])
            yield Item(name=name, ours=name in given or self._is_tagged(tags_of(tags.get("Tags", []))))

    def _queues(self) -> Iterator[Item]:
        given = self._names("AWS::SQS::Queue")
        urls: list[Any] = self._reading.items("sqs", "list_queues", "QueueUrls", QueueNamePrefix=f"{self._place.home}-")
        for url in urls:
            ours = url.rpartition("/")[2] in given
            tags = {} if ours else self._reading.call("sqs", "list_queue_tags", QueueUrl=url).get("Tags", {})
            yield Item(name=url, ours=ours or self._is_tagged(tags))

    def _log_groups(self) -> Iterator[Item]:
        """Lambda recreates a log group that was deleted under it, without our tag, so the name decides."""
        home = self._place.home
        for prefix in (
            f"/aws/lambda/{home}-api",
            f"/aws/lambda/{home}-images",
            f"/aws/lambda/{home}-router",
            f"/aws/vendedlogs/{home}/",
            f"/{home}/",
        ):
            found = self._reading.items("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
            for one in found:
                name = one["logGroupName"]
                ours = name.startswith(prefix) if prefix.endswith("/") else name == prefix
                yield Item(name=name, ours=ours, facts=one)

    def _parameters(self) -> Iterator[Item]:
        found = self._reading.items(
            "ssm", "get_parameters_by_path", "Parameters", Path=f"/{self._place.home}/", Recursive=True
        )
        yield from (Item(name=one["Name"]) for one in found)

    def _buckets(self) -> Iterator[Item]:
        for name in self.bucket_names():
            if self._unless_absent("s3", "head_bucket", Bucket=name) is not None:
                yield Item(name=name)
