"""What AWS has billed, in the memory of one process, for tests."""

from tlfif.money.bill.bill import Bill, BillFailure, BillRecord, Question, begun, settled
from tlfif.money.bill.bill_store import BillStore


class MemoryBillStore(BillStore):
    """Used from one event loop; forgotten with the process."""

    def __init__(self) -> None:
        self._record = BillRecord()

    async def record(self) -> BillRecord:
        """See :meth:`BillStore.record`."""
        return self._record

    async def begin(self, question: Question, *, after: Question | None) -> bool:
        """See :meth:`BillStore.begin`."""
        if self._record.question != after:
            return False
        self._record = begun(self._record, question)
        return True

    async def settle(self, question: Question, result: Bill | BillFailure) -> None:
        """See :meth:`BillStore.settle`."""
        if self._record.question == question:
            self._record = settled(self._record, result)

    async def close(self) -> None:
        """See :meth:`BillStore.close`."""
