"""A number that a person types means the same in every field and after every command."""

from decimal import Decimal

import pytest

from tlfif.cli import arguments
from tlfif.gui.presenters.machine import minutes_of
from tlfif.kernel.errors import InvalidInputError
from tlfif.kernel.typed_number import typed_number
from tlfif.money.budget.budget_limit import check_limit


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7.5", "7.5"),
        ("7,5", "7.5"),
        (" 20 ", "20"),
        ("0,1", "0.1"),
        (",5", "0.5"),
        ("20,", "20"),
        ("0,125", "0.125"),
        ("-1", "-1"),
        ("1,250", None),
        ("-1,250", None),
        ("1,250.50", None),
        ("1.250,50", None),
        ("", None),
        (",", None),
        ("nan", None),
        ("inf", None),
        ("٣", None),
        ("7 5", None),
        ("1e3", None),
    ],
)
def test_a_comma_is_a_decimal_point_unless_it_may_mark_thousands(text: str, number: str | None) -> None:
    assert typed_number(text) == (None if number is None else Decimal(number))


def test_every_field_and_option_takes_it() -> None:
    assert minutes_of("7,5") == arguments.idle_minutes("7,5") == 7.5
    assert arguments.temperature("0,7") == 0.7
    assert check_limit("0,1") == check_limit("0,10 €") == Decimal("0.1")


def test_what_may_be_a_thousand_is_asked_again() -> None:
    with pytest.raises(InvalidInputError, match="thousands"):
        check_limit("1,250")
    for parse in (minutes_of, arguments.idle_minutes):
        with pytest.raises(InvalidInputError):
            parse("7,500")
