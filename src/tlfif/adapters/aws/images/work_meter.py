"""Builders and candidates in the ledger and the budget: they cost money like machines, and have no record as one."""

from dataclasses import dataclass

from tlfif.adapters.aws.machines.ec2_instances import STOPPED, TERMINATED, Ec2Instance
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import BudgetLockedError, ImageError
from tlfif.money.budget.budget_gate import BudgetGate
from tlfif.money.money import MicroUsd
from tlfif.money.prices.pricing import Pricing
from tlfif.money.spend.ledger import Ledger
from tlfif.money.spend.spans import opened
from tlfif.money.spend.tariff import Tariff

_OVER = frozenset({STOPPED, TERMINATED})
"""The states in which EC2 charges no time any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkMeter:
    """Raises StorageError. Every method is safe to repeat."""

    ledger: Ledger
    budget: BudgetGate
    pricing: Pricing
    region: str
    clock: Clock

    async def reserve(self, work: dict[str, MicroUsd], *, what: str) -> None:
        """Reserve what each of ``work`` may cost. Raises ImageError ``image_build_refused`` with the figures where the
        month's budget has no room for all of it; nothing is reserved then."""
        try:
            await self.budget.reserve_work(work, what=what)
        except BudgetLockedError as error:
            raise ImageError(error.message, code="image_build_refused", details=error.details) from error

    async def seen(self, work_id: str, found: Ec2Instance) -> None:
        """Enter what EC2 shows of the instance: that it runs since then, or that its time is over."""
        span = await self.ledger.span(work_id)
        if span is None:
            span = opened(
                machine_id=work_id, instance_type=found.instance_type, region=self.region, at_ms=_ms(found.began_at)
            )
            await self.ledger.open_span(span)
        if found.state in _OVER and span.to_ms is None:
            await self.ledger.close_span(work_id, at_ms=_ms(found.ended_at or self.clock.now()))

    async def over(self, work_id: str) -> None:
        """Nothing of it runs any more, or ever did."""
        await self.ledger.close_span(work_id, at_ms=_ms(self.clock.now()))
        await self.ledger.release(work_id)

    async def cost(self, *work_ids: str) -> MicroUsd:
        """What they have cost so far."""
        book, now_ms, total = await self.pricing.book(), _ms(self.clock.now()), 0
        for work_id in work_ids:
            span = await self.ledger.span(work_id)
            if span is not None:
                tariff = Tariff(region=span.region, instance_type=span.instance_type)
                total += tariff.span_between(book, span, span.from_ms, span.end_ms(now_ms) + 1, now_ms)
        return total


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
