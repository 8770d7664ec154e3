"""The tag by which AWS's resources are known as one home's."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

HOME_TAG = "tlfif:home"


def tagged(home: str) -> "list[FilterTypeDef]":
    """EC2's filter for the resources of ``home``."""
    return [{"Name": f"tag:{HOME_TAG}", "Values": [home]}]


def tags_of(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """AWS's lists of ``Key`` and ``Value`` as a mapping."""
    return {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in found}
