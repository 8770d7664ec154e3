"""A price list and an exchange rate that a test writes."""

from dataclasses import dataclass, field

from tlfif.kernel.errors import UnavailableError
from tlfif.money.money import ExchangeRate
from tlfif.money.prices.price_source import ExchangeSource, PriceSource, Progress
from tlfif.money.prices.prices import Price


@dataclass
class FakePriceSource(PriceSource):
    """Regions that are not in ``lists`` cannot be reached."""

    lists: dict[str, list[Price]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, region: str, progress: Progress) -> list[Price]:
        self.asked.append(region)
        if region not in self.lists:
            raise UnavailableError(f"no list for {region}", code="price_list_unreachable")
        progress(100)
        return self.lists[region]


@dataclass
class FakeExchangeSource(ExchangeSource):
    """Not reachable while it has no ``rate``."""

    rate: ExchangeRate | None = None

    async def fetch(self) -> ExchangeRate:
        if self.rate is None:
            raise UnavailableError("no bank", code="exchange_unreachable")
        return self.rate
