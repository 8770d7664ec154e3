"""What the request models of all dialects have in common."""

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import SkipJsonSchema

from tlfif.kernel.errors import InvalidInputError

WithoutEffect: TypeAlias = SkipJsonSchema[Any]
"""A field that programs send and that changes nothing here. It is known, so it is not named as ignored; the OpenAPI
document leaves it out."""


class Fields(BaseModel):
    """Wrong types are errors; a field that is not known is kept aside and named by :func:`ignored`. ``null`` is as good
    as absent."""

    model_config = ConfigDict(extra="allow", strict=True)


class Wishes(Fields):
    """What may be asked of TL-FIF beside what the other server knows. ``bridge``: this computer answers, too, while a
    machine on AWS starts, where its owner has allowed that."""

    bridge: bool | None = None


class Wishing(Fields):
    """A request that may have such a wish."""

    tlfif: Wishes | None = None

    @property
    def wants_bridge(self) -> bool:
        """Whether both answers are wanted."""
        return self.tlfif is not None and bool(self.tlfif.bridge)


def ignored(body: BaseModel) -> list[str]:
    """The fields of a request that nobody here knows, as a path each."""
    found = [name for name, value in (body.model_extra or {}).items() if value is not None]
    for name in type(body).model_fields:
        value = getattr(body, name)
        if isinstance(value, BaseModel):
            found += [f"{name}.{inner}" for inner in ignored(value)]
        elif isinstance(value, list):
            for at, one in enumerate(value):
                found += [f"{name}[{at}].{inner}" for inner in ignored(one)] if isinstance(one, BaseModel) else []
    return found


def wrong_type(param: str, must_be: str) -> InvalidInputError:
    """A value of the wrong kind. ``must_be`` ends the sentence that begins with the field's name."""
    return InvalidInputError(f"{param} {must_be}.", code="wrong_type", details={"param": param})


def known_keys(value: Any, param: str) -> dict[str, Any]:
    """``value`` if it is a JSON object, without its nulls. Raises InvalidInputError ``wrong_type``."""
    if not isinstance(value, dict):
        raise wrong_type(param, "must be a JSON object with named fields")
    return {name: inner for name, inner in value.items() if inner is not None}
