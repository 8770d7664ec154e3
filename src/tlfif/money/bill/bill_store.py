"""What AWS has billed, and when it was asked."""

from abc import ABC, abstractmethod

from tlfif.money.bill.bill import Bill, BillFailure, BillRecord, Question


class BillStore(ABC):
    """Remembers each question before it is asked, so that it is paid for once: by whoever wrote it down.

    Duties, proven by ``tests/contract/test_bill_store.py``: what is written once survives power loss; of any number of
    routers at once one begins a question. Every method raises StorageError when the medium fails; whether a question
    was written down is then unknown, and whoever began it must not ask.
    """

    @abstractmethod
    async def record(self) -> BillRecord:
        """What is kept; an empty record before the first question."""

    @abstractmethod
    async def begin(self, question: Question, *, after: Question | None) -> bool:
        """Write down that ``question`` is asked now, checked and written in one step: only where ``after`` is the
        newest one (None: there is none). False where it is not; then somebody else asks. The newest figure stays."""

    @abstractmethod
    async def settle(self, question: Question, result: Bill | BillFailure) -> None:
        """What came of it. A failure leaves the newest figure as it is. Nothing happens where the question is no
        longer the newest one."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of files and threads."""
