"""What AWS has billed, in the memory of one process, for tests."""

from tlfif.money.bill.bill import Bill, BillFailure, BillQuery, BillRecord, begun, settled
from tlfif.money.bill.bill_store import BillStore


class MemoryBillStore(BillStore):
    """Used from one event loop; forgotten with the process."""

    def __init__(self) -> None:
        self._record = BillRecord()

    async def record(self) -> BillRecord:
        """See :meth:`BillStore.record`."""
        return self._record

    async def begin(self, query: BillQuery, *, after: BillQuery | None) -> bool:
        """See :meth:`BillStore.begin`."""
        if self._record.query != after:
            return False
        self._record = begun(self._record, query)
        return True

    async def settle(self, query: BillQuery, result: Bill | BillFailure) -> None:
        """See :meth:`BillStore.settle`."""
        if self._record.query == query:
            self._record = settled(self._record, result)

    async def close(self) -> None:
        """See :meth:`BillStore.close`."""
