"""How money reads: one format in the window, in commands, in pictures and in the core's sentences."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.money.amounts import amount, eur_of, unit_price, usd, usd_and_eur, usd_of
from tlfif.money.money import ASSUMED_RATE

SOURCE = Path(__file__).parents[2] / "src" / "tlfif"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (20, "20.00"),
        (1234.5, "1,234.50"),
        (0.99996, "1.00"),
        (0.999, "0.9990"),
        (0.05, "0.0500"),
        (0.0831, "0.0831"),
        (0.00009996, "0.0001"),
        (0.00005, "0.000050"),
        (0.000004, "0.000004"),
        (-0.5, "-0.5000"),
    ],
)
def test_an_amount_shows_that_it_is_not_nothing(value: float, shown: str) -> None:
    assert amount(value) == amount(Decimal(str(value))) == shown


@given(micros=st.integers(min_value=-(10**15), max_value=10**15))
def test_no_amount_is_scientific_or_off_by_more_than_its_last_decimal(micros: int) -> None:
    shown = usd_of(micros)
    assert re.fullmatch(r"0 USD|-?[0-9,]+\.([0-9]{2}|[0-9]{4}|[0-9]{6}) USD", shown)
    number = Decimal(shown.removesuffix(" USD").replace(",", ""))
    places = len(shown.removesuffix(" USD").partition(".")[2])
    assert abs(number - Decimal(micros) / 1_000_000) <= Decimal("0.5") / 10**places
    assert (number == 0) == (micros == 0)


def test_the_unit_stands_behind_the_number() -> None:
    assert usd(0.0831) == "0.0831 USD"
    assert usd_and_eur(0, 0) == "0 USD (0 EUR)"
    assert eur_of(23_000_000, ASSUMED_RATE) == "20.00 EUR"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.526, "0.5260"), (1.006, "1.0060"), (0.72 / 3600, "0.0002"), (0.526 / 3600, "0.000146"), (14.6, "14.6000")],
)
def test_the_price_of_a_unit_is_exact(value: float, shown: str) -> None:
    assert unit_price(value) == unit_price(Decimal(str(value))) == shown


def test_no_other_module_formats_money() -> None:
    """A number with decimals and a currency behind it, or a dollar sign before it, comes from ``money/amounts.py``."""
    formatted = re.compile(r"\{[^{}]*:[^{}]*\.[0-9]f\} ?(USD|EUR)|\$\{[a-z]|[\"' (]\$[0-9]")
    found = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in SOURCE.rglob("*.py")
        if path.name != "amounts.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if formatted.search(line)
    ]
    assert not found
