"""Leftovers of the services: programs, users, alarms, topics, budgets, rights, the stack itself."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import code_of, words_of
from tlfif.adapters.aws.deployment.deployment_clients import DeploymentClients, Place
from tlfif.adapters.aws.deployment.leftover_kinds import LeftoverKind, is_tagged, tags_of
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.deployment.deployment import GONE, Found

_BY_TAG = "tag tlfif:home"


def service_kinds(clients: DeploymentClients, place: Place, template: StackTemplate) -> list[LeftoverKind]:
    """In the order of removal: programs before their rights."""
    return [
        LeftoverKind(
            name="programs",
            looked_for="the template's names",
            service="lambda",
            find=lambda: _functions(clients, place, template),
            remove=lambda name: clients.functions.delete_function(FunctionName=name),
        ),
        LeftoverKind(
            name="users",
            looked_for=f"user pools named {place.home} with {_BY_TAG}",
            service="cognito-idp",
            find=lambda: _user_pools(clients, place),
            remove=lambda name: _remove_pool(clients, name),
        ),
        LeftoverKind(
            name="alarms",
            looked_for="the template's names",
            service="cloudwatch",
            find=lambda: _alarms(clients, place, template),
            remove=lambda name: clients.cloudwatch.delete_alarms(AlarmNames=[name]),
        ),
        LeftoverKind(
            name="alarm addresses",
            looked_for="the template's names (SNS topics)",
            service="sns",
            find=lambda: _topics(clients, place, template),
            remove=lambda name: clients.sns.delete_topic(TopicArn=name),
        ),
        LeftoverKind(
            name="budgets",
            looked_for="the template's names",
            service="budgets",
            find=lambda: _budgets(clients, place, template),
            remove=lambda name: clients.budgets.delete_budget(AccountId=place.account_id, BudgetName=name),
        ),
        LeftoverKind(
            name="rights",
            looked_for=f"roles beginning with {place.home}- with {_BY_TAG}",
            service="iam",
            find=lambda: _roles(clients, place),
            remove=lambda name: _remove_role(clients, name),
        ),
        LeftoverKind(
            name="stacks",
            looked_for=f"the name {place.home}",
            service="cloudformation",
            find=lambda: _stacks(clients, place),
            remove=lambda name: clients.cloudformation.delete_stack(StackName=name),
        ),
    ]


def _names(template: StackTemplate, place: Place, kind: str) -> list[str]:
    return sorted(template.names(kind, home=place.home, account_id=place.account_id, region=place.region))


def _functions(clients: DeploymentClients, place: Place, template: StackTemplate) -> Iterator[Found]:
    for name in _names(template, place, "AWS::Lambda::Function"):
        try:
            clients.functions.get_function(FunctionName=name)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
        else:
            yield Found(name=name)


def _user_pools(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    """A pool's name is not its own: several may have it, so the tag decides. The name shown is the id."""
    for page in clients.cognito.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 60}):
        for one in page["UserPools"]:
            if one.get("Name") != place.home or "Id" not in one:
                continue
            pool = clients.cognito.describe_user_pool(UserPoolId=one["Id"])["UserPool"]
            yield Found(name=one["Id"], ours=is_tagged(pool.get("UserPoolTags", {}), place.home))


def _remove_pool(clients: DeploymentClients, pool_id: str) -> None:
    """The sign-in pages' address keeps a pool from going."""
    domain = clients.cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"].get("Domain")
    if domain:
        clients.cognito.delete_user_pool_domain(Domain=domain, UserPoolId=pool_id)
    clients.cognito.delete_user_pool(UserPoolId=pool_id)


def _alarms(clients: DeploymentClients, place: Place, template: StackTemplate) -> Iterator[Found]:
    names = _names(template, place, "AWS::CloudWatch::Alarm")
    found = clients.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
    yield from (Found(name=one["AlarmName"]) for one in found)


def _topics(clients: DeploymentClients, place: Place, template: StackTemplate) -> Iterator[Found]:
    given = set(_names(template, place, "AWS::SNS::Topic"))
    for page in clients.sns.get_paginator("list_topics").paginate():
        yield from (Found(name=arn) for one in page["Topics"] if (arn := one["TopicArn"]).rpartition(":")[2] in given)


def _budgets(clients: DeploymentClients, place: Place, template: StackTemplate) -> Iterator[Found]:
    for name in _names(template, place, "AWS::Budgets::Budget"):
        try:
            clients.budgets.describe_budget(AccountId=place.account_id, BudgetName=name)
        except ClientError as error:
            if code_of(error) != "NotFoundException":
                raise
        else:
            yield Found(name=name)


def _roles(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    for page in clients.iam.get_paginator("list_roles").paginate():
        for one in page["Roles"]:
            name = one["RoleName"]
            if name.startswith(f"{place.home}-"):
                marks = clients.iam.list_role_tags(RoleName=name)["Tags"]
                yield Found(name=name, ours=is_tagged(tags_of(marks), place.home))


def _remove_role(clients: DeploymentClients, name: str) -> None:
    """IAM deletes a role only once nothing hangs on it."""
    iam = clients.iam
    for profile in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
        iam.delete_instance_profile(InstanceProfileName=profile["InstanceProfileName"])
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=attached.get("PolicyArn", ""))
    iam.delete_role(RoleName=name)


def _stacks(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    try:
        found = clients.cloudformation.describe_stacks(StackName=place.home)["Stacks"]
    except ClientError as error:
        if code_of(error) == "ValidationError" and "does not exist" in words_of(error):
            return
        raise
    yield from (Found(name=one["StackName"]) for one in found if one["StackStatus"] != GONE)
