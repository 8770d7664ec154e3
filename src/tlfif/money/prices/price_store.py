"""The store of refreshed prices and of the exchange rate."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.money.money import ExchangeRate
from tlfif.money.prices.prices import Price


class PriceStore(ABC):
    """What was read from AWS's list and from the European Central Bank; without the built-in prices.

    Contract, tested by ``tests/contract/test_price_store.py``: no price is ever lost, because old spans are computed
    with old prices; what was written survives power loss. Every method raises StorageError when the medium fails; then
    nothing of that call was stored.
    """

    @abstractmethod
    async def prices(self) -> list[Price]:
        """All prices of all refreshes, sorted by item, region, instance type and beginning."""

    @abstractmethod
    async def add(self, prices: Sequence[Price]) -> None:
        """Store ``prices`` beside the old ones, all or none; one with the same key and ``valid_from_ms`` is replaced.

        Raises ValueError for a price of zero, which no refresh accepts.
        """

    @abstractmethod
    async def exchange_rate(self) -> ExchangeRate | None:
        """The rate stored last; None before the first."""

    @abstractmethod
    async def set_exchange_rate(self, rate: ExchangeRate) -> None:
        """Store ``rate`` in place of the one before: sums are shown in euros at today's rate, never computed in
        euros."""

    @abstractmethod
    async def close(self) -> None:
        """Close files and threads."""
