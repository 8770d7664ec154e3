"""Asks AWS once a day what it has billed."""

import logging
from dataclasses import dataclass

from tlfif.kernel.clock import Clock, Ids
from tlfif.kernel.errors import UnavailableError
from tlfif.money.bill.bill import (
    CLOCK_WAS_WRONG,
    Bill,
    BillFailure,
    BillQuery,
    BillRecord,
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
    """Called by the router once a minute. It remembers what the store holds, so a minute in which nothing is due
    reads neither the store nor AWS.

    A query is stored before it is sent. So a router that is killed in between has paid for nothing, or for an answer
    that was not stored; either way the next query is a day later.
    """

    store: BillStore
    source: BillSource
    clock: Clock
    ids: Ids
    _known: BillRecord | None = None

    async def query_if_due(self) -> None:
        """Ask if a query is due and no other router asks. Raises StorageError; then nothing was asked, or the result
        was not stored."""
        now_ms = int(self.clock.now() * 1000)
        known = self._known or await self.store.record()
        step = next_step(known, now_ms)
        if step is Step.WAIT:
            self._known = known
            return
        self._known = None  # if this fails, or another router asks, the store is read again
        query = BillQuery(id=self.ids.new_id("bill"), asked_ms=now_ms)
        if not await self.store.begin(query, after=known.query):
            return
        # This router goes by its own query, whatever the store says later: otherwise a router with a wrong clock and
        # one with a right clock would restart the wait in turns.
        self._known = begun(known, query)
        result = CLOCK_WAS_WRONG if step is Step.RESTART_WAIT else await self._ask(now_ms)
        await self.store.settle(query, result)

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
