"""Checks of the settings, on this computer and on AWS. Without pydantic-settings, which takes 40 ms to load: the
functions on AWS do not use it."""

from collections.abc import Callable
from dataclasses import fields
from math import isfinite
from typing import TypeVar

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


def known(check: Callable[[str], str]) -> Callable[[str], str]:
    """``check`` as a validator of a setting."""

    def checked(value: str) -> str:
        try:
            return check(value)
        except InvalidInputError as error:
            raise ValueError(error.message) from None

    return checked


def faults_of(error: ValidationError, prefix: str) -> list[str]:
    """Every fault that was found. ``prefix`` is that of the variables' names."""
    return [
        f"{prefix}{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]
