"""The CloudFormation stack: created and updated by change sets, followed by its events, deleted."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import is_absent, unless_absent
from tlfif.adapters.aws.calls.home_tag import HOME_TAG, tags_of
from tlfif.adapters.aws.deployment.buckets import bucket_exists, code_bucket_name, make_private_bucket
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place, ask
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.deployment.deployment import EMPTY, GONE, Stack, StackEvent
from tlfif.deployment.stack_changes import Change, Fate, holds_state
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import (
        CreateChangeSetInputTypeDef,
        ParameterTypeDef,
        StackEventTypeDef,
        StackTypeDef,
    )

STACK_TYPE = "AWS::CloudFormation::Stack"
LOOK_SECONDS = 2.0
MOST_LOOKS = 150
"""Five minutes; AWS needs seconds for a change set of this size."""
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")
_BEGUN = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
_NOT_THERE = frozenset({"DELETE_COMPLETE", "CREATE_FAILED"})
"""States of a resource that does not exist."""
_FATES = {"Add": Fate.ADDED, "Import": Fate.ADDED, "Modify": Fate.CHANGED, "Remove": Fate.REMOVED}
SERVICE = "cloudformation"


class CloudFormationStack:
    """The stack of one home, which has the home's name. Raises TlfifError as ``deployment/installation.py`` says."""

    def __init__(self, clients: DeploymentClients, place: Place, *, template: StackTemplate, clock: Clock) -> None:
        self._clients = clients
        self._place = place
        self._template = template
        self._clock = clock
        self._change_set: dict[str, Any] = {"StackName": place.home, "ChangeSetName": f"{place.home}-deploy"}
        self._prepared_id = ""
        """The id of the change set that was read; empty if there is none."""

    async def look(self) -> Stack | None:
        """The stack; None if there is none."""
        return await ask(SERVICE, self._look)

    def _look(self) -> Stack | None:
        answer = unless_absent(lambda: self._clients.cloudformation.describe_stacks(StackName=self._place.home))
        if answer is None:
            return None
        (found,) = answer["Stacks"]
        return None if found["StackStatus"] == GONE else _seen(found, self._place.home)

    async def _ours(self) -> None:
        """Refuse to touch a stack that only has the home's name."""
        now = await self.look()
        if now is not None and not now.ours:
            raise UnavailableError(
                f"There is a CloudFormation stack {self._place.home} in this account that TL-FIF has not made: it "
                f"lacks the tag {HOME_TAG}. It is left alone, and so is what is in it. Choose another name for the "
                "home: --name.",
                code="stack_foreign",
            )

    async def prepare(self, parameters: Mapping[str, str]) -> tuple[Change, ...] | None:
        """Create a change set and read it; None if there is nothing to change. A change of outputs alone is empty."""
        await self._ours()
        await self.forget()
        now = await self.look()
        wanted = await ask(SERVICE, lambda: self._wanted(parameters, now))
        self._prepared_id = (await ask(SERVICE, lambda: self._clients.cloudformation.create_change_set(**wanted)))["Id"]
        if await self._prepared():
            return await ask(SERVICE, self._changes)
        await self.forget()
        return None

    async def begin(self) -> None:
        """Execute the change set that was read, by its id: one of the same name that another computer made meanwhile is
        not the one that was read. Raises ValueError if none was prepared."""
        read, self._prepared_id = self._prepared_id, ""
        if not read:
            raise ValueError("no change set was read")
        await ask(SERVICE, lambda: self._clients.cloudformation.execute_change_set(ChangeSetName=read))

    async def forget(self) -> None:
        """Delete the change set: the one that was prepared, or that of an attempt that was interrupted."""
        self._prepared_id = ""
        await ask(SERVICE, self._drop_change_set)
        await self._drop_empty_stack()

    async def kept(self) -> tuple[str, ...]:
        """See the port."""
        return await ask(SERVICE, self._kept)

    def _kept(self) -> tuple[str, ...]:
        if self._look() is None:
            return self._left_behind()
        pages = self._clients.cloudformation.get_paginator("list_stack_resources")
        found = pages.paginate(StackName=self._place.home).build_full_result()
        return tuple(
            one.get("PhysicalResourceId") or one["LogicalResourceId"]
            for one in found.get("StackResourceSummaries", [])
            if holds_state(one["ResourceType"]) and one["ResourceStatus"] not in _NOT_THERE
        )

    def _left_behind(self) -> tuple[str, ...]:
        """Tables and buckets with the home's names and no stack. A list of users has no name that could be taken."""
        place, clients = self._place, self._clients

        def names(resource_type: str) -> list[str]:
            made = self._template.names(
                resource_type, home=place.home, account_id=place.account_id, region=place.region
            )
            return sorted(made)

        def has_table(name: str) -> bool:
            return unless_absent(lambda: clients.dynamodb.describe_table(TableName=name)) is not None

        tables = [name for name in names("AWS::DynamoDB::Table") if has_table(name)]
        return (*tables, *(name for name in names("AWS::S3::Bucket") if bucket_exists(clients.s3, name)))

    def _changes(self) -> tuple[Change, ...]:
        pages = self._clients.cloudformation.get_paginator("describe_change_set")
        found = pages.paginate(ChangeSetName=self._prepared_id).build_full_result()
        return tuple(change_of(one["ResourceChange"]) for one in found.get("Changes", []) if "ResourceChange" in one)

    async def _drop_empty_stack(self) -> None:
        """Delete the empty stack that a change set which is not executed leaves where there was none."""
        for _ in range(MOST_LOOKS):
            now = await self.look()
            if now is None or now.status != EMPTY:
                return
            await self.begin_delete()
            await self._clock.sleep(LOOK_SECONDS)

    def _wanted(self, parameters: Mapping[str, str], now: Stack | None) -> "CreateChangeSetInputTypeDef":
        wanted: CreateChangeSetInputTypeDef = {
            "StackName": self._change_set["StackName"],
            "ChangeSetName": self._change_set["ChangeSetName"],
            "ChangeSetType": "CREATE" if now is None else "UPDATE",
            "Parameters": self._parameters(parameters, now),
            "Capabilities": ["CAPABILITY_IAM"],
            "Tags": [{"Key": HOME_TAG, "Value": self._place.home}],
        }
        if self._template.fits_into_request:
            wanted["TemplateBody"] = self._template.body
        else:
            wanted["TemplateURL"] = self._uploaded_template()
        return wanted

    def _parameters(self, wanted: Mapping[str, str], now: Stack | None) -> "list[ParameterTypeDef]":
        """All parameters of the template: the wanted value, else the present one, else the default."""
        kept = now.parameters if now is not None else {}
        found = {name: wanted.get(name, kept.get(name, default)) for name, default in self._template.defaults.items()}
        return [{"ParameterKey": name, "ParameterValue": value} for name, value in found.items() if value is not None]

    def _uploaded_template(self) -> str:
        """The bucket is there since the first deployment, unless somebody has deleted it."""
        place = self._place
        bucket = code_bucket_name(place.home, place.account_id, place.region)
        if not bucket_exists(self._clients.s3, bucket):
            make_private_bucket(self._clients.s3, bucket, region=place.region, tags={HOME_TAG: place.home})
        key = f"templates/{place.home}.template.json"
        self._clients.s3.put_object(Bucket=bucket, Key=key, Body=self._template.body.encode())
        return f"https://{bucket}.s3.{place.region}.amazonaws.com/{key}"

    def _drop_change_set(self) -> None:
        """Delete the change set of an attempt that was interrupted before executing it."""
        stacks = self._clients.cloudformation
        if unless_absent(lambda: stacks.describe_change_set(**self._change_set)) is not None:
            stacks.delete_change_set(**self._change_set)

    async def _prepared(self) -> bool:
        for _ in range(MOST_LOOKS):
            found = await ask(
                SERVICE, lambda: self._clients.cloudformation.describe_change_set(ChangeSetName=self._prepared_id)
            )
            status, reason = found["Status"], found.get("StatusReason", "")
            if status == "CREATE_COMPLETE":
                return True
            if status == "FAILED":
                if any(words in reason for words in _NO_CHANGE):
                    return False
                raise UnavailableError(
                    f"AWS does not accept the change: {' '.join(reason.split())[:300]} Nothing was changed, "
                    "and nothing costs anything. Run `./tlfif doctor`.",
                    code="stack_failed",
                )
            await self._clock.sleep(LOOK_SECONDS)
        raise UnavailableError(
            "AWS has prepared the change for five minutes without a result. Nothing was changed."
            " Run the same command again.",
            code="stack_slow",
        )

    async def begin_delete(self) -> None:
        """Begin to delete it; nothing if there is none. Raises UnavailableError (code ``stack_foreign``)."""
        await self._ours()
        await ask(SERVICE, lambda: self._clients.cloudformation.delete_stack(StackName=self._place.home))

    async def events(self) -> tuple[StackEvent, ...]:
        """Events of the operation that was begun last, the oldest first."""
        return await ask(SERVICE, self._events)

    def _events(self) -> tuple[StackEvent, ...]:
        """AWS returns the newest events first, back to the very first operation; one operation is enough."""
        found: list[StackEvent] = []
        try:
            for one in _all_events(self._clients, self._place.home):
                found.append(_event(one))
                if one.get("ResourceType") == STACK_TYPE and one.get("ResourceStatus") in _BEGUN:
                    break
        except ClientError as error:
            if not is_absent(error):
                raise
        return tuple(reversed(found))


def change_of(found: Mapping[str, Any]) -> Change:
    """One ``ResourceChange`` of CloudFormation. Whatever it leaves open, or says in words that are not known here,
    counts as a replacement that may happen."""
    action, replacement = found.get("Action", ""), found.get("Replacement", "False")
    fate = _FATES.get(action, Fate.REPLACED)
    if fate is Fate.CHANGED and replacement != "False":
        fate = Fate.REPLACED
    targets = [detail.get("Target", {}) for detail in found.get("Details", [])]
    return Change(
        logical_id=found["LogicalResourceId"],
        resource_type=found["ResourceType"],
        name=found.get("PhysicalResourceId", ""),
        fate=fate,
        certain=action in _FATES and replacement in {"True", "False"},
        kept="Retain" in found.get("PolicyAction", ""),
        properties=tuple(dict.fromkeys(one.get("Name") or one.get("Attribute", "") for one in targets)),
    )


def _all_events(clients: DeploymentClients, name: str) -> "Iterable[StackEventTypeDef]":
    for page in clients.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        yield from page["StackEvents"]


def is_ours(found: "StackTypeDef", home: str) -> bool:
    """Whether the stack is this home's, by its tag. One that only waits for its first change set holds nothing, and
    gets its tags with that."""
    return found["StackStatus"] == EMPTY or tags_of(found.get("Tags", [])).get(HOME_TAG) == home


def _seen(found: "StackTypeDef", home: str) -> Stack:
    return Stack(
        ours=is_ours(found, home),
        status=found["StackStatus"],
        reason=found.get("StackStatusReason", ""),
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
        outputs={one["OutputKey"]: one.get("OutputValue", "") for one in found.get("Outputs", [])},
    )


def _event(one: "StackEventTypeDef") -> StackEvent:
    return StackEvent(
        event_id=one["EventId"],
        at=one["Timestamp"].timestamp(),
        logical_id=one.get("LogicalResourceId", ""),
        resource_type=one.get("ResourceType", ""),
        status=one.get("ResourceStatus", ""),
        reason=one.get("ResourceStatusReason", ""),
    )
