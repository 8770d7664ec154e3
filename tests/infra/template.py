"""A CloudFormation template, asked for its parts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """One statement of a role's rights or of a resource's own policy."""

    owner: str
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Json
    principals: Any


@dataclass(frozen=True)
class Template:
    """The template: its ``text`` and its parsed ``body``."""

    text: str
    body: Json

    @classmethod
    def committed(cls) -> "Template":
        """The file that is part of the program."""
        place = files("tlfif.adapters.aws.deployment") / "template" / "tlfif.template.json"
        text = place.read_text("utf-8")
        return cls(text=text, body=json.loads(text))

    @property
    def minified(self) -> str:
        """As it is sent."""
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False)

    def of_type(self, kind: str) -> dict[str, Json]:
        """Resources of one type: name and properties."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.body["Resources"].items()
            if resource["Type"] == kind
        }

    def only(self, kind: str) -> Json:
        """The properties of the one resource of its type."""
        (properties,) = self.of_type(kind).values()
        return properties

    def role_statements(self) -> Iterator[Statement]:
        """What every role may do."""
        for name, role in self.of_type("AWS::IAM::Role").items():
            for policy in role["Policies"]:
                for one in policy["PolicyDocument"]["Statement"]:
                    yield _statement(name, one)

    def role(self, part: str) -> dict[str, Statement]:
        """The statements of the role with ``part`` in its name, by sid."""
        return {one.sid: one for one in self.role_statements() if part in one.owner}

    def resource_policies(self) -> Iterator[Statement]:
        """Who else may do something with a resource, by the resource's own policy."""
        for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
            for name, properties in self.of_type(kind).items():
                for one in properties["PolicyDocument"]["Statement"]:
                    yield _statement(name, one)


def _statement(owner: str, one: Json) -> Statement:
    return Statement(
        owner=owner,
        sid=one["Sid"],
        effect=one["Effect"],
        actions=tuple(_listed(one["Action"])),
        resources=tuple(as_text(resource) for resource in _listed(one["Resource"])),
        conditions=one.get("Condition", {}),
        principals=one.get("Principal"),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """A text, a reference or an attribute as ``Fn::Sub`` writes it."""
    if isinstance(value, str):
        return value
    if "Fn::Sub" in value:
        return str(value["Fn::Sub"])
    return f"${{{value['Ref']}}}" if "Ref" in value else f"${{{'.'.join(value['Fn::GetAtt'])}}}"
