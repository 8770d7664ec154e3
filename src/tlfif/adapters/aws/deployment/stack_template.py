"""The CloudFormation template that is part of the program. Needs no boto3."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

TEMPLATE_FILE = Path(__file__).parent / "template" / "tlfif.template.json"
MOST_BYTES_IN_REQUEST = 51_200
"""A larger template must be uploaded to a bucket (AWS CloudFormation quotas, "Template body size in a request")."""


ONLY_IF_ASKED = ("WantsPushes", "WantsMonthlyRebuild")
"""The conditions of what follows a Git repository, and of the monthly rebuild."""


class StackTemplate:
    """One template. Its first use raises OSError or ValueError for a file that is missing or not JSON."""

    def __init__(self, path: Path = TEMPLATE_FILE) -> None:
        self._path = path

    @cached_property
    def content(self) -> dict[str, Any]:
        """The parsed template."""
        found: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        return found

    @cached_property
    def body(self) -> str:
        """The template as sent: compact JSON."""
        return json.dumps(self.content, separators=(",", ":"), ensure_ascii=False)

    @property
    def fits_into_request(self) -> bool:
        """Whether it can be sent without a bucket."""
        return len(self.body.encode()) <= MOST_BYTES_IN_REQUEST

    @property
    def resource_types(self) -> tuple[str, ...]:
        """The type of each resource, without those that are only made where the owner asks for them."""
        resources = self.content["Resources"].values()
        return tuple(one["Type"] for one in resources if one.get("Condition") not in ONLY_IF_ASKED)

    @property
    def defaults(self) -> dict[str, str | None]:
        """Its parameters by name, with their defaults; None: a value must be given."""
        return {
            name: str(given["Default"]) if "Default" in given else None
            for name, given in self.content.get("Parameters", {}).items()
        }

    def names(self, resource_type: str, *, home: str, account_id: str, region: str) -> frozenset[str]:
        """The names that the template gives to its resources of that type, with the owner's values inserted."""
        values = {"HomeName": home, "AWS::AccountId": account_id, "AWS::Region": region}
        found = (
            _filled(value, values)
            for resource in self.content["Resources"].values()
            if resource["Type"] == resource_type
            for value in _named(resource.get("Properties", {}))
        )
        return frozenset(name for name in found if name)


_NAMES = (
    "AlarmName",
    "BucketName",
    "FunctionName",
    "LaunchTemplateName",
    "LogGroupName",
    "QueueName",
    "TableName",
    "TopicName",
)


def _named(properties: Mapping[str, Any]) -> Iterator[object]:
    yield from (properties[name] for name in _NAMES if name in properties)
    if "Budget" in properties:
        yield properties["Budget"].get("BudgetName")


def _filled(value: object, values: Mapping[str, str]) -> str:
    """A plain name, a reference to a parameter, or a pattern; empty if it cannot be known here."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("Ref"), str):
        return values.get(value["Ref"], "")
    if isinstance(value, Mapping) and isinstance(value.get("Fn::Sub"), str):
        pattern: str = value["Fn::Sub"]
        for name, text in values.items():
            pattern = pattern.replace(f"${{{name}}}", text)
        return "" if "${" in pattern else pattern
    return ""
