"""Checks of the settings, on this computer and on AWS. Without pydantic-settings, which takes 40 ms to load: the
functions on AWS do not use it."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.policy import MachinePolicy

Policy = TypeVar("Policy", JobPolicy, MachinePolicy)


HIGHEST = {"engine_slots": 64, "engine_threads": 256, "default_max_tokens": 2048, "default_temperature": 2}
"""Upper limits of values that are not seconds; seconds are limited to 10**9."""


def all_positive(policy: Policy) -> Policy:
    """Raises ValueError where a number of the policy is not above zero, or is beyond its highest."""
    for field in fields(policy):
        value = getattr(policy, field.name)
        highest = HIGHEST.get(field.name, 10**9)
        if value is None and field.default is None:
            continue
        if not (isfinite(value) and 0 <= value <= highest) or (value == 0 and field.name != "default_temperature"):
            raise ValueError(f"{field.name} must be a number above 0, at most {highest}; nothing means for ever")
    return policy


def absolute(value: str) -> str:
    """The path of a file. Raises ValueError where it depends on the folder that a program was started in."""
    if not Path(value).expanduser().is_absolute():
        raise ValueError("It must be the whole path of a file, beginning at the root or with ~/.")
    return str(Path(value).expanduser())


def known(check: Callable[[str], str]) -> Callable[[str], str]:
    """``check`` as a validator of a setting."""

    def checked(value: str) -> str:
        try:
            return check(value)
        except InvalidInputError as error:
            raise ValueError(error.message) from None

    return checked


_SENTENCES = {
    "missing": "It is not set, and there is no default.",
    "greater_than_equal": "It must be at least {ge:g}.",
    "less_than_equal": "It must be at most {le:g}.",
    "literal_error": "It must be {expected}.",
    "string_too_short": "It must not be empty.",
    "string_too_long": "It must not be longer than {max_length} characters.",
    "value_error": "{error}",
    "int": "It must be a whole number.",
    "float": "It must be a number.",
    "finite": "It must be a number; nothing means for ever.",
    "bool": "It must be true or false.",
    "url": "It must be an address such as https://example.org.",
}
"""By pydantic's name of a fault, or that name's first word, with the values that belong to it. What was typed is not
repeated: it may be a secret."""


def faults_of(error: ValidationError, prefix: str) -> list[str]:
    """Every fault that was found. ``prefix`` is that of the variables' names."""
    return [
        f"{prefix}{'__'.join(str(part).upper() for part in fault['loc'])}: {_sentence(fault['type'], fault)}"
        for fault in error.errors(include_url=False, include_input=False)
    ]


def _sentence(kind: str, fault: Mapping[str, Any]) -> str:
    known = _SENTENCES.get(kind) or _SENTENCES.get(kind.partition("_")[0], "It is not a value that fits.")
    return known.format(**fault.get("ctx", {})).rstrip(".") + "."
