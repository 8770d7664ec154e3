"""The committed template is what the code makes, and cdk-nag has nothing to say that is not answered in writing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.substitution import with_substitutions
from tests.infra.template import Template

if TYPE_CHECKING:
    from tests.infra.synthesis import Synthesis


@pytest.mark.requirement("10.3.2")
def test_the_committed_template_is_what_the_code_makes(template: Template, synthesis: "Synthesis") -> None:
    assert synthesis.text == template.text, "run: python -m infra.synth"


@pytest.mark.requirement("8.5.1", "10.3.2")
def test_cdk_nag_has_no_open_finding(synthesis: "Synthesis") -> None:
    assert synthesis.findings == ""


@pytest.mark.usefixtures("synthesis")
def test_a_finding_without_an_answer_would_be_seen(tmp_path: Path) -> None:
    from aws_cdk import App, Stack
    from aws_cdk.aws_sqs import CfnQueue

    from tests.infra.synthesis import checked

    app = checked(App(outdir=str(tmp_path), tree_metadata=False, builtin_cloud_formation_validation=False))
    CfnQueue(Stack(app, "Other"), "Open")
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS4"):
        app.synth()


@pytest.mark.usefixtures("synthesis")
def test_every_answer_to_cdk_nag_has_a_reason_and_a_resource(template: Template) -> None:
    from infra.wildcards import REASONS

    for resource, reason in REASONS.items():
        assert len(reason.split()) >= 5, resource
        plain = resource.replace("<", "${").replace(">", "}")
        assert json.dumps(plain) in template.text, f"no role has {resource} any more"


def test_joined_texts_become_substitutions_and_nothing_else_changes() -> None:
    joined = {"Fn::Join": ["", ["a-", {"Ref": "B"}, "-$", {"Fn::GetAtt": ["C", "Arn"]}, "${x}"]]}
    assert with_substitutions({"k": [joined]}) == {"k": [{"Fn::Sub": "a-${B}-$${C.Arn}${!x}"}]}
    for kept in ({"Fn::Join": [",", ["a", "b"]]}, {"Fn::Join": ["", ["a", {"Fn::If": ["x", "y", "z"]}]]}, 3, None):
        assert with_substitutions(kept) == kept
