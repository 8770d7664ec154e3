"""The prices and the exchange rate in force."""

from tlfif.money.money import ASSUMED_RATE, ExchangeRate
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.price_store import PriceStore
from tlfif.money.prices.prices import PriceBook


class Pricing:
    """The built-in prices and the refreshed ones. Reads the store once, and again after :meth:`reload`."""

    def __init__(self, store: PriceStore) -> None:
        self._store = store
        self._book: PriceBook | None = None
        self._rate: ExchangeRate | None = None

    async def book(self) -> PriceBook:
        """All prices. Raises StorageError."""
        if self._book is None:
            self._book = BUILT_IN_PRICES.with_prices(await self._store.prices())
        return self._book

    async def rate(self) -> ExchangeRate:
        """The newest exchange rate that was read, or the assumed one. Raises StorageError."""
        if self._rate is None:
            self._rate = await self._store.exchange_rate() or ASSUMED_RATE
        return self._rate

    def reload(self) -> None:
        """Read the store again at the next call, because it has changed."""
        self._book = self._rate = None
