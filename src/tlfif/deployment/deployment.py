"""The values of a deployment: the caller, the account's settings, the stack and its events, and what was found and
removed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from tlfif.deployment.image_choices import UNCHANGED, ImageChoices
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import USUAL_TYPES, check_instance_types
from tlfif.money.budget.budget_limit import DEFAULT_LIMIT_EUR
from tlfif.money.money import ASSUMED_RATE, ExchangeRate

HOME_NAME = "tlfif"
"""The home's name unless another is chosen: in front of the name of every resource, and the value of its tag."""
_HOME_NAME = re.compile(rf"(?!.*(?:aws|amazon|cognito|amzn)){HOME_NAME}[a-z0-9]{{0,15}}")
CLOCK_SKEW_SECONDS = 300
"""AWS refuses requests whose time is off by more than this (AWS Signature Version 4: five minutes)."""
MOST_ZONES = 6
GONE = "DELETE_COMPLETE"
EMPTY = "REVIEW_IN_PROGRESS"
"""A stack for which a change set was made and none was executed."""
_FAILED_FOR_GOOD = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
"""CloudFormation cannot update a stack in one of these states; it must be deleted first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose credentials are used, and AWS's time (epoch seconds) of that answer."""

    account_id: str
    who: str
    aws_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """Two settings of the whole account. ``block_public``: S3's four switches by name; None: never set."""

    encrypt_disks: bool
    block_public: Mapping[str, bool] | None

    @property
    def blocks_public(self) -> bool:
        """Whether nothing in S3 can be public."""
        return bool(self.block_public) and all((self.block_public or {}).values())

    @property
    def safe(self) -> bool:
        """Whether both are as TL-FIF sets them."""
        return self.encrypt_disks and self.blocks_public

    def secured(self, open_buckets: Sequence[str], *, block_all: bool) -> "AccountSettings":
        """The settings that a deployment makes of these. S3's stay where ``open_buckets`` would go offline, unless
        ``block_all``."""
        blocks = SAFE.block_public if block_all or not open_buckets else self.block_public
        return AccountSettings(encrypt_disks=True, block_public=blocks)

    def noting(self, now: "AccountSettings", wanted: "AccountSettings") -> "AccountSettings":
        """What is to be put back one day, where these were noted so far (as TL-FIF sets them: nothing was changed) and
        ``now`` is changed to ``wanted``. What was noted once stays: it was there before TL-FIF."""
        changes = self.block_public == SAFE.block_public and now.block_public != wanted.block_public
        return AccountSettings(
            encrypt_disks=self.encrypt_disks and now.encrypt_disks,
            block_public=now.block_public if changes else self.block_public,
        )

    def restored(self, now: "AccountSettings", open_buckets: Sequence[str]) -> "AccountSettings":
        """The settings that a removal makes of ``now`` where these were the ones before. What somebody else has changed
        since stays, and so does S3's block where ``open_buckets`` would become public without it."""
        blocked = now.blocks_public and not open_buckets
        return AccountSettings(
            encrypt_disks=self.encrypt_disks if now.encrypt_disks else now.encrypt_disks,
            block_public=self.block_public if blocked else now.block_public,
        )


SAFE = AccountSettings(
    encrypt_disks=True,
    block_public={
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The stack as CloudFormation reports it, with the parameters that were set last. ``ours`` False: it only has the
    home's name, and is never changed or deleted."""

    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    ours: bool = True

    @property
    def moving(self) -> bool:
        """Whether an operation on it is running."""
        return self.status.endswith("_IN_PROGRESS") and self.status != EMPTY

    @property
    def dead(self) -> bool:
        """Whether it holds nothing that works and must be deleted before another attempt."""
        return self.status in _FAILED_FOR_GOOD

    @property
    def rests(self) -> bool:
        """Whether it can be updated now."""
        return not (self.moving or self.dead or self.status == EMPTY)

    @property
    def stands(self) -> bool:
        """Whether its last operation succeeded."""
        return self.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEvent:
    """One event of the stack; ``at`` in epoch seconds."""

    event_id: str
    at: float
    logical_id: str
    resource_type: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        """Whether this resource failed by itself, not because another one did."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One resource in the account. ``ours`` False: only its name is similar; it is never touched."""

    name: str
    ours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptKind:
    """The result for one kind of resource: how it was looked for, how many there were, were removed, and are left.

    ``trouble``: why something is left, or why looking failed, in plain words.
    """

    kind: str
    looked_for: str
    found: int
    removed: int
    left: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def clean(self) -> bool:
        """Whether looking succeeded and nothing is left."""
        return not self.left and not self.trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOrder:
    """How far an image is that was asked for. ``version`` None: it was refused. ``said``: one sentence."""

    version: str | None
    going_on: bool
    good: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """What the owner asks for. ``budget_usd``: whole dollars a month, at which AWS sends a mail. ``release``: a
    fingerprint of what the functions' package is built from. ``standby``: whether the disk is kept for the next
    machine. ``types``: of machines, in the order in which they are tried. None: not said, so it stays as it is
    (:meth:`settled`)."""

    home: str
    region: str
    email: str
    release: str
    budget_usd: int | None = None
    secure_account: bool = True
    standby: bool | None = None
    types: tuple[str, ...] | None = None
    block_public_buckets: bool = False
    """Whether S3's block is switched on although buckets go offline by it."""
    allow_losing: tuple[str, ...] = ()
    """What may be replaced or removed with what is in it, by AWS's names."""
    images: ImageChoices = UNCHANGED

    def settled(self, before: Mapping[str, str]) -> "DeployRequest":
        """The same with every value filled in: what the owner did not say is taken from the stack's parameters
        ``before``, or at first from the defaults. Raises InvalidInputError ``instance_type_unknown`` and what
        :meth:`ImageChoices.settled` raises."""
        types = self.types or types_of(before)
        usual = budget_usd(DEFAULT_LIMIT_EUR, ASSUMED_RATE)
        return replace(
            self,
            email=self.email or before.get("AlarmEmail", ""),
            budget_usd=self.budget_usd or _whole_dollars(Decimal(before.get("MonthlyBudgetUsd") or usual)),
            standby=before.get("Standby") == "yes" if self.standby is None else self.standby,
            types=types,
            images=self.images.settled(before, types),
        )


def types_of(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The machine types of a stack with these ``parameters``; the usual ones where it does not say. Raises
    InvalidInputError ``instance_type_unknown``."""
    named = parameters.get("InstanceTypes")
    return check_instance_types(named.split(",")) if named else USUAL_TYPES


def check_home_name(text: str) -> str:
    """``text`` if a home can have that name. It begins with TL-FIF's own, because much of what ``destroy`` removes is
    known by its name alone, and ``prod-api`` could be anybody's. It has no hyphen, or the bucket ``a-code-…`` would be
    that of the home ``a-code`` and of the home ``a``. Raises InvalidInputError (code ``home_name_invalid``)."""
    if not _HOME_NAME.fullmatch(text):
        raise InvalidInputError(
            f"A home cannot be named {text[:50]!r}. Its name is {HOME_NAME} and up to 15 lower-case letters and "
            f"digits, such as {HOME_NAME}work, so that nobody's things are taken for its own; without aws, amazon, "
            "amzn or cognito, which AWS keeps for itself.",
            code="home_name_invalid",
        )
    return text


def budget_usd(limit_eur: Decimal, rate: ExchangeRate) -> int:
    """The budget in whole dollars, rounded up, from 1 to 10,000 (the template's range)."""
    return _whole_dollars(limit_eur * rate.usd_per_eur)


def _whole_dollars(usd: Decimal) -> int:
    return min(10_000, max(1, int(usd.to_integral_value(rounding=ROUND_CEILING))))


def zone_parameters(zones: tuple[str, ...], before: Mapping[str, str]) -> dict[str, str]:
    """``Zone1`` to ``Zone6``. Zones that the stack has keep their place, because a subnet cannot move; new ones follow.

    Raises ValueError if there is no zone at all.
    """
    kept = [before.get(f"Zone{number}", "") for number in range(1, MOST_ZONES + 1)]
    names = [*(zone for zone in kept if zone), *(zone for zone in sorted(zones) if zone not in kept)][:MOST_ZONES]
    if not names:
        raise ValueError("no zone")
    return {f"Zone{number}": name for number, name in enumerate(names + [""] * (MOST_ZONES - len(names)), start=1)}
