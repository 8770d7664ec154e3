"""Refreshed prices in DynamoDB.

The table's items (``pk`` | ``sk``): ``PRICES`` | ``ADDED#<number>`` for each refresh, with all of its prices, so that
either all or none are stored; ``PRICES`` | ``RATE`` for the exchange rate.
"""

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import ABSENT, ConditionFailedError, DynamoTable, Key, Put
from tlfif.money.money import ExchangeRate
from tlfif.money.prices.price_store import PriceStore
from tlfif.money.prices.prices import Item as PricedItem
from tlfif.money.prices.prices import Price, PriceBook

_PRICES = "PRICES"
_RATE: Key = (_PRICES, "RATE")
_ADDED = "ADDED#"
_FIELDS = tuple(f.name for f in fields(Price))


class DynamoPriceStore(PriceStore):
    """The price store of the home on AWS. One refresh fits into one item (400 KB, more than a thousand prices)."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    async def prices(self) -> list[Price]:
        added = await self._table.query(_ALL_ADDED, _WHICH)
        return list(PriceBook(_price(values) for item in added for values in item["prices"]).all())

    async def add(self, prices: Sequence[Price]) -> None:
        if any(price.micros == 0 for price in prices):
            raise ValueError("a refreshed price is above zero")
        if not prices:
            return
        token = self._table.new_token()
        values = [{name: getattr(price, name) for name in _FIELDS} for price in prices]

        async def step() -> None:
            newest = await self._table.query(_ALL_ADDED, _WHICH, limit=1, newest_first=True)
            number = newest[0]["number"] + 1 if newest else 1
            key = {"pk": _PRICES, "sk": f"{_ADDED}{number:010d}"}
            try:
                await self._table.write(
                    Put(item={**key, "number": number, "token": token, "prices": values}, condition=ABSENT)
                )
            except ConditionFailedError as refused:
                there = refused.found[0]
                if there is None or there.get("token") != token:
                    raise
                # Our own: the write succeeded and only the answer was lost.

        await self._table.persist(step)

    async def exchange_rate(self) -> ExchangeRate | None:
        found = await self._table.get(_RATE)
        return None if found is None else _rate(found)

    async def set_exchange_rate(self, rate: ExchangeRate) -> None:
        pk, sk = _RATE
        values = {"date": rate.date, "source": rate.source, "verified": rate.verified}
        # As text, which keeps every digit.
        await self._table.write(Put(item={"pk": pk, "sk": sk, "usd_per_eur": str(rate.usd_per_eur), **values}))

    async def close(self) -> None:
        """See :meth:`PriceStore.close`. The creator of the client closes it."""


_ALL_ADDED = "pk = :prices AND begins_with(sk, :added)"
_WHICH = {":prices": _PRICES, ":added": _ADDED}


def _price(values: dict[str, Any]) -> Price:
    known = {name: values[name] for name in _FIELDS if name in values}
    return Price(**{**known, "item": PricedItem(known["item"])})


def _rate(item: Item) -> ExchangeRate:
    return ExchangeRate(
        usd_per_eur=Decimal(item["usd_per_eur"]), date=item["date"], source=item["source"], verified=item["verified"]
    )
