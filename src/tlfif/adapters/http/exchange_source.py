"""Reads the European Central Bank's daily reference rate of the dollar.

Format: the bank's page "Euro foreign exchange reference rates", file eurofxref-daily.xml: a ``Cube`` with the day, and
in it one ``Cube`` for each currency with the units of it that one euro costs.
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.parsers import expat

from tlfif.adapters.http.bounded_download import BoundedDownload, UnreachableError, UnusableError
from tlfif.adapters.http.host_lookup import Resolver, system_resolver
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import UnavailableError
from tlfif.money.money import ExchangeRate
from tlfif.money.prices.price_source import ExchangeSource

ECB = "https://www.ecb.europa.eu"
MAX_BYTES = 1 << 16
"""The real file has about 2 KiB."""
LOWEST_RATE, HIGHEST_RATE = Decimal("0.5"), Decimal("2.0")
"""Since 1999 a euro has cost 0.82 to 1.60 dollars. A rate far outside is another currency's or has a misplaced decimal
point, and would make every sum in euros and the budget's limit wrong."""
SOURCE = "European Central Bank, euro foreign exchange reference rates"

_CUBE = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref Cube"
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,10})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class EcbExchangeSource(ExchangeSource):
    """The rate of the last working day: the bank publishes at about 16:00 Frankfurt time."""

    def __init__(
        self,
        *,
        clock: Clock,
        base_url: str = ECB,
        total_seconds: float = 20.0,
        stall_seconds: float = 10.0,
        resolver: Resolver = system_resolver,
    ) -> None:
        """``total_seconds`` limits the whole reading, ``stall_seconds`` a silence within it.

        Raises ValueError unless ``base_url`` is https, or http on this computer.
        """
        self._clock = clock
        self._download = BoundedDownload(
            base_url=base_url,
            max_bytes=MAX_BYTES,
            total_seconds=total_seconds,
            stall_seconds=stall_seconds,
            resolver=resolver,
        )

    async def fetch(self) -> ExchangeRate:
        body = bytearray()
        try:
            await self._download.read("/stats/eurofxref/eurofxref-daily.xml", body.extend)
            today = datetime.fromtimestamp(self._clock.now(), UTC).date()
            return reference_rate(bytes(body), today)
        except UnreachableError as error:
            raise UnavailableError(
                f"The European Central Bank's exchange rate cannot be read now: {error}. The rate known so far is "
                "used. To try again: `./tlfif cost prices --refresh`.",
                code="exchange_unreachable",
            ) from error
        except UnusableError as error:
            raise UnavailableError(
                f"The European Central Bank's exchange rate cannot be used: {error}. The rate known so far is used. "
                "Run `./tlfif cost prices --refresh` again later.",
                code="exchange_malformed",
            ) from error


def reference_rate(body: bytes, today: date) -> ExchangeRate:
    """The rate in the bank's file; ``today`` in UTC. Raises UnusableError."""
    days, rates = _cubes(body)
    if len(days) != 1 or not _DAY.fullmatch(days[0]):
        raise UnusableError("it does not say for which day it is")
    try:
        day = date.fromisoformat(days[0])
    except ValueError as error:
        raise UnusableError("its day is not in the calendar") from error
    if day > today + timedelta(days=1):
        raise UnusableError("its day is still to come; is this computer's clock right?")
    if len(rates) != 1 or not _NUMBER.fullmatch(rates[0]):
        raise UnusableError("it does not have one rate for the dollar")
    rate = Decimal(rates[0])
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UnusableError(f"a euro would cost {rate} dollars, which looks like a mistake")
    return ExchangeRate(usd_per_eur=rate, date=day.isoformat(), source=SOURCE, verified=True)


def _cubes(body: bytes) -> tuple[list[str], list[str]]:
    """The days and the dollar's rates in the file. Raises UnusableError."""
    days: list[str] = []
    rates: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == _CUBE and "time" in attributes:
            days.append(attributes["time"])
        if name == _CUBE and attributes.get("currency") == "USD":
            rates.append(attributes.get("rate", ""))

    def refuse(*_: object) -> None:
        # A few lines of entity declarations can fill the memory, and the bank's file has none.
        raise UnusableError("it has declarations that the bank's file never has")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UnusableError("it is not the file that the bank publishes") from error
    return days, rates
