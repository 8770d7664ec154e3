"""CloudFormation's own rules: cfn-lint in every region with prices, and the limits of what can be sent."""

import pytest

from tests.infra.template import Template
from tlfif.money.prices.prices import REGIONS

BODY_BYTES = 1_000_000
"""Longest template that CloudFormation takes from a bucket (CloudFormation quotas); ``deploy`` puts one there that is
longer than a request may be."""
RESOURCES, PARAMETERS, OUTPUTS = 500, 200, 200


@pytest.mark.requirement("10.3.2")
def test_cfn_lint_has_nothing_to_say(template: Template) -> None:
    from cfnlint.api import ManualArgs, lint  # takes a second to load, in each of pytest's workers

    found = lint(template.text, config=ManualArgs(regions=list(REGIONS), include_checks=["I"]))
    assert [f"{one.rule.id} {one.path}: {one.message}" for one in found] == []


def test_cfn_lint_would_say_something() -> None:
    from cfnlint.api import lint

    found = lint('{"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"Sise": 1}}}}')
    assert [one.rule.id for one in found] == ["E3002"]


def test_the_template_can_be_sent(template: Template) -> None:
    assert len(template.minified.encode()) <= BODY_BYTES
    assert len(template.body["Resources"]) <= RESOURCES
    assert len(template.body["Parameters"]) <= PARAMETERS
    assert len(template.body["Outputs"]) <= OUTPUTS


def test_the_template_asks_for_nothing_of_cdks(template: Template) -> None:
    assert "aws:cdk" not in template.text
    assert "BootstrapVersion" not in template.text
    assert "AWS::CDK::Metadata" not in template.text
    assert "cdk-hnb659fds" not in template.text


@pytest.mark.parametrize("output", ["ApiUrl", "BucketName", "ClientId", "Issuer", "Scope", "UserPoolId"])
def test_what_the_deployer_needs_is_put_out(template: Template, output: str) -> None:
    assert template.body["Outputs"][output]["Value"]
