"""The ledger in the memory of one process, for tests."""

from tlfif.money.budget.budget import Budget
from tlfif.money.budget.budget_ledger import BudgetLedger, BudgetLedgerState
from tlfif.money.spend.ledger import SpanChange
from tlfif.money.spend.spans import MachineSpan


class MemoryLedger(BudgetLedger):
    """Used from one event loop. Begun at ``since_ms``."""

    def __init__(self, *, since_ms: int) -> None:
        self._since_ms = since_ms
        self._revision = 0
        self._spans: dict[str, tuple[int, MachineSpan]] = {}
        self._reserved: dict[str, int] = {}
        self._budget = Budget()

    async def state(self) -> BudgetLedgerState:
        """See :meth:`Ledger.state`."""
        return BudgetLedgerState(
            revision=self._revision,
            since_ms=self._since_ms,
            budget=self._budget,
            reserved=dict(self._reserved),
        )

    async def span(self, machine_id: str) -> MachineSpan | None:
        """See :meth:`Ledger.span`."""
        found = self._spans.get(machine_id)
        return found[1] if found else None

    async def open_spans(self) -> list[MachineSpan]:
        """See :meth:`Ledger.open_spans`."""
        found = [span for _, span in self._spans.values() if span.to_ms is None]
        return sorted(found, key=lambda span: (span.from_ms, span.machine_id))

    async def spans_after(self, revision: int, *, from_ms: int) -> list[tuple[int, MachineSpan]]:
        """See :meth:`Ledger.spans_after`."""
        return sorted(
            (
                (changed, span)
                for changed, span in self._spans.values()
                if changed > revision and (span.to_ms is None or span.to_ms >= from_ms)
            ),
            key=lambda found: found[0],
        )

    async def reserve(self, machine_id: str, *, micros: int, headroom_micros: int | None) -> bool:
        """See :meth:`Ledger.reserve`."""
        others = sum(kept for other, kept in self._reserved.items() if other != machine_id)
        if headroom_micros is not None and others + micros > headroom_micros:
            return False
        self._reserved[machine_id] = micros
        return True

    async def set_budget(self, budget: Budget, *, instead_of: Budget | None = None) -> bool:
        """See :meth:`Ledger.set_budget`."""
        if instead_of is not None and instead_of != self._budget:
            return False
        self._budget = budget
        return True

    async def close(self) -> None:
        """See :meth:`Ledger.close`."""

    async def change(self, machine_id: str, change: SpanChange, *, release: bool = False) -> None:
        """See :meth:`Ledger.change`."""
        before = await self.span(machine_id)
        after = change(before)
        if after is not None and after != before:
            self._revision += 1
            self._spans[machine_id] = (self._revision, after)
        if release:
            self._reserved.pop(machine_id, None)
