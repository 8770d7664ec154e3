"""The source of the bill."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.money.bill.bill import BilledDay, BillPeriod


class BillSource(ABC):
    """Reads the bill from AWS, for a fee: each call makes one request, without retries and without a second page.

    The caller has stored its query before it calls.
    """

    @abstractmethod
    async def read(self, period: BillPeriod) -> Sequence[BilledDay]:
        """Each day of ``period`` once, in order, in US dollars.

        Raises UnavailableError (codes ``bill_…``, with a sentence for the owner) where there is no answer, or one that
        is not exactly that.
        """
