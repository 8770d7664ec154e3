"""Settings of the parts that run on AWS. The stack writes them into each function's environment."""

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tlfif.adapters.aws.machines.image_model_store import IN_IMAGES
from tlfif.bootstrap.setting_rules import all_positive, faults_of, known
from tlfif.bootstrap.variables import settings_fault
from tlfif.images.image import Profile
from tlfif.jobs.policy import AWS_JOB_POLICY, JobPolicy
from tlfif.machines.machine_types import (
    MOST_DISK_GB,
    USUAL_TYPES,
    EngineKind,
    check_instance_type,
    profiles_of,
)
from tlfif.machines.policy import AWS_MACHINE_POLICY, MachinePolicy
from tlfif.models.catalogue import ON_AWS, find_model, known_names
from tlfif.money.prices.prices import check_region

PREFIX = "TLFIF_AWS_"
_REGION = "AWS_REGION"
STANDBY_PATIENCE_SECONDS = 300.0
"""How long a machine whose disk is kept may take to stop before it is ended by force, with its disk. Others report 22
to 152 s until EC2 says "stopped"."""
_MODELS = IN_IMAGES[EngineKind.VLLM]
Name = Annotated[str, Field(min_length=1, max_length=512)]


def _parts(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _changed(policy: JobPolicy | MachinePolicy) -> BeforeValidator:
    """Given values change ``policy``; the others keep AWS's defaults."""
    numbers = asdict(policy)
    return BeforeValidator(lambda given: {**numbers, **given} if isinstance(given, dict) else given)


def _types(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(known(check_instance_type)(name) for name in names)


def _model(name: str) -> str:
    spec = find_model(name, _MODELS)
    if spec is None:
        raise ValueError(f"no image holds it; choose {known_names(_MODELS)}")
    return spec.name


def _disk(profile: Profile) -> Profile:
    if profile is Profile.BUNDLE:
        raise ValueError("a bundle is no disk of a machine on AWS")
    return profile


class AwsSettings(BaseModel):
    """The resources of one installation. Nothing here is secret: permissions come from the function's role."""

    model_config = ConfigDict(extra="ignore", validate_default=True)

    home_name: Name = "tlfif"
    """The prefix of every name, and the value of the tag ``tlfif:home``."""
    region: Annotated[str, Field(validation_alias=_REGION), AfterValidator(known(check_region))]
    """Lambda sets it."""
    endpoint_url: str | None = None
    """An emulator; None: AWS."""
    jobs_table: Name
    state_table: Name
    queue_url: Name
    bucket: Name
    router_function: str = ""
    """The function that the API calls to start machines."""
    images_function: str = ""
    """The function that the router calls while an image is unfinished."""
    image_profile: Annotated[Profile, AfterValidator(_disk)] = Profile.CPU_LLAMA
    """What kind of image a push builds."""
    letters_topic: str = ""
    """Where letters to the owner about images go: an SNS topic's ARN."""
    launch_template: str = ""
    builder_template: str = ""
    """What builders of images are launched from: no role, and a way out to Ubuntu's packages."""
    instance_types: Annotated[tuple[str, ...], BeforeValidator(_parts), AfterValidator(_types)] = USUAL_TYPES
    """In the order in which they are tried, separated by commas. A type decides the image's kind."""
    gpu_engine: EngineKind = EngineKind.VLLM
    """What the types with a GPU have."""
    disk_gb: Annotated[int, Field(ge=0, le=MOST_DISK_GB)] = 0
    """The size of a machine's disk; 0: as large as its image needs."""
    standby: bool = False
    """The disk of a machine that ends by itself is kept for the next one."""
    schedule_group: str = ""
    schedule_role: str = ""
    schedule_dead_letters: str = ""
    issuer: str = ""
    """Of accepted sign-ins; used by the API only."""
    client_id: str = ""
    scope: str = ""
    keys_url: str | None = None
    """The address of the keys, for a provider other than Cognito."""
    model: Annotated[str, AfterValidator(_model)] = ON_AWS[0].name
    """What the machine image holds."""
    image: str = "aws"
    """The version of the machine image, where it is known."""
    job: Annotated[JobPolicy, _changed(AWS_JOB_POLICY), AfterValidator(all_positive)] = AWS_JOB_POLICY
    machine: Annotated[MachinePolicy, _changed(AWS_MACHINE_POLICY), AfterValidator(all_positive)] = AWS_MACHINE_POLICY

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """What this home's machines are launched from, in the order in which they are tried."""
        return profiles_of(self.instance_types, self.gpu_engine)


def load_aws_settings() -> AwsSettings:
    """Settings from the environment: ``TLFIF_AWS_JOBS_TABLE``, a policy's number as
    ``TLFIF_AWS_MACHINE__HEARTBEAT_SECONDS``, and ``AWS_REGION``. Raises InvalidInputError (code ``settings_invalid``)
    naming every fault."""
    try:
        found = AwsSettings.model_validate(_values(os.environ))
    except ValidationError as error:
        raise settings_fault(faults_of(error, PREFIX)) from None
    if not found.standby:
        return found
    patience = max(found.machine.stop_patience_seconds, STANDBY_PATIENCE_SECONDS)
    return found.model_copy(update={"machine": replace(found.machine, stop_patience_seconds=patience)})


def _values(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {_REGION: environment[_REGION]} if _REGION in environment else {}
    for name, value in environment.items():
        if not name.startswith(PREFIX):
            continue
        setting, nested, part = name.removeprefix(PREFIX).lower().partition("__")
        if nested:
            values.setdefault(setting, {})[part] = value
        else:
            values[setting] = value
    return values
