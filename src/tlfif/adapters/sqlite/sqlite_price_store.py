"""Refreshed prices in the SQLite file of this computer."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, astuple, fields
from decimal import Decimal
from typing import Any

from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.storage_errors import as_written
from tlfif.money.money import ExchangeRate
from tlfif.money.prices.price_store import PriceStore
from tlfif.money.prices.prices import Item, Price

_COLUMNS = tuple(f.name for f in fields(Price))
# Column names are field names of Price, so nothing from outside gets into these statements.
_SELECT = (
    f"SELECT {', '.join(_COLUMNS)} FROM prices "  # noqa: S608  # constants
    "ORDER BY item, region, COALESCE(instance_type, ''), valid_from_ms"
)
_INSERT = f"INSERT INTO prices ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  # constants
_SAME = "DELETE FROM prices WHERE item = ? AND region = ? AND instance_type IS ? AND valid_from_ms = ?"
_RATE = "exchange_rate"


class SqlitePriceStore(PriceStore):
    """Prices in the file that holds jobs and machines. Every change survives a power failure: it is about money."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.share(self)

    async def prices(self) -> list[Price]:
        found = await self._database.read(lambda c: c.execute(_SELECT).fetchall())
        return [_price(row) for row in found]

    async def add(self, prices: Sequence[Price]) -> None:
        if any(price.micros == 0 for price in prices):
            raise ValueError("a refreshed price is above zero")
        await self._database.write(lambda c, _: _add(c, prices), durable=True)

    async def exchange_rate(self) -> ExchangeRate | None:
        row = await self._database.read(
            lambda c: c.execute("SELECT body FROM documents WHERE name = ?", (_RATE,)).fetchone()
        )
        return None if row is None else _rate(row[0])

    async def set_exchange_rate(self, rate: ExchangeRate) -> None:
        body = json.dumps(asdict(rate) | {"usd_per_eur": str(rate.usd_per_eur)})
        await self._database.write(
            lambda c, _: c.execute("REPLACE INTO documents VALUES (?, ?)", (_RATE, body)), durable=True
        )

    async def close(self) -> None:
        await self._database.release(self)


def _add(connection: sqlite3.Connection, prices: Sequence[Price]) -> None:
    for price in prices:
        connection.execute(_SAME, (price.item, price.region, price.instance_type, price.valid_from_ms))
        connection.execute(_INSERT, astuple(price))


@as_written
def _price(row: tuple[Any, ...]) -> Price:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Price(**{**values, "item": Item(values["item"]), "verified": bool(values["verified"])})


@as_written
def _rate(text: str) -> ExchangeRate:
    body = json.loads(text)
    return ExchangeRate(**{**body, "usd_per_eur": Decimal(body["usd_per_eur"])})
