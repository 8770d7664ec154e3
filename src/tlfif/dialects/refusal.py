"""An error before it has any dialect's shape, and after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tlfif.kernel.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """``status``, ``code`` and ``message`` as TL-FIF's own API has them; ``param`` names the field at fault."""

    status: int
    code: str
    message: str
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def param(self) -> str | None:
        """The field at fault, where one is."""
        named = self.details.get("param")
        if isinstance(named, str):
            return named
        if self.code.endswith("_out_of_range"):
            return self.code.removesuffix("_out_of_range")
        return _FIELDS.get(self.code)


_FIELDS = {
    "unknown_model": "model",
    "model_absent": "model",
    "prompt_too_long": "messages",
    "prompt_empty": "messages",
    "prompt_not_text": "messages",
    "role_unknown": "messages",
    "messages_empty": "messages",
    "messages_too_many": "messages",
    "last_message_not_user": "messages",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """A refusal as it goes over the wire, as ``application/json``."""

    status: int
    body: dict[str, Any]


def not_supported(param: str, why: str) -> InvalidInputError:
    """What cannot be done, and would change the answer if it were left out."""
    return InvalidInputError(f"{param}: {why}", code="unsupported_value", details={"param": param})


def wrong_value(param: str, must_be: str) -> InvalidInputError:
    """A value that no request may have. ``must_be`` ends the sentence that begins with the field's name."""
    return InvalidInputError(f"{param} {must_be}.", code="unknown_value", details={"param": param})


def missing(param: str) -> InvalidInputError:
    """A field that is needed and not there."""
    return InvalidInputError(f"{param} is missing.", code="missing_field", details={"param": param})


RETRY_LATER = frozenset({408, 429, 503})


def is_worth_repeating(status: int, *, is_stored: bool) -> bool:
    """Whether a program may send the request again unchanged: nothing of it was stored, and later it may be taken."""
    return status in RETRY_LATER and not is_stored
