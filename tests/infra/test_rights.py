"""Every right of every role: it exists, it names what it is for, and it is tied to this home."""

import fnmatch
import json
import re
from typing import Any

import pytest

from tests.infra.template import Template
from tlfif.doctor.rights_verdicts import DEPLOY_ACTIONS

WITHOUT_RESOURCE = {
    "codepipeline:PutJobFailureResult": "a job of CodePipeline has no name",
    "codepipeline:PutJobSuccessResult": "a job of CodePipeline has no name",
    "ec2:DescribeImages": "EC2 describes all images of a region or none",
    "ec2:DescribeInstances": "EC2 describes all instances of a region or none",
    "ec2:DescribeLaunchTemplates": "EC2 describes all launch templates of a region or none",
    "ec2:DescribeLaunchTemplateVersions": "EC2 describes all launch templates of a region or none",
    "ec2:DescribeSnapshots": "EC2 describes all snapshots of a region or none",
    "ec2:DescribeSubnets": "EC2 describes all subnets of a region or none",
    "ssmmessages:CreateControlChannel": "a channel of Session Manager has no name",
    "ssmmessages:CreateDataChannel": "a channel of Session Manager has no name",
    "ssmmessages:OpenControlChannel": "a channel of Session Manager has no name",
    "ssmmessages:OpenDataChannel": "a channel of Session Manager has no name",
}
"""The only actions that may stand beside a bare star, and why."""

STARRED_BY_NAME = (
    ".Arn}/${HomeName}*",
    "/jobs/*",
    "/models/*",
    "/releases/*",
    "/releases/sources/*",
    ":parameter/${HomeName}/image/*",
    ":schedule/${HomeName}/${HomeName}-*",
)
"""Stars below a name of the home's own."""
UBUNTU = {"LaunchUbuntu": "099720109477", "FindUbuntu": "::parameter/aws/service/canonical/ubuntu/server/*"}
"""What is Canonical's and open to everybody: images of that account, and the public parameters with their names."""
WITHOUT_GPU = {"c7i", "c7i-flex", "m7i"}
NEW_INTERFACE = "LaunchInterface"
"""Interfaces carry no tag at launch; only this home's launch template makes them."""
REPORT = "ReportToSessionManager"
"""A machine tells Session Manager that it is there; the service itself knows which one is speaking."""

WANTED_BY_ROLE = {
    "ApiAppRole": {
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:TerminateInstances",
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sqs:SendMessage",
        "ssm:GetParameter",
        "ssm:PutParameter",
    },
    "ImagesPushRole": {
        "codeconnections:UseConnection",
        "codestar-connections:UseConnection",
        "lambda:InvokeFunction",
        "s3:GetBucketAcl",
        "s3:GetBucketLocation",
        "s3:GetBucketVersioning",
        "s3:GetObject",
        "s3:PutObject",
    },
    "StopsTerminator": {"ec2:TerminateInstances", "sqs:SendMessage"},
}
OF_NOBODY = ("iam:Create*", "iam:Put*", "iam:Attach*", "sts:*", "kms:*", "lambda:Update*", "codebuild:*")
"""No role of the home makes rights or changes code."""


@pytest.mark.requirement("8.5.1")
def test_every_action_exists(template: Template, service_authorization: dict[str, Any]) -> None:
    for statement in template.role_statements():
        for action in statement.actions:
            service, name = action.split(":")
            assert name.lower() in service_authorization[service]["Actions"], f"{statement.owner}: {action}"


def test_an_action_that_does_not_exist_would_be_found(service_authorization: dict[str, Any]) -> None:
    assert "publish" not in service_authorization["elasticache"]["Actions"]
    assert "start" not in service_authorization["ec2"]["Actions"]


def test_no_action_has_a_star_and_nothing_is_excepted(template: Template) -> None:
    for statement in template.role_statements():
        assert statement.effect == "Allow"
        assert not [action for action in statement.actions if "*" in action or "?" in action], statement
    assert '"NotAction"' not in template.text
    assert '"NotResource"' not in template.text
    assert not [one for one in template.of_type("AWS::IAM::Role").values() if one.get("ManagedPolicyArns")]


def test_a_bare_star_stands_only_where_aws_knows_no_resource(
    template: Template, service_authorization: dict[str, Any]
) -> None:
    found = set()
    for statement in template.role_statements():
        if "*" in statement.resources:
            assert statement.resources == ("*",)
            for action in statement.actions:
                service, name = action.split(":")
                assert not service_authorization[service]["Actions"][name.lower()].get("Resources"), action
                found.add(action)
    assert found == set(WITHOUT_RESOURCE)


def test_every_resource_is_one_that_the_action_works_on(
    template: Template, service_authorization: dict[str, Any]
) -> None:
    """An ARN of the wrong kind is accepted by IAM and never allows anything."""
    arns = _arns(template)
    for statement in template.role_statements():
        for action in statement.actions:
            service, name = action.split(":")
            kinds = service_authorization[service]["Actions"][name.lower()].get("Resources", [])
            patterns = [
                re.compile(
                    "arn:"
                    + form.replace("arn:${Partition}:", "")
                    .replace("${Partition}", "")
                    .replace("${Region}", "[^:]*")
                    .replace("${Account}", "[^:]*")
                )
                for kind in kinds
                for form in service_authorization[service]["Resources"][kind.lower()]["ARNFormats"]
            ]
            for resource in statement.resources if kinds else ():
                shown = arns(resource.replace("${ConnectionArn}", f"arn:{service}:R:1:connection/x"))
                if action == "ce:GetCostAndUsage" and ":ce:" in shown:
                    continue  # the older of its two names; not in the list, and in AWS's own refusals
                assert any(one.match(shown) for one in patterns), f"{statement.owner}: {action} on {shown}"


def _arns(template: Template) -> Any:
    """How an ARN of the template looks, without its partition: ``arn:sqs:R:1:name``."""
    attributes = {
        "AWS::DynamoDB::Table": "arn:dynamodb:R:1:table/x",
        "AWS::SQS::Queue": "arn:sqs:R:1:x",
        "AWS::S3::Bucket": "arn:s3:::x",
        "AWS::Logs::LogGroup": "arn:logs:R:1:log-group:x:log-stream:*",
        "AWS::Lambda::Function": "arn:lambda:R:1:function:x",
        "AWS::IAM::Role": "arn:iam::1:role/x",
        "AWS::CodePipeline::Pipeline": "arn:codepipeline:R:1:x",
    }
    resources = template.body["Resources"]

    def shown(resource: str) -> str:
        text = re.sub(r"\$\{(\w+)\.Arn\}", lambda found: attributes[resources[found[1]]["Type"]], resource)
        text = text.replace("arn:${AWS::Partition}:", "arn:")
        text = text.replace("${AWS::Region}", "R").replace("${AWS::AccountId}", "1")
        return re.sub(r"\$\{\w+\}", "x", text)

    return shown


def test_every_condition_key_exists(template: Template, service_authorization: dict[str, Any]) -> None:
    global_keys = {"aws:RequestedRegion", "aws:SourceAccount", "aws:SourceArn", "aws:SecureTransport"}
    service_keys = {"iam:PassedToService", "ec2:CreateAction"}
    for statement in template.role_statements():
        for key in (key for operator in statement.conditions.values() for key in operator):
            if key in global_keys | service_keys:
                continue
            known = {
                one.split("${")[0]
                for action in statement.actions
                for kind in service_authorization[action.split(":")[0]]["Resources"].values()
                for one in kind.get("ConditionKeys", [])
            }
            assert any(key == one or (one.endswith("/") and key.startswith(one)) for one in known), key


@pytest.mark.requirement("8.5.1")
def test_a_starred_resource_is_tied_to_the_home(template: Template) -> None:
    for statement in template.role_statements():
        for resource in statement.resources:
            if "*" not in resource or resource == "*" or resource.endswith(STARRED_BY_NAME):
                continue
            tied = json.dumps(statement.conditions)
            if statement.sid == NEW_INTERFACE:
                assert "ec2:LaunchTemplate" in tied
            elif statement.sid in UBUNTU:
                assert UBUNTU[statement.sid] in f"{tied}{resource}"
            elif statement.sid != REPORT:
                assert '/tlfif:home": {"Ref": "HomeName"}' in tied, f"{statement.owner}: {statement.sid}"


@pytest.mark.requirement("5.1.1", "8.2.2")
def test_launching_is_tied_to_template_type_subnet_and_image(template: Template) -> None:
    router = template.role("RouterTickRole")
    (name,) = [one for one in template.of_type("AWS::EC2::LaunchTemplate") if not one.startswith("MachineBuilder")]
    wanted = f"launch-template/${{{name}}}"
    for sid in ("LaunchInstance", "LaunchDisk", "LaunchInterface"):
        assert router[sid].conditions["ArnEquals"]["ec2:LaunchTemplate"]["Fn::Sub"].endswith(wanted)
    types = router["LaunchInstance"].conditions["StringEquals"]["ec2:InstanceType"]
    assert types == {"Fn::Split": [",", {"Ref": "InstanceTypes"}]}
    assert router["LaunchInSubnet"].conditions["StringEquals"] == {"aws:ResourceTag/tlfif:home": {"Ref": "HomeName"}}
    assert router["LaunchOwnImage"].conditions["StringEquals"]["ec2:Owner"] == {"Ref": "AWS::AccountId"}
    assert router["TagAtLaunch"].conditions["StringEquals"]["ec2:CreateAction"] == "RunInstances"
    launchers = {one.owner for one in template.role_statements() if "ec2:RunInstances" in one.actions}
    assert all(_launches(owner) for owner in launchers)


def _launches(owner: str) -> bool:
    return owner.startswith(("RouterTickRole", "ImagesPipelineRole"))


def test_a_builder_is_launched_like_a_machine_but_from_ubuntu_too_and_of_cheap_types(template: Template) -> None:
    images, router = template.role("ImagesPipelineRole"), template.role("RouterTickRole")
    names = set(template.of_type("AWS::EC2::LaunchTemplate"))
    for sid in ("LaunchInstance", "LaunchDisk", "LaunchInterface"):
        given = images[sid].conditions["ArnEquals"]["ec2:LaunchTemplate"]
        assert {one["Fn::Sub"].split("${")[-1].rstrip("}") for one in given} == names
    builder, machine = (one["LaunchInstance"].conditions["StringEquals"] for one in (images, router))
    assert builder["aws:RequestTag/tlfif:home"] == machine["aws:RequestTag/tlfif:home"] == {"Ref": "HomeName"}
    home, *cheap = builder["ec2:InstanceType"]["Fn::Split"][1]["Fn::Sub"].split(",")
    assert home == "${InstanceTypes}"
    assert {one.split(".")[0] for one in cheap} <= WITHOUT_GPU
    assert "LaunchUbuntu" not in router
    assert images["TagNewImage"].conditions["StringEquals"]["ec2:CreateAction"] == "CreateImage"


@pytest.mark.requirement("8.4.1")
def test_what_builds_images_sees_no_prompt(template: Template) -> None:
    named = {name for one in template.role("ImagesPipelineRole").values() for name in one.resources}
    (jobs,) = [name for name in template.of_type("AWS::DynamoDB::Table") if name.startswith("StoreJobs")]
    assert not [name for name in named if jobs in name or "/jobs/" in name]


@pytest.mark.requirement("8.4.1")
def test_images_are_made_and_deleted_by_one_function_and_pointed_to_by_three(template: Template) -> None:
    def owners(action: str) -> set[str]:
        found = {one.owner for one in template.role_statements() if action in one.actions}
        return {re.sub(r"Role[0-9A-F]*$", "", owner) for owner in found}

    for action in ("ec2:CreateImage", "ec2:DeregisterImage", "ec2:DeleteSnapshot"):
        assert owners(action) == {"ImagesPipeline"}
    assert owners("ssm:PutParameter") == {"ApiApp", "ImagesPipeline", "RouterTick"}
    written = {one.resources for one in template.role_statements() if "ssm:PutParameter" in one.actions}
    assert [[one.split(":")[-1] for one in resources] for resources in written] == [["parameter/${HomeName}/image/*"]]


@pytest.mark.requirement("8.2.2")
def test_roles_are_handed_to_one_service_each(template: Template) -> None:
    passed = [one for one in template.role_statements() if "iam:PassRole" in one.actions]
    assert {one.conditions["StringEquals"]["iam:PassedToService"] for one in passed} == {
        "ec2.amazonaws.com",
        "scheduler.amazonaws.com",
    }
    assert all(_launches(one.owner) and len(one.resources) == 1 and "*" not in one.resources[0] for one in passed)


@pytest.mark.requirement("8.4.2")
def test_the_terminator_serves_this_homes_schedules_only(template: Template) -> None:
    (role,) = [one for name, one in template.of_type("AWS::IAM::Role").items() if name.startswith("StopsTerminator")]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    (group,) = template.of_type("AWS::Scheduler::ScheduleGroup")
    assert trust["Condition"] == {
        "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [group, "Arn"]}},
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    }


@pytest.mark.requirement("8.2.1", "8.4.2")
@pytest.mark.parametrize("part", sorted(WANTED_BY_ROLE))
def test_small_roles_have_exactly_this(template: Template, part: str) -> None:
    assert {action for one in template.role(part).values() for action in one.actions} == WANTED_BY_ROLE[part]


@pytest.mark.requirement("5.5.1", "8.3.1", "11.3.1")
def test_the_machine_starts_stops_and_reads_nothing_else(template: Template) -> None:
    worker = template.role("MachineWorker")
    services = {action.split(":")[0] for one in worker.values() for action in one.actions}
    assert services == {"dynamodb", "logs", "s3", "sqs", "ssm", "ssmmessages"}
    assert {action for one in worker.values() for action in one.actions if action.startswith("ssm:")} == {
        "ssm:UpdateInstanceInformation"
    }


@pytest.mark.requirement("8.2.2")
def test_only_the_router_reads_the_bill(template: Template) -> None:
    readers = {
        one.owner for one in template.role_statements() for action in one.actions if action.startswith(("ce:", "cur:"))
    }
    assert len(readers) == 1
    assert "ce:GetCostAndUsage" in {
        action for one in template.role("RouterTickRole").values() for action in one.actions
    }


def test_nobody_makes_rights(template: Template) -> None:
    actions = {action for one in template.role_statements() for action in one.actions}
    assert not [action for action in actions for forbidden in OF_NOBODY if fnmatch.fnmatch(action, forbidden)]


def test_a_roles_rights_fit_into_iams_limit(template: Template) -> None:
    """10,240 characters without spaces for all inline policies of a role (IAM quotas), with the longest names."""
    for name, role in template.of_type("AWS::IAM::Role").items():
        policies = [policy["PolicyDocument"] for policy in role["Policies"]]
        assert len(json.dumps(_with_long_names(policies), separators=(",", ":"))) <= 10_240, name


def _with_long_names(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_long_names(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Split" in value:
        return ["c7i-flex.large"] * 8
    if "Fn::Sub" in value:
        text = re.sub(r"\$\{\w+\.Arn\}", "x" * 100, value["Fn::Sub"]).replace("${AWS::Partition}", "aws")
        return re.sub(r"\$\{[^}]+\}", "x" * 20, text)
    return (
        "x" * 100 if {"Ref", "Fn::GetAtt"} & set(value) else {key: _with_long_names(one) for key, one in value.items()}
    )


@pytest.mark.requirement("8.5.2")
def test_resource_policies_open_to_named_services_of_this_account_only(template: Template) -> None:
    owners = set()
    for statement in template.resource_policies():
        owners.add(statement.owner)
        if statement.effect == "Deny":
            assert statement.conditions == {"Bool": {"aws:SecureTransport": "false"}}
            continue
        assert set(statement.principals) == {"Service"}
        assert {"aws:SourceAccount", "aws:SourceArn"} & set(statement.conditions["StringEquals"])
    denied = {one.owner for one in template.resource_policies() if one.effect == "Deny"}
    assert denied == owners
    assert len(owners) == 6, "two buckets, three queues, one topic"


def test_functions_are_called_by_their_own_callers_only(template: Template) -> None:
    callers = {one["Principal"]: one["SourceArn"] for one in template.of_type("AWS::Lambda::Permission").values()}
    assert set(callers) == {"apigateway.amazonaws.com", "events.amazonaws.com"}, "CodePipeline calls by its own role"
    assert all(callers.values())


CALLED_BY_IAM = {"apigatewayv2": "apigateway", "cognito": "cognito-idp"}
"""Services whose actions have another name than their kinds of resources."""


def test_the_doctor_asks_for_a_right_of_every_service_that_the_template_makes_something_of(template: Template) -> None:
    kinds = {resource["Type"].split("::")[1].lower() for resource in template.body["Resources"].values()}
    asked = {action.split(":")[0] for action in DEPLOY_ACTIONS}
    assert {CALLED_BY_IAM.get(kind, kind) for kind in kinds} <= asked
    assert {"codeconnections:PassConnection", "codeconnections:UseConnection"} <= set(DEPLOY_ACTIONS), "a push's"
