"""Where current prices and the exchange rate come from."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from tlfif.money.money import ExchangeRate
from tlfif.money.prices.prices import Price

Progress: TypeAlias = Callable[[int], None]
"""Told how many bytes of one fetch have arrived so far. Must return at once."""


class PriceSource(ABC):
    """A published price list. It reads and checks the list; whether a price is taken over is decided elsewhere."""

    @abstractmethod
    async def fetch(self, region: str, progress: Progress) -> list[Price]:
        """The list's present prices for ``region``: a whole list or none of it; at most one price for each key.

        Prices may be zero; their ``valid_from_ms`` means nothing yet. The call ends within limits of time and size.
        Raises InvalidInputError ``region_unknown``; UnavailableError: ``price_list_unreachable`` (nothing came, or it
        broke off) and ``price_list_malformed`` (what came is not a whole list).
        """


class ExchangeSource(ABC):
    """A published rate of US dollars for one euro."""

    @abstractmethod
    async def fetch(self) -> ExchangeRate:
        """The newest rate, ``verified``. The call ends within limits of time and size.

        Raises UnavailableError: ``exchange_unreachable``, ``exchange_malformed``.
        """
