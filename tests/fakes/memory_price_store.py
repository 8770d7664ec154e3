"""Refreshed prices in the memory of one process, for tests."""

from collections.abc import Sequence

from tlfif.money.money import ExchangeRate
from tlfif.money.prices.price_store import PriceStore
from tlfif.money.prices.prices import Key, Price


class MemoryPriceStore(PriceStore):
    """Forgotten with the process."""

    def __init__(self) -> None:
        self._prices: dict[tuple[Key, int], Price] = {}
        self._rate: ExchangeRate | None = None

    async def prices(self) -> list[Price]:
        """See :meth:`PriceStore.prices`."""
        return sorted(
            self._prices.values(), key=lambda p: (str(p.item), p.region, p.instance_type or "", p.valid_from_ms)
        )

    async def add(self, prices: Sequence[Price]) -> None:
        """See :meth:`PriceStore.add`."""
        if any(price.micros == 0 for price in prices):
            raise ValueError("a refreshed price is above zero")
        self._prices.update({(price.key, price.valid_from_ms): price for price in prices})

    async def exchange_rate(self) -> ExchangeRate | None:
        """See :meth:`PriceStore.exchange_rate`."""
        return self._rate

    async def set_exchange_rate(self, rate: ExchangeRate) -> None:
        """See :meth:`PriceStore.set_exchange_rate`."""
        self._rate = rate

    async def close(self) -> None:
        """See :meth:`PriceStore.close`."""
