"""The ledger in the memory of one process, for tests."""

from collections.abc import Callable

from tlfif.money.budget.budget import Budget
from tlfif.money.budget.budget_ledger import BudgetLedger, BudgetLedgerState
from tlfif.money.spend.spans import MachineSpan, closed, corrected, ready


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

    async def open_span(self, span: MachineSpan) -> None:
        """See :meth:`Ledger.open_span`."""
        if span.machine_id not in self._spans:
            self._keep(span)

    async def mark_ready(self, machine_id: str, *, at_ms: int) -> None:
        """See :meth:`Ledger.mark_ready`."""
        self._change(machine_id, lambda span: ready(span, at_ms))

    async def close_span(self, machine_id: str, *, at_ms: int) -> None:
        """See :meth:`Ledger.close_span`."""
        self._change(machine_id, lambda span: closed(span, at_ms))
        self._reserved.pop(machine_id, None)

    async def correct_span(self, machine_id: str, *, real_stop_ms: int) -> None:
        """See :meth:`Ledger.correct_span`."""
        self._change(machine_id, lambda span: corrected(span, real_stop_ms))

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

    async def release(self, machine_id: str) -> None:
        """See :meth:`Ledger.release`."""
        self._reserved.pop(machine_id, None)

    async def set_budget(self, budget: Budget, *, instead_of: Budget | None = None) -> bool:
        """See :meth:`Ledger.set_budget`."""
        if instead_of is not None and instead_of != self._budget:
            return False
        self._budget = budget
        return True

    async def close(self) -> None:
        """See :meth:`Ledger.close`."""

    def _change(self, machine_id: str, change: Callable[[MachineSpan], MachineSpan]) -> None:
        found = self._spans.get(machine_id)
        if found is not None and (changed := change(found[1])) != found[1]:
            self._keep(changed)

    def _keep(self, span: MachineSpan) -> None:
        self._revision += 1
        self._spans[span.machine_id] = (self._revision, span)
