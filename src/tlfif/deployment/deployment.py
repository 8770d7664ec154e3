"""A deployment as everybody sees it: who deploys, the stack and what happens to it, what was changed, what is left."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from tlfif.money.budget.budget_limit import DEFAULT_LIMIT_EUR
from tlfif.money.money import ASSUMED_RATE, ExchangeRate

CLOCK_SKEW_SECONDS = 300
"""AWS refuses requests whose time is further off than that (AWS Signature Version 4: five minutes)."""
MOST_ZONES = 6
GONE = "DELETE_COMPLETE"
_FAILED_FOR_GOOD = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
"""CloudFormation updates a stack in none of these: it must be deleted first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose credentials are used, and AWS's time (epoch seconds) when it said so."""

    account_id: str
    who: str
    aws_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """Two settings of the whole account. ``block_public``: S3's four switches by their names; None: never set."""

    encrypt_disks: bool
    block_public: Mapping[str, bool] | None

    @property
    def safe(self) -> bool:
        """Both as TL-FIF wants them."""
        return self.encrypt_disks and bool(self.block_public) and all((self.block_public or {}).values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """CloudFormation's word on the stack. ``parameters`` as they were last set."""

    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def moving(self) -> bool:
        """Something is being done to it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def dead(self) -> bool:
        """It holds nothing that works and must be deleted before another try."""
        return self.status in _FAILED_FOR_GOOD

    @property
    def stands(self) -> bool:
        """The last thing done to it succeeded."""
        return self.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEvent:
    """One line of the stack's history; ``at`` in epoch seconds."""

    event_id: str
    at: float
    logical_id: str
    resource_type: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        """This resource failed for a reason of its own, not because another one did."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that was found in the account. ``ours`` False: near by name, without our mark, never touched."""

    name: str
    ours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptKind:
    """One kind of thing: what it was looked for by, what there was, what was removed, what is left.

    ``trouble``: why something is left, in plain words; or why nobody could look.
    """

    kind: str
    looked_for: str
    found: int
    removed: int
    left: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def clean(self) -> bool:
        """Looked, and nothing is left."""
        return not self.left and not self.trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """What the owner asks for. ``budget_usd``: whole dollars a month, at which AWS writes. ``release``: what the
    programs' package is made from, as a fingerprint. ``standby``: whether disks are kept for the next machine. None:
    nothing was said, it stays as it is (:meth:`settled`)."""

    home: str
    region: str
    email: str
    release: str
    budget_usd: int | None = None
    secure_account: bool = True
    standby: bool | None = None

    def settled(self, before: Mapping[str, str]) -> "DeployRequest":
        """The same with nothing open: what was not said is as the stack's parameters ``before`` have it, and at first
        the usual."""
        usual = budget_usd(DEFAULT_LIMIT_EUR, ASSUMED_RATE)
        return replace(
            self,
            budget_usd=self.budget_usd or _whole_dollars(Decimal(before.get("MonthlyBudgetUsd") or usual)),
            standby=before.get("Standby") == "yes" if self.standby is None else self.standby,
        )


def budget_usd(limit_eur: Decimal, rate: ExchangeRate) -> int:
    """The budget in whole dollars, rounded up; AWS's own budget takes 1 to 10,000 in our template."""
    return _whole_dollars(limit_eur * rate.usd_per_eur)


def _whole_dollars(usd: Decimal) -> int:
    return min(10_000, max(1, int(usd.to_integral_value(rounding=ROUND_CEILING))))


def zone_parameters(zones: tuple[str, ...], before: Mapping[str, str]) -> dict[str, str]:
    """``Zone1`` to ``Zone6``. A zone that the stack has keeps its place, since a subnet cannot move; new ones follow.

    Raises ValueError where there is no zone at all.
    """
    kept = [before.get(f"Zone{number}", "") for number in range(1, MOST_ZONES + 1)]
    names = [*(zone for zone in kept if zone), *(zone for zone in sorted(zones) if zone not in kept)][:MOST_ZONES]
    if not names:
        raise ValueError("no zone")
    return {f"Zone{number}": name for number, name in enumerate(names + [""] * (MOST_ZONES - len(names)), start=1)}
