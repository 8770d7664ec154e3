"""Plain values to and from DynamoDB's items.

DynamoDB's numbers are decimal with 38 digits and forget whether they had a fraction: 12.0 comes back as 12. A float is
written with as many digits as it takes to read the same float again.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    WireItem: TypeAlias = dict[str, AttributeValueTypeDef]

Item: TypeAlias = dict[str, Any]
"""Texts, whole numbers, floats, booleans, and lists and maps of them."""

# DynamoDB API reference, "AttributeValue", and developer guide, "Data types": 38 digits, 1E-130 to 9.99E+125.
_DIGITS = 38
_LEAST, _MOST = 1e-130, 9.9e125


def to_wire(values: Mapping[str, Any]) -> "WireItem":
    """As DynamoDB takes it; what is None is left out. Raises TypeError for a value that no item can hold."""
    return {name: _typed(value) for name, value in values.items() if value is not None}


def from_wire(item: Mapping[str, Any]) -> Item:
    """The values again; a number without a fraction is an int. Raises TypeError for what :func:`to_wire` never
    writes: bytes and sets."""
    return {name: _plain(value) for name, value in item.items()}


def _typed(value: Any) -> Any:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):  # before int, which it is, too
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": _number(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": {name: _typed(inner) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [_typed(inner) for inner in value]}
    raise TypeError(f"no item can hold a {type(value).__name__}")


def _number(value: float) -> str:
    if isinstance(value, int):
        if abs(value) >= 10**_DIGITS:
            raise TypeError(f"no item can hold a number of more than {_DIGITS} digits")
        return str(value)
    if not isfinite(value) or not (value == 0 or _LEAST <= abs(value) <= _MOST):
        raise TypeError("no item can hold this number")
    return repr(value).upper()


def _plain(wire: Mapping[str, Any]) -> Any:
    ((kind, value),) = wire.items()
    if kind in {"S", "BOOL"}:
        return value
    if kind == "N":
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else float(number)
    if kind == "M":
        return {name: _plain(inner) for name, inner in value.items()}
    if kind == "L":
        return [_plain(inner) for inner in value]
    if kind == "NULL":
        return None
    raise TypeError(f"no item of this program has a value of the kind {kind}")
