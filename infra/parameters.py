"""What a person or ``tlfif deploy`` decides at deployment; everything else is fixed in the template."""

from dataclasses import dataclass

from aws_cdk import CfnCondition, CfnParameter, Fn, Stack, Token

from tlfif.machines.machine_types import MOST_DISK_GB, USUAL_TYPES, EngineKind
from tlfif.models.catalogue import ON_AWS

GPU_ENGINES = tuple(engine.value for engine in EngineKind)
MAX_ZONES = 6
"""us-east-1 has the most zones of the regions with prices."""
IMAGE_PROFILES = ("cpu-llama", "gpu-llama", "gpu-vllm")
"""Those of ``tlfif.images.image.Profile`` that are disks of machines; a test compares. The first needs no GPU quota."""


@dataclass(frozen=True, kw_only=True)
class PushParameters:
    """Which pushes become images, of which profile. ``wanted``: a connection and a repository were given."""

    wanted: CfnCondition
    connection_arn: str
    repository: str
    branch: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class HomeParameters:
    """The parameters as values to build with. ``instance_types``: separated by commas. ``sizes_disk``: disks have
    ``disk_gb``, and are not as large as their images. ``zones``: a zone's name and the condition under which there is
    one."""

    home: str
    code_bucket: CfnParameter
    code_key: CfnParameter
    alarm_email: str
    monthly_budget_usd: float
    instance_types: str
    gpu_engine: str
    model: str
    disk_gb: float
    sizes_disk: CfnCondition
    standby: str
    keeps_disk: CfnCondition
    zones: tuple[tuple[str, CfnCondition | None], ...]
    reserve_concurrency: CfnCondition
    create_trail: CfnCondition
    push: "PushParameters"
    monthly_rebuild: CfnCondition

    @property
    def machine_settings(self) -> dict[str, str]:
        """What the functions are told of machines, as their environment."""
        return {
            "TLFIF_AWS_INSTANCE_TYPES": self.instance_types,
            "TLFIF_AWS_GPU_ENGINE": self.gpu_engine,
            "TLFIF_AWS_DISK_GB": Token.as_string(self.disk_gb),
            "TLFIF_AWS_MODEL": self.model,
        }


def declare(stack: Stack) -> HomeParameters:
    """Declare every parameter of the template in ``stack``."""
    standby = _yes_or_no(
        stack,
        "Standby",
        "Keep the disk of a machine that ends by itself, for a quicker start. Costs rent; is tied to its zone.",
        default="no",
    )
    disk = _number(
        stack,
        "DiskGb",
        "A machine's disk, which exists while the machine does. 0: as large as its image.",
        default=0,
        least=0,
        most=MOST_DISK_GB,
    )
    return HomeParameters(
        home=_home_name(stack).value_as_string,
        code_bucket=_text(
            stack,
            "LambdaCodeBucket",
            "The bucket that holds the functions' package.",
            pattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            hint="a bucket's name",
        ),
        code_key=_text(
            stack,
            "LambdaCodeKey",
            "The package in that bucket; a new name for each build, or CloudFormation sees no change.",
            pattern="^[A-Za-z0-9/_.+-]{1,512}$",
            hint="an object's name",
        ),
        alarm_email=_text(
            stack,
            "AlarmEmail",
            "Where alarms go. AWS sends a letter that must be confirmed first.",
            pattern="^[^@\\s,;]+@[^@\\s,;]+\\.[^@\\s,;]+$",
            hint="one e-mail address",
        ).value_as_string,
        monthly_budget_usd=_number(
            stack, "MonthlyBudgetUsd", "AWS Budgets writes at 50, 80 and 100 % of it.", default=23, least=1, most=10_000
        ).value_as_number,
        instance_types=_instance_types(stack).value_as_string,
        gpu_engine=CfnParameter(
            stack,
            "GpuEngine",
            type="String",
            description="What machines with a GPU have, and so whether their images are gpu-vllm or gpu-llama.",
            default=GPU_ENGINES[0],
            allowed_values=list(GPU_ENGINES),
        ).value_as_string,
        model=_text(
            stack,
            "Model",
            "What images hold. A name of TL-FIF's own list, and in the list of pins of the commit that is built.",
            default=ON_AWS[0].name,
            pattern="^[a-z0-9][a-z0-9._-]{0,59}$",
            hint="a model's name",
        ).value_as_string,
        disk_gb=disk.value_as_number,
        sizes_disk=CfnCondition(
            stack, "SizesDisk", expression=Fn.condition_not(Fn.condition_equals(disk.value_as_string, "0"))
        ),
        standby=standby.value_as_string,
        keeps_disk=CfnCondition(stack, "KeepsDisk", expression=Fn.condition_equals(standby.value_as_string, "yes")),
        zones=tuple(_zone(stack, number) for number in range(1, MAX_ZONES + 1)),
        reserve_concurrency=_switch(
            stack,
            "ReserveConcurrency",
            "Set concurrency aside for the functions. A new account has 10 in all, and AWS refuses it there.",
            default="no",
        ),
        create_trail=_switch(
            stack,
            "CreateTrail",
            "Record calls to AWS for 90 days. The first trail of an account is free, a second one is not.",
            default="yes",
        ),
        push=_push(stack),
        monthly_rebuild=_switch(
            stack,
            "MonthlyRebuild",
            "Build the images in use anew on the first of each month, with the system's updates. Costs a build each.",
            default="no",
        ),
    )


def _push(stack: Stack) -> PushParameters:
    """Without both the first and the second, nothing that listens to Git is made."""
    connection = _text(
        stack,
        "ConnectionArn",
        "The confirmed connection to GitHub. Empty: pushes build nothing.",
        default="",
        pattern="^(arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36})?$",
        hint="a connection's ARN, or nothing",
    ).value_as_string
    repository = _text(
        stack,
        "Repository",
        "The repository behind the connection.",
        default="",
        pattern="^([A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100})?$",
        hint="owner/name, or nothing",
    ).value_as_string
    branch = _text(
        stack,
        "Branch",
        "Pushes to this branch build an image.",
        default="main",
        pattern="^[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}$",
        hint="a branch's name",
    ).value_as_string
    profile = CfnParameter(
        stack,
        "ImageProfile",
        type="String",
        description="What kind of image a push builds.",
        default=IMAGE_PROFILES[0],
        allowed_values=list(IMAGE_PROFILES),
    ).value_as_string
    both = [Fn.condition_not(Fn.condition_equals(given, "")) for given in (connection, repository)]
    return PushParameters(
        wanted=CfnCondition(stack, "WantsPushes", expression=Fn.condition_and(*both)),
        connection_arn=connection,
        repository=repository,
        branch=branch,
        profile=profile,
    )


def _home_name(stack: Stack) -> CfnParameter:
    return _text(
        stack,
        "HomeName",
        "In front of every name. One home of a name per account and region.",
        default="tlfif",
        pattern="^(?!.*(aws|amazon|cognito|amzn|--))[a-z][a-z0-9-]{1,18}[a-z0-9]$",
        hint="3 to 20 lower-case letters, digits and single hyphens, without aws, amazon, amzn or cognito",
    )


def _instance_types(stack: Stack) -> CfnParameter:
    return _text(
        stack,
        "InstanceTypes",
        "Types of machine in the order in which they are tried. No other type can be launched. "
        "Those without a GPU need no GPU quota.",
        default=",".join(USUAL_TYPES),
        pattern="^[a-z][a-z0-9-]*\\.[a-z0-9-]+(,[a-z][a-z0-9-]*\\.[a-z0-9-]+)*$",
        hint="names of instance types, separated by commas",
    )


def _text(
    stack: Stack, name: str, description: str, *, pattern: str, hint: str, default: str | None = None
) -> CfnParameter:
    return CfnParameter(
        stack,
        name,
        type="String",
        description=description,
        default=default,
        allowed_pattern=pattern,
        constraint_description=hint,
    )


def _number(stack: Stack, name: str, description: str, *, default: int, least: int, most: int) -> CfnParameter:
    return CfnParameter(
        stack, name, type="Number", description=description, default=default, min_value=least, max_value=most
    )


def _zone(stack: Stack, number: int) -> tuple[str, CfnCondition | None]:
    """The first zone must exist. Zones are named, not counted: a template cannot ask a region how many it has."""
    first = number == 1
    parameter = _text(
        stack,
        f"Zone{number}",
        "A zone that offers one of the types." if first else "A further one; empty where the region has no more.",
        default=None if first else "",
        pattern="^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$" if first else "^([a-z]{2}(-[a-z]+)+-[0-9][a-z])?$",
        hint="an availability zone such as eu-central-1a",
    )
    if first:
        return parameter.value_as_string, None
    there = CfnCondition(
        stack,
        f"HasZone{number}",
        expression=Fn.condition_not(Fn.condition_equals(parameter.value_as_string, "")),
    )
    return parameter.value_as_string, there


def _switch(stack: Stack, name: str, description: str, *, default: str) -> CfnCondition:
    parameter = _yes_or_no(stack, name, description, default=default)
    return CfnCondition(stack, f"Wants{name}", expression=Fn.condition_equals(parameter.value_as_string, "yes"))


def _yes_or_no(stack: Stack, name: str, description: str, *, default: str) -> CfnParameter:
    return CfnParameter(
        stack, name, type="String", description=description, default=default, allowed_values=["yes", "no"]
    )
