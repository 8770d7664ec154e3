"""Plain values to and from DynamoDB's items.

DynamoDB's numbers are decimal with 38 digits and forget whether they had a fraction: 12.0 comes back as 12. A float is
written with as many digits as it takes to read the same float again.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    WireItem: TypeAlias = dict[str, AttributeValueTypeDef]

Item: TypeAlias = dict[str, Any]
"""Texts, whole numbers, floats, booleans, and lists and maps of them."""

_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


def to_wire(values: Mapping[str, Any]) -> "WireItem":
    """As DynamoDB takes it; what is None is left out. Raises TypeError for a value that no item can hold."""
    return {name: _SERIALIZER.serialize(_exact(value)) for name, value in values.items() if value is not None}


def from_wire(item: Mapping[str, Any]) -> Item:
    """The values again; a number without a fraction is an int."""
    return {name: _plain(_DESERIALIZER.deserialize(value)) for name, value in item.items()}


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _exact(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
