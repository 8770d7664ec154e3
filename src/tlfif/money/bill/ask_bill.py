"""Once a day: what has AWS billed?"""

import logging
from dataclasses import dataclass

from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import UnavailableError
from tlfif.money.bill.bill import (
    CLOCK_WAS_WRONG,
    Bill,
    BillFailure,
    BillRecord,
    Question,
    Step,
    begun,
    bill_of,
    next_step,
    period_at,
)
from tlfif.money.bill.bill_source import BillSource
from tlfif.money.bill.bill_store import BillStore

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class DailyBill:
    """Run with the router's minute. It remembers what the store holds, so that a minute in which nothing is due asks
    neither the store nor anybody else.

    A question is written down before it is asked. So a router that is killed in between has paid for nothing, or for
    an answer that nobody wrote down; either way the next question is a day later.
    """

    store: BillStore
    source: BillSource
    clock: Clock
    ids: Ids
    _known: BillRecord | None = None

    async def ask_if_due(self) -> None:
        """Ask where that is due and nobody else does. Raises StorageError; then nothing was asked, or what came of it
        is not kept."""
        now_ms = int(self.clock.now() * 1000)
        known = self._known or await self.store.record()
        step = next_step(known, now_ms)
        if step is Step.WAIT:
            self._known = known
            return
        self._known = None  # where this goes wrong, or somebody else asks, the store knows better
        question = Question(id=self.ids.new_id("bill"), asked_ms=now_ms)
        if not await self.store.begin(question, after=known.question):
            return
        # Its own question holds whatever the store says later: a router with a wrong clock and one with a right one
        # would else count anew in turns.
        self._known = begun(known, question)
        result = CLOCK_WAS_WRONG if step is Step.COUNT_ANEW else await self._ask(now_ms)
        await self.store.settle(question, result)

    async def _ask(self, now_ms: int) -> Bill | BillFailure:
        period = period_at(now_ms)
        try:
            return bill_of(period, await self.source.read(period))
        except UnavailableError as error:
            log.warning("bill: %s: %s", error.code, error.message)
            return BillFailure(code=error.code, message=error.message)
        except ValueError as error:
            log.warning("bill: AWS's answer cannot be used: %s", error)
            return BillFailure(code="bill_malformed", message=f"Cost Explorer's answer cannot be used: {error}.")
