"""A client that answers about money, and the answers it gives."""

from typing import Any

from tests.fakes.desk import FakeClient
from tlfif.wire.money import (
    AdviceView,
    BilledView,
    BudgetView,
    CostShareView,
    CostView,
    RefreshView,
    StandingLineView,
    StandingList,
    SumsView,
)

NOTHING: CostShareView = {
    "usd": 0.0,
    "eur": 0.0,
    "boot_usd": 0.0,
    "working_usd": 0.0,
    "idle_usd": 0.0,
    "minimum_usd": 0.0,
    "start_usd": 0.0,
    "final": True,
    "idle_at_most_usd": 0.0,
}
SHARE: CostShareView = {
    "usd": 0.0831,
    "eur": 0.0723,
    "boot_usd": 0.0006,
    "working_usd": 0.0001,
    "idle_usd": 0.0027,
    "minimum_usd": 0.0077,
    "start_usd": 0.072,
    "final": False,
    "idle_at_most_usd": 0.053,
}


def sums(**changes: Any) -> SumsView:
    """As if on AWS: two machine days, and standing items."""
    base: SumsView = {
        "region": "eu-central-1",
        "instance_type": "g4dn.xlarge",
        "month_to_date_usd": 3.45,
        "month_to_date_eur": 3.0,
        "machines_usd": 2.3,
        "standing_usd": 1.15,
        "running_usd_per_hour": 0.6682,
        "standing_usd_per_month": 2.53,
        "forecast_usd": 6.9,
        "forecast_eur": 6.0,
        "days": [
            {"date": "2026-11-02", "hours": 2.0, "usd": 1.4},
            {"date": "2026-11-11", "hours": 0.5, "usd": 0.9},
        ],
    }
    return {**base, **changes}


NO_SUMS = sums(
    region=None,
    instance_type=None,
    month_to_date_usd=0.0,
    month_to_date_eur=0.0,
    machines_usd=0.0,
    standing_usd=0.0,
    running_usd_per_hour=0.0,
    standing_usd_per_month=0.0,
    forecast_usd=0.0,
    forecast_eur=0.0,
    days=[],
)


def budget(**changes: Any) -> BudgetView:
    """An open budget on real money."""
    base: BudgetView = {
        "limit_eur": 20.0,
        "extra_eur": 0.0,
        "simulated_aws": False,
        "state": "open",
        "spent_eur": 0.0,
        "committed_eur": 0.0,
        "free_eur": 20.0,
        "start_eur": 0.1131,
        "locked_until": None,
        "sentence": "$0 · 0 € of 20.00 € are spent.",
    }
    return {**base, **changes}


def rate(item: str, usd: float, *, verified: bool = True, source: str = "a table") -> dict[str, Any]:
    """One price in eu-central-1."""
    kind = "g4dn.xlarge" if item == "gpu_hour" else None
    where = {"region": "eu-central-1", "instance_type": kind, "unit": "hour"}
    return {"item": item, "usd": usd, "source": source, "date": "2026-01-21", "verified": verified, **where}


def answered(**changes: Any) -> dict[str, Any]:
    """One of the last answers."""
    base = {
        "job_id": "job_1", "created_at": 1_795_000_000.0, "status": "succeeded", "model": "smollm2", "image": None,
        "instance_type": None, "engine": "llama",
        "attempt": 1, "queue_seconds": 0.1, "first_token_seconds": 0.2, "total_seconds": 3.8, "prompt_tokens": 31,
        "completion_tokens": 10, "cost": NOTHING, "simulated_aws": SHARE,
    }  # fmt: skip
    return {**base, **changes}


def billed(**changes: Any) -> BilledView:
    """AWS's own figure, asked for in the morning of the 28th."""
    base: BilledView = {
        "state": "known",
        "month": "November 2026",
        "usd": 12.34,
        "eur": 10.73,
        "credits_usd": 0.0,
        "currency": "USD",
        "up_to": "2026-11-26",
        "estimated": True,
        "billed_at": "2026-11-28T10:12:00Z",
        "asked_at": "2026-11-28T10:12:00Z",
        "next_at": "2026-11-29T10:12:00Z",
        "problem": None,
        "title": "Billed by AWS up to 26 November 2026",
        "sentence": "The whole AWS account in November 2026, also what is not TL-FIF's, without VAT.",
    }
    return {**base, **changes}


def cost(*, on_aws: bool = False, **changes: Any) -> CostView:
    """November 2026 on the owner's own computer, metered since the 1st."""
    base = {
        **(sums() if on_aws else NO_SUMS),
        "month": "November 2026",
        "place": "AWS" if on_aws else "this computer",
        "vat": "without VAT",
        "since": "2026-11-01T00:00:00Z",
        "simulated_aws": None if on_aws else sums(),
        "billed": billed() if on_aws else None,
        "budget": budget(),
        "exchange": {"usd_per_eur": 1.15, "date": "2026-11-22", "source": "an assumption", "verified": False},
        "types": [{"instance_type": "c7i.xlarge", "engine": "llama", "usd_per_hour": 0.2318}] if on_aws else [],
        "rates": [rate("gpu_hour", 0.658), rate("nat_hour", 0.052), rate("volume_init_gb", 0.0036, verified=False)],
        "receipts": [answered()],
    }
    return {**base, **changes}


def line(
    label: str, usd: float, *, section: str = "", estimated: bool = False, verified: bool = True
) -> StandingLineView:
    """One line of an idle month."""
    return {
        "label": label,
        "section": section,
        "quantity": 1.0,
        "unit": "month",
        "usd_per_month": usd,
        "estimated": estimated,
        "source": "a table",
        "date": "2026-11-22",
        "verified": verified,
    }


def standing(*regions: str) -> StandingList:
    """An idle month in each region."""
    lean, kept = line("2 image snapshots", 2.16, estimated=True), line("disk kept", 3.81)
    nat, key = line("NAT gateway", 37.96, section="9.1", verified=False), line("own key", 1.0, section="7.2")
    return {
        "vat": "without VAT",
        "regions": [
            {
                "region": region,
                "terminate": [lean],
                "terminate_usd": 2.16,
                "standby": [lean, kept],
                "standby_usd": 5.97,
                "rql1": [nat],
                "rql1_usd": 37.96,
                "rql1_extras": [key],
                "rql1_worst_usd": 38.96,
            }
            for region in regions
        ],
    }


ADVICE: AdviceView = {
    "region": "eu-central-1",
    "instance_type": "g4dn.xlarge",
    "answers": 7,
    "options": [
        {"minutes": 1.0, "cost_usd": 0.02, "cold_starts": 2, "waited_seconds": 5.8, "sentence": ""},
        {"minutes": 5.0, "cost_usd": 0.11, "cold_starts": 1, "waited_seconds": 2.9, "sentence": ""},
    ],
    "recommended_minutes": 1.0,
    "sentence": "The idle time-out is 5 minutes: 1 minute would be better.",
}
CHANGE = {"item": "gpu_hour", "region": "us-east-1", "instance_type": "g6.xlarge", "old_usd": 0.8048}
REFRESH: RefreshView = {
    "changed": [{**CHANGE, "new_usd": 0.79, "reason": ""}],
    "kept": [{**CHANGE, "new_usd": None, "reason": "It is ten times the old one."}],
    "unchanged": 41,
    "failed": ["eu-west-1: There is no connection."],
    "exchange": {"usd_per_eur": 1.0812, "date": "2026-11-20", "source": "European Central Bank", "verified": True},
    "exchange_problem": None,
}


class MoneyClient(FakeClient):
    """Remembers what it was asked for; ``after`` is the budget after a change."""

    def __init__(self, found: CostView | None = None, *, after: BudgetView | None = None) -> None:
        super().__init__()
        self.found = found or cost()
        self.after = after or budget()
        self.report = REFRESH
        self.advice = ADVICE
        self.calls: list[object] = []

    async def cost(self, *, region: str | None = None, instance_type: str | None = None) -> CostView:
        self.calls.append(("cost", region, instance_type))
        return self.found

    async def standing_cost(self, *, region: str | None = None) -> StandingList:
        self.calls.append(("standing", region))
        return standing(region) if region else standing("us-east-1", "eu-central-1", "eu-west-1")

    async def idle_advice(self, *, region: str | None = None, instance_type: str | None = None) -> AdviceView:
        self.calls.append(("advice", region, instance_type))
        return self.advice

    async def refresh_prices(self) -> RefreshView:
        self.calls.append("refresh")
        return self.report

    async def set_budget(self, limit: str | float | None, *, simulated_aws: bool = False) -> BudgetView:
        self.calls.append(("set", limit, simulated_aws))
        return self.after

    async def release_budget(self) -> BudgetView:
        self.calls.append("release")
        return self.after
