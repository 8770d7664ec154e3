"""How money reads: one format in the window, in commands, in pictures and in the core's sentences."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlfif.money.amounts import amount, both_of, unit_number, unit_price, usd, usd_and_eur, usd_of
from tlfif.money.money import ASSUMED_RATE

SOURCE = Path(__file__).parents[2] / "src" / "tlfif"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (20, "20.00"),
        (1234.5, "1,234.50"),
        (12.4, "12.40"),
        (0.999, "1.00"),
        (0.996, "1.00"),
        (0.05, "0.05"),
        (0.0831, "0.083"),
        (0.0999, "0.10"),
        (0.00009996, "0.0001"),
        (0.00005, "0.00005"),
        (0.000004, "0.000004"),
        (-0.5, "-0.50"),
    ],
)
def test_an_amount_shows_that_it_is_not_nothing(value: float, shown: str) -> None:
    assert amount(value) == amount(Decimal(str(value))) == shown


@pytest.mark.requirement("1.1.12")
@given(micros=st.integers(min_value=-(10**15), max_value=10**15))
def test_an_amount_is_never_scientific_never_nothing_and_right_to_its_two_digits(micros: int) -> None:
    shown = usd_of(micros)
    assert re.fullmatch(r"[$]0|-?[$][0-9,]+\.[0-9]{2,6}", shown)
    number = Decimal(shown.replace("$", "").replace(",", ""))
    exact = Decimal(micros) / 1_000_000
    assert abs(number - exact) <= max(Decimal("0.005") if abs(exact) >= 1 else abs(exact) / 20, Decimal("0"))
    assert (number == 0) == (micros == 0)


@pytest.mark.requirement("1.1.12")
def test_dollars_have_their_sign_before_the_number_and_euros_behind() -> None:
    assert (usd(0.0831), usd(-2)) == ("$0.083", "-$2.00")
    assert usd_and_eur(0.08, 0.07) == "$0.08 · 0.07 €"
    assert usd_and_eur(0, 0) == "$0 · 0 €"
    assert both_of(23_000_000, ASSUMED_RATE) == "$23.00 · 20.00 €"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.526, "0.526"), (1.006, "1.006"), (0.72 / 3600, "0.0002"), (14.6, "14.60"), (0, "0")],
)
def test_the_price_of_a_unit_is_exact(value: float, shown: str) -> None:
    assert unit_number(value) == unit_number(Decimal(str(value))) == shown
    assert unit_price(value) == f"${shown}"


@pytest.mark.requirement("1.1.12")
def test_no_other_module_formats_money() -> None:
    """A computed number with a currency at it comes from ``money/amounts.py``; none is named by its three letters."""
    formatted = re.compile(r"\} ?(USD|EUR|€)|[0-9] (USD|EUR)\b|\$\{[a-z]")
    found = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in SOURCE.rglob("*.py")
        if path.name != "amounts.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if formatted.search(line)
    ]
    assert not found
