"""Reading the European Central Bank's rate from a server on loopback."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from tests.functional.price_server import PriceServer, Reply, price_server
from tlfif.adapters.http.bounded_download import UnusableError
from tlfif.adapters.http.exchange_source import MAX_BYTES, SOURCE, EcbExchangeSource, reference_rate
from tlfif.kernel.errors import UnavailableError

PATH = "/stats/eurofxref/eurofxref-daily.xml"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server() as running:
        yield running


def cubes(dollar: str = "1.1646", day: str = "2026-11-20") -> str:
    rates = f"<Cube currency='USD' rate='{dollar}'/><Cube currency='JPY' rate='185.74'/>"
    return f"<Cube><Cube time='{day}'>{rates}</Cube></Cube>"


def envelope(inside: str | None = None, *, before: str = "") -> bytes:
    """The bank's file."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{before}'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">\n'
        "<gesmes:subject>Reference rates</gesmes:subject>\n"
        "<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>\n"
        f"{cubes() if inside is None else inside}\n</gesmes:Envelope>"
    ).encode()


def source(server: PriceServer, total_seconds: float = 20.0) -> EcbExchangeSource:
    return EcbExchangeSource(clock=FakeClock(NOW.timestamp()), base_url=server.url, total_seconds=total_seconds)


async def refused(server: PriceServer, reply: Reply, total_seconds: float = 20.0) -> UnavailableError:
    server.replies[PATH] = reply
    with pytest.raises(UnavailableError) as caught:
        await source(server, total_seconds).fetch()
    assert "The rate known so far is used" in caught.value.message
    return caught.value


async def test_the_dollar_and_its_day(server: PriceServer) -> None:
    server.replies[PATH] = Reply(body=envelope())
    rate = await source(server).fetch()
    assert (rate.usd_per_eur, rate.date, rate.source, rate.verified) == (Decimal("1.1646"), "2026-11-20", SOURCE, True)


async def test_a_computer_that_is_a_day_behind_still_takes_it(server: PriceServer) -> None:
    server.replies[PATH] = Reply(body=envelope(cubes(day="2026-11-23")))
    assert (await source(server).fetch()).date == "2026-11-23"


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n'
MALFORMED = {
    "nothing": (b"", "not the file"),
    "a page": (b"<html><body>Sign in<br></body></html>", "not the file"),
    "another document": (b"<x/>", "for which day"),
    "noise": (bytes(range(256)), "not the file"),
    "cut": (envelope()[:-20], "not the file"),
    "entities": (envelope(before=BOMB), "declarations"),
    "entities from outside": (envelope(before=OUTSIDE), "declarations"),
    "entities in another encoding": (
        envelope(before=BOMB).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        "declarations",
    ),
    "an unknown encoding": (envelope().replace(b"UTF-8", b"klingon"), "not the file"),
    "no dollar": (envelope(cubes().replace("USD", "GBP")), "one rate for the dollar"),
    "two dollars": (envelope(cubes().replace("JPY", "USD")), "one rate for the dollar"),
    "two days": (envelope(cubes() + cubes()), "for which day"),
    "no day": (envelope(cubes().replace("time", "when")), "for which day"),
    "another vocabulary": (envelope().replace(b"ecb.int/vocab", b"example.org/v"), "for which day"),
    "no such day": (envelope(cubes(day="2026-02-30")), "calendar"),
    "a day to come": (envelope(cubes(day="2026-11-24")), "still to come"),
    "a day in words": (envelope(cubes(day="Friday")), "for which day"),
    "too low": (envelope(cubes("0.4999")), "looks like a mistake"),
    "too high": (envelope(cubes("2.0001")), "looks like a mistake"),
    "zero": (envelope(cubes("0")), "looks like a mistake"),
    "below zero": (envelope(cubes("-1.1")), "one rate for the dollar"),
    "not a number": (envelope(cubes("NaN")), "one rate for the dollar"),
    "a comma": (envelope(cubes("1,1646")), "one rate for the dollar"),
    "too large": (envelope() + b"\n" * MAX_BYTES, "larger than"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_a_plausible_rate_is_refused(server: PriceServer, name: str) -> None:
    body, words = MALFORMED[name]
    error = await refused(server, Reply(body=body))
    assert error.code == "exchange_malformed"
    assert words in error.message


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=404),
        Reply(status=500),
        Reply(status=302, headers=(("Location", "http://127.0.0.1:9/rates"),)),
        Reply(body=envelope(), cut_after=100),
    ],
)
async def test_what_does_not_come_is_refused(server: PriceServer, reply: Reply) -> None:
    assert (await refused(server, reply)).code == "exchange_unreachable"
    assert len(server.requests) == 1


async def test_a_trickle_ends_at_the_limit(server: PriceServer) -> None:
    error = await refused(server, Reply(body=envelope(), trickle=True), total_seconds=0.3)
    assert error.code == "exchange_unreachable"


def is_no_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return True
    return False


# Hypothesis tries texts that it finds in the program, too, and one of them is a day.
NO_DAYS = st.text(max_size=80).filter(is_no_day)


@given(body=st.binary(max_size=300) | NO_DAYS.map(lambda text: envelope(cubes(day=text))))
def test_no_document_breaks_the_reader(body: bytes) -> None:
    with pytest.raises(UnusableError):
        reference_rate(body, NOW.date())
