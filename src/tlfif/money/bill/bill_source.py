"""Where the bill comes from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.money.bill.bill import BilledDay, BillPeriod


class BillSource(ABC):
    """Who sends the bill, asked at a price: one question for each call, none of them repeated, none for a second page.

    Whoever calls has written down before that it asks.
    """

    @abstractmethod
    async def read(self, period: BillPeriod) -> Sequence[BilledDay]:
        """Each day of ``period`` once, in order, in US dollars.

        Raises UnavailableError (codes ``bill_…``, with a sentence for the owner) where there is no answer, or one that
        is not exactly that.
        """
