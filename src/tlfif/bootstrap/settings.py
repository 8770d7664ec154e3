"""Settings of the server process: read once, all faults reported together.

Nothing but this and ``home`` beside it reads the environment.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import cached_property
from math import isfinite
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AnyHttpUrl, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tlfif.bootstrap.home import Home, default_home
from tlfif.domain.errors import InvalidInputError
from tlfif.domain.policy import JobPolicy, MachinePolicy
from tlfif.domain.prices import DEFAULT_INSTANCE_TYPE, DEFAULT_REGION, check_instance_type, check_region

PREFIX = "TLFIF_"


Policy = TypeVar("Policy", JobPolicy, MachinePolicy)


HIGHEST = {"engine_slots": 64, "engine_threads": 256, "default_max_tokens": 2048, "default_temperature": 2}
"""What is not counted in seconds has a limit of its own; seconds end at 10**9."""


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
    """``check`` in a form that a setting can be validated by."""

    def checked(value: str) -> str:
        try:
            return check(value)
        except InvalidInputError as error:
            raise ValueError(error.message) from None

    return checked


class Settings(BaseSettings):
    """Every setting, its unit and its range. Environment names begin with ``TLFIF_``; a policy's number is set as
    ``TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS`` or ``TLFIF_JOB__LEASE_SECONDS``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore")

    home_path: Annotated[str | None, Field(validation_alias="TLFIF_HOME")] = None
    """All state lives here; default: the platform's data folder of this user."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Loopback port of the API; 0 takes a free one."""
    hub_url: AnyHttpUrl = AnyHttpUrl("https://huggingface.co")
    """Where models are pulled from."""
    server_idle_exit_seconds: Annotated[float, Field(ge=1, le=86400, allow_inf_nan=False)] = 900.0
    """The background server ends itself after this long without a request, a job or a machine."""
    tick_seconds: Annotated[float, Field(ge=0.05, le=5, allow_inf_nan=False)] = 1.0
    """Router tick while there is a machine or a job; five times as long otherwise. The budget counts on a look at least
    every 5 s."""
    aws_region: Annotated[str, AfterValidator(known(check_region))] = DEFAULT_REGION
    """On this computer: the region by which "on AWS this would have cost" is priced."""
    aws_instance_type: Annotated[str, AfterValidator(known(check_instance_type))] = DEFAULT_INSTANCE_TYPE
    """The same for the type of machine."""
    price_list_url: AnyHttpUrl = AnyHttpUrl("https://pricing.us-east-1.amazonaws.com")
    """Where AWS publishes its prices; read by ``tlfif cost prices --refresh`` only."""
    exchange_url: AnyHttpUrl = AnyHttpUrl("https://www.ecb.europa.eu")
    """Where the European Central Bank publishes its reference rates; read by the same command only."""
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    job: Annotated[JobPolicy, AfterValidator(all_positive)] = JobPolicy()
    machine: Annotated[MachinePolicy, AfterValidator(all_positive)] = MachinePolicy()

    @cached_property
    def home(self) -> Home:
        """The folder of all state."""
        return default_home(self.home_path)


def load_settings() -> Settings:
    """Settings from the environment. Raises InvalidInputError (code ``settings_invalid``) naming every fault."""
    try:
        return Settings()
    except ValidationError as error:
        raise settings_fault(error, PREFIX) from None


def settings_fault(error: ValidationError, prefix: str) -> InvalidInputError:
    """Every fault of the environment in one error. ``prefix`` begins the variables' names."""
    faults = [
        f"{prefix}{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]
    return InvalidInputError(
        "These settings are wrong, nothing was started:\n  " + "\n  ".join(faults),
        code="settings_invalid",
        details={"faults": faults},
    )
