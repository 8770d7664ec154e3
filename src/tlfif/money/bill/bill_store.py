"""The store of the bill and of its queries."""

from abc import ABC, abstractmethod

from tlfif.money.bill.bill import Bill, BillFailure, BillQuery, BillRecord


class BillStore(ABC):
    """Stores each query before it is sent, so that only the router that stored it pays for it.

    Contract, tested by ``tests/contract/test_bill_store.py``: what was written survives power loss; of several routers
    at once exactly one begins a query. Every method raises StorageError when the medium fails; whether a query was
    stored is then unknown, and its router must not send it.
    """

    @abstractmethod
    async def record(self) -> BillRecord:
        """What is stored; an empty record before the first query."""

    @abstractmethod
    async def begin(self, query: BillQuery, *, after: BillQuery | None) -> bool:
        """Store ``query`` if ``after`` is the newest one (None: there is none), checked and written in one step.
        False where it is not; then another router asks. The newest bill stays."""

    @abstractmethod
    async def settle(self, query: BillQuery, result: Bill | BillFailure) -> None:
        """Store the result of ``query``. A failure leaves the newest bill as it is. Nothing happens where the query is
        no longer the newest one."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of files and threads."""
