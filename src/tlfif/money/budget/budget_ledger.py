"""The ledger with the owner's budget beside it."""

from abc import abstractmethod
from dataclasses import dataclass

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
