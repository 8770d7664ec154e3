"""The ledger with the owner's budget beside it."""

import json
from abc import abstractmethod
from dataclasses import dataclass
from decimal import Decimal

from tlfif.money.billing_month import Month
from tlfif.money.budget.budget import Budget
from tlfif.money.spend.ledger import Ledger, LedgerState


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLedgerState(LedgerState):
    """The ledger's state and the budget at the same moment."""

    budget: Budget


class BudgetLedger(Ledger):
    """One store holds both, because the budget is always read together with its reservations: one request for each
    prompt, not two. Contract: ``tests/contract/test_ledger.py``."""

    @abstractmethod
    async def state(self) -> BudgetLedgerState:
        """The present state."""

    @abstractmethod
    async def set_budget(self, budget: Budget, *, instead_of: Budget | None = None) -> bool:
        """Store the budget. With ``instead_of`` only if that is the present one, checked and written in one step; False
        where it is not."""


def budget_text(budget: Budget) -> str:
    """The budget as the stores keep it, in JSON."""
    return json.dumps(
        {
            "limit_eur": None if budget.limit_eur is None else str(budget.limit_eur),
            "as_if_aws": budget.simulated_aws,
            "extra_eur": str(budget.extra_eur),
            "extra_month": budget.extra_month.iso if budget.extra_month else None,
            "locked_at_ms": budget.locked_at_ms,
            "lock_month": budget.lock_month.iso if budget.lock_month else None,
        }
    )


def budget_from(text: str | None) -> Budget:
    """The inverse of :func:`budget_text`; where nothing is stored yet, the budget to begin with."""
    if text is None:
        return Budget()
    body = json.loads(text)
    return Budget(
        limit_eur=None if body["limit_eur"] is None else Decimal(body["limit_eur"]),
        simulated_aws=body["as_if_aws"],
        extra_eur=Decimal(body["extra_eur"]),
        extra_month=Month.from_iso(body["extra_month"]) if body["extra_month"] else None,
        locked_at_ms=body["locked_at_ms"],
        lock_month=Month.from_iso(body["lock_month"]) if body["lock_month"] else None,
    )
