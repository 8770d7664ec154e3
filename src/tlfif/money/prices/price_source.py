"""The sources of current prices and of the exchange rate."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from tlfif.money.money import ExchangeRate
from tlfif.money.prices.prices import Price

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of bytes of one fetch received so far. Must return at once."""


class PriceSource(ABC):
    """Reads and checks a published price list. ``price_changes`` decides which prices are used."""

    @abstractmethod
    async def fetch(self, region: str, progress: Progress) -> list[Price]:
        """The list's present prices for ``region``: a whole list or none of it; at most one price for each key.

        Prices may be zero; their ``valid_from_ms`` has no meaning yet. Time and size of the call are limited.
        Raises InvalidInputError ``region_unknown``; UnavailableError: ``price_list_unreachable`` (no answer, or it
        broke off) and ``price_list_malformed`` (not a whole list).
        """


class ExchangeSource(ABC):
    """A published rate of US dollars for one euro."""

    @abstractmethod
    async def fetch(self) -> ExchangeRate:
        """The newest rate, ``verified``. Time and size of the call are limited.

        Raises UnavailableError: ``exchange_unreachable``, ``exchange_malformed``.
        """
