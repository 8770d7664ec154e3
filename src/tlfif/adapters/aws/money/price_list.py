"""A parser for AWS's public price lists, line by line.

Format: AWS Billing user guide, "Reading the service price list file": five lines about the list, then the column names,
then one price a line. The columns differ between services, so they are found by name.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from tlfif.money.money import MICROS_PER_USD, MicroUsd
from tlfif.money.prices.prices import Item, Price

MAX_LINE_BYTES = 1 << 16
"""Real lines have about 1 KiB."""
HEAD_LINES = 5

_PRICE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,12})?")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T.*)?")
_REGION_MARK = re.compile(r"^[A-Z]+[0-9]*-")
_PLAIN = re.compile(r"[^a-z0-9]")
_ALWAYS = {
    "TermType": "OnDemand",
    "Currency": "USD",
    "StartingRange": "0",
    "EndingRange": "Inf",
}
_WHERE_FILLED = {"Location Type": "AWS Region", "MarketOption": "OnDemand"}
"""Columns that not every list has and not every row fills. If filled, they must have this value: otherwise local zones
and capacity blocks would be taken for the region itself."""


class PriceListMalformedError(Exception):
    """Not a complete price list; nothing of it may be used. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPrice:
    """Which row of a list has the price of what.

    ``usage_type`` is AWS's name without the region's prefix (``EUC1-``); ``unit`` is the list's unit, ``shown_unit``
    ours; ``divisor`` is how many of ours make one of the list's. ``where``: further columns and their values. An
    ``optional`` price may be missing, because AWS does not offer everything everywhere.
    """

    item: Item
    usage_type: str
    unit: str
    shown_unit: str
    instance_type: str | None = None
    divisor: int = 1
    where: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


class PriceListReader:
    """Takes a list block by block and keeps only the wanted prices, so that memory does not grow with the list."""

    def __init__(self, offer: str, region: str, wanted: Iterable[WantedPrice]) -> None:
        """``offer``: AWS's code of the service, which the list must carry."""
        self._offer = offer
        self._region = region
        self._wanted = {one.usage_type.encode(): one for one in wanted}
        self._pending = b""
        self._line_number = 0
        self._head: dict[str, str] = {}
        self._columns: dict[str, int] = {}
        self._width = 0
        self._found: dict[bytes, MicroUsd] = {}

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the list. Raises PriceListMalformedError."""
        lines = (self._pending + block).split(b"\n")
        self._pending = lines.pop()
        for line in lines:
            self._take(line)
        if len(self._pending) > MAX_LINE_BYTES:
            raise self._too_long()

    def finish(self) -> list[Price]:
        """The wanted prices, after the last block. Raises PriceListMalformedError."""
        if self._pending:
            self._take(self._pending, last=True)
            self._pending = b""
        if not self._width:
            raise PriceListMalformedError("it ends before its first price")
        missing = [one for name, one in self._wanted.items() if name not in self._found and not one.optional]
        if missing:
            what = missing[0].instance_type or missing[0].usage_type
            raise PriceListMalformedError(f"it has no price for {what}, so some of it must be missing")
        return [
            Price(
                item=one.item,
                region=self._region,
                instance_type=one.instance_type,
                micros=self._found[name],
                unit=one.shown_unit,
                source=f"AWS public price list, {self._offer} in {self._region}",
                date=self._published(),
                verified=True,
            )
            for name, one in self._wanted.items()
            if name in self._found
        ]

    def _take(self, line: bytes, *, last: bool = False) -> None:
        if len(line) > MAX_LINE_BYTES:
            raise self._too_long()
        self._line_number += 1
        line = line.removesuffix(b"\r")
        if self._line_number <= HEAD_LINES:
            cells = self._cells(line)
            if len(cells) != 2 or (self._line_number == 1 and cells[0] != "FormatVersion"):
                raise PriceListMalformedError("it is no price list of AWS")
            self._head[cells[0]] = cells[1]
        elif self._line_number == HEAD_LINES + 1:
            self._check_head()
            self._take_columns(self._cells(line))
        else:
            self._take_row(line, last=last)

    def _check_head(self) -> None:
        if not self._head["FormatVersion"].startswith("v1."):
            raise PriceListMalformedError("it has a newer format, which this version of TL-FIF does not know")
        if self._head.get("OfferCode") != self._offer:
            raise PriceListMalformedError(f"it is not the list of {self._offer}")
        self._published()

    def _published(self) -> str:
        found = _DAY.fullmatch(self._head.get("Publication Date", ""))
        try:
            return date.fromisoformat(found[1] if found else "").isoformat()
        except ValueError as error:
            raise PriceListMalformedError("it does not say when it was published") from error

    def _take_columns(self, names: list[str]) -> None:
        plain = [_plain(name) for name in names]
        needed = {_plain(name) for one in self._wanted.values() for name in self._conditions(one)}
        needed |= {"usagetype", "unit", "priceperunit"}
        absent = sorted(name for name in needed if plain.count(name) != 1)
        if absent:
            raise PriceListMalformedError(f"it does not have the column {absent[0]} once")
        self._columns = {name: at for at, name in enumerate(plain)}
        self._width = len(names)

    def _take_row(self, line: bytes, *, last: bool) -> None:
        # A list has some hundred thousand lines, of which a handful are wanted; splitting a line is what costs time.
        if line.count(b",") < self._width - 1:
            raise PriceListMalformedError(f"line {self._line_number} is cut short")
        if not last and not any(name in line for name in self._wanted):
            return
        cells = self._cells(line)
        if len(cells) != self._width:
            raise PriceListMalformedError(f"line {self._line_number} does not have the columns of the others")
        name = _REGION_MARK.sub("", self._cell(cells, "usageType"), count=1).encode()
        one = self._wanted.get(name)
        if one is None or not self._matches(one, cells):
            return
        micros = self._micros(self._cell(cells, "PricePerUnit"), one.divisor)
        if self._found.setdefault(name, micros) != micros:
            raise PriceListMalformedError(f"it has two prices for {one.instance_type or one.usage_type}")

    def _conditions(self, one: WantedPrice) -> dict[str, str]:
        return {**_ALWAYS, "Region Code": self._region, **one.where}

    def _matches(self, one: WantedPrice, cells: list[str]) -> bool:
        if self._cell(cells, "Unit").casefold() != one.unit.casefold():
            return False
        if any(self._cell(cells, name) != value for name, value in self._conditions(one).items()):
            return False
        filled = {name: self._cell(cells, name) for name in _WHERE_FILLED if _plain(name) in self._columns}
        return all(value in ("", _WHERE_FILLED[name]) for name, value in filled.items())

    def _cell(self, cells: list[str], name: str) -> str:
        return cells[self._columns[_plain(name)]]

    def _cells(self, line: bytes) -> list[str]:
        try:
            return next(csv.reader([line.decode("utf-8")], strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise PriceListMalformedError(f"line {self._line_number} cannot be read") from error

    def _micros(self, text: str, divisor: int) -> MicroUsd:
        if not _PRICE.fullmatch(text):
            raise PriceListMalformedError(f"line {self._line_number} has no amount where the price should be")
        return int((Decimal(text) * MICROS_PER_USD / divisor).to_integral_value(rounding=ROUND_HALF_UP))

    def _too_long(self) -> PriceListMalformedError:
        return PriceListMalformedError(f"line {self._line_number + 1} is longer than {MAX_LINE_BYTES} bytes")


def _plain(name: str) -> str:
    """A column's name for comparison: lists differ in capitals and spaces ("usageType", "Usage Type")."""
    return _PLAIN.sub("", name.lower())
