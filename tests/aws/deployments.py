"""A home's deployment against the emulator, and a cloud that may fail at any step.

moto's CloudFormation knows about half of the template's types. :func:`emulated_template` keeps what it knows and what
refers to nothing else; the user pool is made by Cognito's own API beside it. What is filtered out is proven by
tests/infra on the template itself, and by the fake cloud that passes the same contract suite. The network is left out:
moto deletes a network before its parts and then refuses. It knows ``Retain`` and not ``RetainExceptOnCreate``; a stack
that cannot be created is not made here.
"""

import json
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from tests.aws.emulator import REGION, Emulator
from tests.fakes.clock import FakeClock
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place
from tlfif.adapters.aws.deployment.installation import AwsInstallation
from tlfif.adapters.aws.deployment.leftovers import AwsSweeper
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.control.authority import OWNERS

ACCOUNT = "123456789012"
"""moto's one account."""
KNOWN_TO_EMULATOR = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)


def emulated_template(outputs: Mapping[str, str], *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The committed template without what moto does not know; ``outputs`` stand for those of what is left out.

    ``without``: further types to leave out.
    """
    found = json.loads(json.dumps(StackTemplate().content).replace("RetainExceptOnCreate", "Retain"))
    resources = {
        name: resource
        for name, resource in found["Resources"].items()
        if resource["Type"] in KNOWN_TO_EMULATOR - without
    }
    dropped = set(found["Resources"]) - set(resources)
    while lost := {name for name, resource in resources.items() if _mentions(resource, dropped)}:
        dropped |= lost
        resources = {name: resource for name, resource in resources.items() if name not in lost}
    found["Resources"] = resources
    found["Outputs"] = {
        name: {"Value": outputs.get(name, f"not-made-{name}")} if _mentions(value, dropped) else value
        for name, value in found["Outputs"].items()
    }
    return found


def _mentions(part: object, names: set[str]) -> bool:
    if isinstance(part, str):
        return any(f"${{{name}}}" in part or f"${{{name}." in part for name in names)
    if isinstance(part, Mapping):
        if part.get("Ref") in names:
            return True
        got = part.get("Fn::GetAtt")
        if isinstance(got, list) and got[0] in names:
            return True
        depends = part.get("DependsOn", [])
        if names & set([depends] if isinstance(depends, str) else depends):
            return True
        return any(_mentions(one, names) for one in part.values())
    return isinstance(part, list) and any(_mentions(one, names) for one in part)


def package(folder: Path) -> Path:
    """A package as small as one can be, the same bytes each time."""
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("tlfif/__init__.py"), "")
    return path


def session_on_loopback() -> boto3.Session:
    """S3 Control puts the account's number in front of the host, which no loopback address can have."""
    session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
    session.events.register("before-send.s3-control", _without_account)
    return session


def _without_account(request: Any, **_: object) -> None:
    host = urlsplit(request.url).netloc
    account, _, rest = host.partition(".")
    if account.isdecimal() and len(account) == 12:
        request.url = request.url.replace(host, rest, 1)


OUTPUTS: dict[str, dict[str, str]] = {}
"""By the stack's name."""


def _with_outputs(parsed: dict[str, Any], **_: object) -> None:
    """moto forgets the outputs of a stack that was made by a change set."""
    for stack in parsed.get("Stacks", []):
        if stack["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} and not stack.get("Outputs"):
            found = OUTPUTS.get(stack["StackName"], {})
            stack["Outputs"] = [{"OutputKey": key, "OutputValue": value} for key, value in found.items()]


@cache
def clients_for(endpoint: str) -> DeploymentClients:
    """To make nineteen clients takes seconds, so all homes of a process share them; botocore's may be shared."""
    session = session_on_loopback()
    session.events.register("after-call.cloudformation.DescribeStacks", _with_outputs)
    clients = DeploymentClients(region=REGION, endpoint_url=endpoint, session=session)
    clients.expect_owner(ACCOUNT)
    return clients


class EmulatedHome:
    """Everything of one home at the emulator, under a name of its own."""

    def __init__(self, emulator: Emulator, folder: Path, *, without: frozenset[str] = frozenset()) -> None:
        self.emulator = emulator
        self.clock = FakeClock(auto_advance=True)
        self.place = Place(home=emulator.unique("home"), account_id=ACCOUNT, region=REGION)
        self.clients = clients_for(emulator.endpoint)
        self.pool_id = self.clients.cognito.create_user_pool(
            PoolName=self.place.home, UserPoolTags={"tlfif:home": self.place.home}
        )["UserPool"]["Id"]
        self.clients.cognito.create_group(UserPoolId=self.pool_id, GroupName=OWNERS)
        self.outputs = {
            "UserPoolId": self.pool_id,
            "ApiUrl": "https://api.example.com",
            "Issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{self.pool_id}",
            "ClientId": "client",
            "Scope": "openid email tlfif/use",
        }
        path = folder / f"{self.place.home}.json"
        path.write_text(json.dumps(emulated_template(self.outputs, without=without)))
        self.template = StackTemplate(path)
        self.installation = AwsInstallation(
            self.clients, self.place, template=self.template, build=package, clock=self.clock
        )
        self.sweeper = AwsSweeper(self.clients, self.place, template=StackTemplate())
        OUTPUTS[self.place.home] = self.outputs
