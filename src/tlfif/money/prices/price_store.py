"""The prices and the exchange rate that refreshes brought."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.money.money import ExchangeRate
from tlfif.money.prices.prices import Price


class PriceStore(ABC):
    """What was read from AWS's list and from the European Central Bank; the built-in prices are not in it.

    Duties, proven by ``tests/contract/test_price_store.py``: no price is ever lost, because old intervals are counted
    with old prices; what is written once survives power loss. Every method raises StorageError when the medium fails;
    then nothing of that call was stored.
    """

    @abstractmethod
    async def prices(self) -> list[Price]:
        """All prices of all refreshes, sorted by item, region, instance type and beginning."""

    @abstractmethod
    async def add(self, prices: Sequence[Price]) -> None:
        """Keep ``prices`` beside the old ones, all or none; one with the same key and ``valid_from_ms`` is replaced.

        Raises ValueError for a price of zero: no refresh takes one over.
        """

    @abstractmethod
    async def exchange_rate(self) -> ExchangeRate | None:
        """The rate last kept; None before the first."""

    @abstractmethod
    async def set_exchange_rate(self, rate: ExchangeRate) -> None:
        """Keep ``rate`` instead of the one before: sums are shown in euros of today, never counted in them."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of files and threads."""
