"""Conversion of plain values to and from DynamoDB items.

DynamoDB's numbers are decimals of 38 digits that do not distinguish 12.0 from 12. A float is written with as many
digits as are needed to read back the same float.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    WireItem: TypeAlias = dict[str, AttributeValueTypeDef]

Item: TypeAlias = dict[str, Any]
"""Strings, integers, floats, booleans, and lists and mappings of them."""

# DynamoDB API reference, "AttributeValue", and developer guide, "Data types": 38 digits, 1E-130 to 9.99E+125.
_DIGITS = 38
_LEAST, _MOST = 1e-130, 9.9e125


def to_wire(values: Mapping[str, Any]) -> "WireItem":
    """In DynamoDB's format; values that are None are left out. Raises TypeError for a value that no item can hold."""
    return {name: _typed(value) for name, value in values.items() if value is not None}


def from_wire(item: Mapping[str, Any]) -> Item:
    """The plain values; a number without a fraction becomes an int. Raises TypeError for kinds that :func:`to_wire`
    never writes: bytes and sets."""
    return {name: _plain(value) for name, value in item.items()}


def _typed(value: Any) -> Any:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):  # before int, because a bool is one
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
