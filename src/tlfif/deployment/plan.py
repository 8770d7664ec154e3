"""What a home on AWS consists of, what it costs, and what it needs from its owner: without asking anybody."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tlfif.deployment.image_prices import ImagePrice, image_prices
from tlfif.machines.machine_types import (
    GPU_QUOTA,
    INSTANCE_TYPES,
    MACHINE_TYPES,
    STANDARD_QUOTA,
    USUAL_TYPES,
    EngineKind,
    check_instance_types,
    disks_of,
    needs_gpu,
)
from tlfif.money.money import MicroUsd
from tlfif.money.prices.prices import Item, PriceBook, check_region, launch_cost, running_rates
from tlfif.money.spend.standing_costs import StandingItem, lean_items, total_per_month

DEPLOY_MINUTES = (4, 10)
"""An estimate, not measured on an account: tables and functions are quick, the network's routes and the sign-in pages
take longest."""

_KINDS: dict[str, tuple[str, str, str]] = {
    "AWS::ApiGatewayV2::Api": ("web address for your commands", "web addresses for your commands", "by the request"),
    "AWS::Budgets::Budget": ("AWS budget that sends you mail", "AWS budgets that send you mail", "free"),
    "AWS::CloudTrail::Trail": ("record of who called what", "records of who called what", "free, if it is the first"),
    "AWS::CloudWatch::Alarm": ("alarm", "alarms", "free up to ten"),
    "AWS::CodePipeline::Pipeline": (
        "pipeline that follows your repository",
        "pipelines that follow your repository",
        "by the minute of a build; 100 a month are free",
    ),
    "AWS::Cognito::UserPool": ("list of users who may sign in", "lists of users who may sign in", "free"),
    "AWS::DynamoDB::Table": ("table for prompts and state", "tables for prompts and state", "by the request"),
    "AWS::EC2::LaunchTemplate": ("launch template for machines", "launch templates for machines", "free"),
    "AWS::EC2::VPC": ("network without a way in", "networks without a way in", "free"),
    "AWS::Events::Rule": ("schedule that wakes a program", "schedules that wake a program", "free"),
    "AWS::IAM::Role": ("set of rights for its parts", "sets of rights for its parts", "free"),
    "AWS::Lambda::Function": (
        "small program (API, router, images)",
        "small programs (API, router, images)",
        "by the call",
    ),
    "AWS::Logs::LogGroup": ("log, kept 14 days", "logs, kept 14 days", "free up to 5 GB a month"),
    "AWS::S3::Bucket": ("storage bucket", "storage buckets", "by the gigabyte"),
    "AWS::SNS::Topic": ("address list for alarms", "address lists for alarms", "free"),
    "AWS::SQS::Queue": ("queue", "queues", "free up to a million calls a month"),
    "AWS::Scheduler::ScheduleGroup": (
        "group of timers that end machines",
        "groups of timers that end machines",
        "free",
    ),
}
"""Singular, plural, and the cost while nobody uses the home. Sources of the prices: money/spend/standing_costs.py and
docs/reference/aws-resources.md."""

_SETTINGS = frozenset(
    {
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
        "AWS::Cognito::UserPoolGroup",
        "AWS::Cognito::UserPoolResourceServer",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCEndpoint",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::IAM::InstanceProfile",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
)
"""Parts of the above that nobody would count: rules, addresses and connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """``count`` resources of one kind, described by ``words``; ``idle`` is what they cost while nobody uses the home.

    ``aws_types``: CloudFormation's names, sorted.
    """

    count: int
    words: str
    idle: str
    aws_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyPrice:
    """The price of one hour of a type: the machine, its public address and its disk, in micro-dollars without VAT."""

    instance_type: str
    engine: EngineKind
    micros_per_hour: MicroUsd
    source: str
    date: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """What ``tlfif deploy`` would create in ``region``. Money is list price without VAT; a month is 730 h."""

    region: str
    resources: tuple[ResourceKind, ...]
    idle_items: tuple[StandingItem, ...]
    hourly: tuple[HourlyPrice, ...]
    """Of the types that are tried, in that order."""
    other_hourly: tuple[HourlyPrice, ...]
    """Of the types that ``--type`` could name."""
    throughput_micros_per_hour: MicroUsd
    """What of each hour is for a disk that reads faster than is included; 0 where it is kept."""
    launch_micros: MicroUsd
    """What each start costs in addition to its time."""
    asked: tuple[str, ...]
    standby: bool
    images: tuple[ImagePrice, ...]
    standby_micros_per_month: MicroUsd
    """The rent of a kept disk, whether requested or not."""

    @property
    def idle_micros_per_month(self) -> MicroUsd:
        """A month in which no machine runs."""
        return total_per_month(self.idle_items)


def plan_deployment(
    resource_types: Iterable[str],
    *,
    book: PriceBook,
    region: str,
    at_ms: int,
    types: Sequence[str] = USUAL_TYPES,
    standby: bool = False,
    gpu_engine: EngineKind = EngineKind.VLLM,
    disk_gb: int = 0,
) -> DeploymentPlan:
    """The plan for a stack of ``resource_types`` (one CloudFormation type for each resource), at the prices in force at
    ``at_ms`` (epoch milliseconds), for machines of ``types`` in the order in which they are tried; with ``standby``, a
    disk is kept. ``disk_gb`` 0: each disk is as large as its image.

    Raises InvalidInputError: ``region_unknown``, ``instance_type_unknown``."""
    check_region(region)
    types = check_instance_types(types)
    lean = lean_items(book, region, at_ms)
    disks = disks_of(INSTANCE_TYPES, gpu_engine, disk_gb)
    kept = lean_items(book, region, at_ms, kept_disk_gb=disks[types[0]])

    def hourly(name: str) -> HourlyPrice:
        price = book.price(Item.GPU_HOUR, region, name, at_ms=at_ms)
        rates = running_rates(book, region, name, at_ms=at_ms, kept_disk=standby, disk_gb=disks[name])
        return HourlyPrice(
            instance_type=name,
            engine=MACHINE_TYPES[name].profile(gpu_engine).engine,
            micros_per_hour=sum(rates),
            source=price.source,
            date=price.date,
            verified=price.verified,
        )

    return DeploymentPlan(
        region=region,
        resources=kinds_of(resource_types),
        idle_items=kept if standby else lean,
        hourly=tuple(hourly(name) for name in types),
        other_hourly=tuple(hourly(name) for name in INSTANCE_TYPES if name not in types),
        throughput_micros_per_hour=running_rates(book, region, types[0], at_ms=at_ms, kept_disk=standby)[-1],
        launch_micros=launch_cost(book, region, at_ms=at_ms),
        asked=asked_of_owner(region, types),
        standby=standby,
        images=image_prices(book, region, at_ms=at_ms),
        standby_micros_per_month=total_per_month(kept) - total_per_month(lean),
    )


def kinds_of(resource_types: Iterable[str]) -> tuple[ResourceKind, ...]:
    """The resources counted by kind, those with plain words first; a type without words keeps AWS's name."""
    counted = Counter(resource_types)
    named = [_named(kind, count) for kind, count in sorted(counted.items()) if kind not in _SETTINGS]
    settings = {kind: count for kind, count in counted.items() if kind in _SETTINGS}
    if settings:
        total = sum(settings.values())
        words = (
            "rule, address or connection between these"
            if total == 1
            else "rules, addresses and connections between these"
        )
        named.append(ResourceKind(count=total, words=words, idle="free", aws_types=tuple(sorted(settings))))
    return tuple(named)


def words_for(resource_type: str) -> str:
    """One resource of a CloudFormation type in plain words; AWS's name if there are none."""
    if resource_type in _KINDS:
        return _KINDS[resource_type][0]
    return resource_type.removeprefix("AWS::").replace("::", " ")


def idle_cost_of(resource_type: str) -> str:
    """What one resource of a CloudFormation type costs while nobody uses the home, in plain words."""
    return "free" if resource_type in _SETTINGS else _named(resource_type, 1).idle


def _named(kind: str, count: int) -> ResourceKind:
    one, several, idle = _KINDS.get(kind, (kind, kind, "see AWS's price list"))
    return ResourceKind(count=count, words=one if count == 1 else several, idle=idle, aws_types=(kind,))


def asked_of_owner(region: str, types: Sequence[str] = USUAL_TYPES) -> tuple[str, ...]:
    """What only a person can provide for a home in ``region`` with machines of ``types``."""
    least, most = DEPLOY_MINUTES
    free = ", ".join(one.name for one in MACHINE_TYPES.values() if one.on_free_plan)
    return (
        "One yes to the first image: deploying offers to build it, and nothing starts on AWS until you promote it.",
        f"An AWS account on the Paid plan (of the types that TL-FIF knows, the Free plan starts only {free}).",
        _quotas_asked(region, types),
        "AWS credentials on this computer for the time of deploying: docs/howto/first-day-on-aws.md says how.",
        "An e-mail address for alarms, which gets one mail to confirm and one with your first password.",
        f"{least} to {most} minutes of waiting (an estimate).",
    )


def _quotas_asked(region: str, types: Sequence[str]) -> str:
    plain = [name for name in types if not needs_gpu(name)]
    if len(plain) == len(types):
        return (
            f"No GPU quota: no type of your list has a GPU. What they need, {STANDARD_QUOTA.quota_id}, AWS gives a new "
            "account by itself; ./tlfif doctor looks."
        )
    meanwhile = (
        f"until then {plain[0]} of your list answers, which needs none."
        if plain
        else "until then no machine starts, because every type of your list has a GPU."
    )
    return (
        f"A GPU quota of {GPU_QUOTA.wanted_vcpus} vCPU in {region}: Service Quotas, “{GPU_QUOTA.name}”. It is free; "
        f"AWS takes hours to days; {meanwhile}"
    )
